import type { Socket } from 'node:net';
import type { AddressGuard } from '../core/dial.ts';
import type { BrokerError } from '../core/errors.ts';
import type { BaseUrl } from './baseurl.ts';
import type { HttpConfig } from './config.ts';
import { Connections, type Sending } from './connections.ts';
import { Dialer, HTTP_1 } from './dialer.ts';
import type { Receiver } from './flow.ts';
import type { Lane } from './threads/lane.ts';
import type { Threads } from './threads/threads.ts';

/** The connections to one service, kept and shared by its callers for as long as its record stays what it is. */
export class Upstream {
  readonly base: BaseUrl;
  /** What no service reaches, nor sends anybody to. */
  readonly guard: AddressGuard;
  readonly #dialer: Dialer;
  readonly #connections: Connections;
  readonly #config: HttpConfig;
  readonly #threads: Pick<Threads, 'lane'> | undefined;
  /** Where connections of it are besides here, and the number that it has there. */
  readonly #lanes = new Map<Lane, number>();
  /** Ports that it connects to. */
  readonly #ports: readonly number[];
  readonly #closed = new AbortController();

  /** @throws BrokerError `invalid_argument`. */
  constructor(config: HttpConfig, guard: AddressGuard, threads?: Pick<Threads, 'lane'>) {
    this.#dialer = new Dialer(config, guard);
    this.base = this.#dialer.base;
    this.guard = guard;
    this.#config = config;
    this.#threads = threads;
    this.#ports = this.#dialer.ports;
    this.#connections = new Connections(this.#dialer, config);
  }

  send(request: Sending, receiver: Receiver): void {
    const lane = this.#threads?.lane();
    // Which ports are broker's own is known here only, and looked at where a connection is made.
    if (!lane || this.#ports.some((port) => this.guard('127.0.0.1', port))) this.#connections.send(request, receiver);
    else lane.send(this.#numberAt(lane), request, receiver);
  }

  /** A connection of its own, for a request that turns it into something else. */
  async dedicated(signal: AbortSignal): Promise<Socket> {
    return await this.#dialer.connect(HTTP_1, () => undefined, AbortSignal.any([signal, this.#closed.signal]));
  }

  /** Breaks off everything that is under way. */
  close(reason: BrokerError): void {
    this.#closed.abort(reason);
    this.#connections.close(reason);
    for (const [lane, number] of this.#lanes) lane.close(number, reason);
    this.#lanes.clear();
    this.#dialer[Symbol.dispose]();
  }

  #numberAt(lane: Lane): number {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    const number = lane.open(this.#config);
    this.#lanes.set(lane, number);
    return number;
  }
}
