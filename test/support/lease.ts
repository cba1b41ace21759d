import { createServer, type Server, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { Conn } from '../../src/core/conn.ts';
import type { Door, Driver, DriverIo, OpenParams, Upstream, Visitor } from '../../src/core/driver.ts';
import { BrokerError, toBrokerError } from '../../src/core/errors.ts';
import type { SessionEnd } from '../../src/core/relay.ts';
import type { Secret } from '../../src/core/secret.ts';

export interface LeaseOptions {
  readonly io: DriverIo;
  readonly ticket?: string;
  readonly tls?: SecureContext;
  readonly idleMs?: number;
  /** Told how each client's session ended. */
  readonly ended?: (end: SessionEnd) => void;
}

/**
 * The least that lets a stock client use a driver: a listener on a free loopback port, any number of clients, one
 * upstream for each, opened with the parameters that the client asks for. It is not the session manager.
 */
export class TestLease<C, F, V extends Visitor, S> implements AsyncDisposable {
  readonly #driver: Driver<C, F, V, S>;
  readonly #config: C;
  readonly #options: LeaseOptions;
  readonly #server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  readonly #stop = new AbortController();
  readonly #live = new Set<Upstream<F, V, S>>();
  readonly #running = new Set<Promise<void>>();
  readonly #facts: F;
  #waiting: Upstream<F, V, S> | undefined;

  private constructor(driver: Driver<C, F, V, S>, config: C, options: LeaseOptions, first: Upstream<F, V, S>) {
    this.#driver = driver;
    this.#config = config;
    this.#options = options;
    this.#waiting = first;
    this.#facts = first.facts;
    this.#server.on('connection', (socket: Socket) => {
      const run = this.#meet(new Conn(socket, 'client')).finally(() => this.#running.delete(run));
      this.#running.add(run);
    });
  }

  /** Opens the first upstream, then listens. @throws as `driver.open`. */
  static async open<C, F, V extends Visitor, S>(
    driver: Driver<C, F, V, S>,
    config: C,
    options: LeaseOptions,
  ): Promise<TestLease<C, F, V, S>> {
    const first = await driver.open(config, new Map(), options.io, new AbortController().signal);
    const lease = new TestLease(driver, config, options, first);
    await new Promise<void>((resolve) => lease.#server.listen(0, '127.0.0.1', resolve));
    return lease;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  /** Resolves when every client that came has gone. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Ends every session, as a revoke does, and waits until they are over. */
  async end(reason: BrokerError): Promise<void> {
    this.#stop.abort(reason);
    await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await this.end(new BrokerError('ended', 'the lease was closed'));
    await this.#waiting?.[Symbol.asyncDispose]();
  }

  async #meet(conn: Conn): Promise<void> {
    const signal = this.#stop.signal;
    const arrival = await this.#driver.greet(conn, this.#facts, this.#door(), signal);
    if (arrival.type === 'side') {
      for (const upstream of this.#live) if (await upstream.side?.(arrival.request, signal)) break;
      arrival.conn.destroy();
    }
    if (arrival.type !== 'client') return;
    const visitor = arrival.visitor;
    try {
      await using upstream = await this.#take(visitor.params);
      this.#live.add(upstream);
      const end = await upstream.serve(visitor, this.#options.idleMs ?? 0, signal);
      this.#live.delete(upstream);
      this.#options.ended?.(end);
    } catch (error) {
      await visitor.refuse(toBrokerError(error));
    }
  }

  #door(): Door {
    const { ticket, tls, idleMs } = this.#options;
    return {
      ticketRequired: ticket !== undefined,
      tls,
      idleMs: idleMs ?? 0,
      admit: async (presented: Secret | undefined) => {
        if (ticket === undefined || presented?.equals(Buffer.from(ticket))) return undefined;
        return new BrokerError('unauthenticated', 'wrong ticket');
      },
      admitSelf: async () => undefined,
      recorded: Promise.resolve(),
      admitSide: async () => undefined,
      note: async () => undefined,
    };
  }

  async #take(params: OpenParams): Promise<Upstream<F, V, S>> {
    const waiting = this.#waiting;
    if (!waiting || !sameParams(waiting.params, params)) return await this.#dial(params);
    this.#waiting = undefined;
    return waiting;
  }

  #dial(params: OpenParams): Promise<Upstream<F, V, S>> {
    return this.#driver.open(this.#config, params, this.#options.io, this.#stop.signal);
  }
}

function sameParams(a: OpenParams, b: OpenParams): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}
