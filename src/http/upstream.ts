import type { Socket } from 'node:net';
import type { AddressGuard } from '../core/dial.ts';
import type { BrokerError } from '../core/errors.ts';
import type { BaseUrl } from './baseurl.ts';
import type { HttpConfig } from './config.ts';
import { Connections, type Sending } from './connections.ts';
import { Dialer, HTTP_1 } from './dialer.ts';
import type { Receiver } from './flow.ts';
import type { Lane } from './thread/lane.ts';
import type { SecondThread } from './thread/second.ts';

/** The connections to one service, kept and shared by its callers for as long as its record stays what it is. */
export class Upstream {
  readonly base: BaseUrl;
  /** What no service reaches, nor sends anybody to. */
  readonly guard: AddressGuard;
  readonly #dialer: Dialer;
  readonly #connections: Connections;
  readonly #config: HttpConfig;
  readonly #second: Pick<SecondThread, 'lane'> | undefined;
  /** The second thread, where it has connections of this too, and the number that this has there. */
  #there: { readonly lane: Lane; readonly number: number } | undefined;
  /** Ports that it connects to. */
  readonly #ports: readonly number[];
  readonly #closed = new AbortController();

  /**
   * @param second without it, all takes place in this thread.
   * @throws BrokerError `invalid_argument`.
   */
  constructor(config: HttpConfig, guard: AddressGuard, second?: Pick<SecondThread, 'lane'>) {
    this.#dialer = new Dialer(config, guard);
    this.base = this.#dialer.base;
    this.guard = guard;
    this.#config = config;
    this.#second = second;
    this.#ports = this.#dialer.ports;
    this.#connections = new Connections(this.#dialer, config);
  }

  send(request: Sending, receiver: Receiver): void {
    const lane = this.#closed.signal.aborted ? undefined : this.#second?.lane();
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
    this.#there?.lane.close(this.#there.number, reason);
    this.#there = undefined;
    this.#dialer[Symbol.dispose]();
  }

  #numberAt(lane: Lane): number {
    if (this.#there?.lane !== lane) this.#there = { lane, number: lane.open(this.#config) };
    return this.#there.number;
  }
}
