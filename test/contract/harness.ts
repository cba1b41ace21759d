import type { Duplex } from 'node:stream';
import type { Conn } from '../../src/core/conn.ts';
import type { Driver } from '../../src/core/driver.ts';
import type { FakeServer } from '../fakes/listener.ts';

/** What a client of the kind does, on a raw connection. All reads are bounded by a timeout of the harness. */
export interface ContractClient {
  /**
   * Logs in; `pipelined` is written in the same packet as the last message of the login.
   * @returns undefined when it is in, else what it was told.
   */
  login(conn: Conn, ticket?: string, pipelined?: Buffer): Promise<string | undefined>;
  /** A request that the fake answers with `marker` in it. */
  request(marker: string): Buffer;
  /** Reads one answer. */
  answer(conn: Conn): Promise<string>;
  /** A request after which the fake sends its last words, which contain `last words`, and half-closes. */
  finish(): Buffer;
  /** What a client reads when it is cut off; empty when the connection just closes. */
  farewell(conn: Conn): Promise<string>;
}

/** Another service by which the one of the stage is reached; that one's configuration has `via`. */
export interface Way {
  readonly driver: Driver;
  readonly name: string;
  /** @returns what gives a fresh parsed configuration whenever it is asked; ended with the stage. */
  start(): Promise<AsyncDisposable & { config(): unknown }>;
}

export interface ContractHarness {
  readonly way?: Way;
  readonly driver: Driver;
  readonly client: ContractClient;
  readonly password: string;
  start(): Promise<FakeServer>;
  /** Where a request cannot be written to the socket as it is (SSH): the stream that the client has instead. */
  wrap?(socket: Duplex): Duplex;
  /** A fresh parsed configuration for the server, with strict settings. */
  config(server: FakeServer, password: string): unknown;
}
