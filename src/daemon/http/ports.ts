import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { Daemon } from '../daemon.ts';
import type { PeerLookup } from '../peer/lookup.ts';
import { healthRoutes } from './health.ts';
import { HttpListener, type Requests } from './listener.ts';
import type { Listening } from './listening.ts';
import type { HttpProxy } from './proxy.ts';
import type { Found, Route, Routes } from './routes.ts';

export interface OwnPortParts {
  readonly peers: PeerLookup;
  readonly proxy: HttpProxy;
  readonly vault: Daemon['vault'];
  /** Authentication and errors as on the main port, for these routes. */
  dispatch(routes: Pick<Routes, 'find'>): Requests;
  /** For the daemon's log. */
  readonly report: (error: unknown, doing: string) => void;
}

/**
 * The ports of services that have one of their own (`listen`): everything there is the service's, but for `/health`. They
 * follow the records: opened at an unlock and when a service gets one, closed when it goes. Locked, they answer 503.
 */
export class OwnPorts implements AsyncDisposable {
  readonly #parts: OwnPortParts;
  readonly #open = new Map<string, { readonly address: string; readonly listener: HttpListener }>();
  /** One change after the other. */
  #last: Promise<ReadonlyMap<string, BrokerError>> = Promise.resolve(new Map());

  constructor(parts: OwnPortParts) {
    this.#parts = parts;
  }

  /** TCP ports in use, which no service may point at. */
  get ports(): number[] {
    return [...this.#open.values()].flatMap(({ listener }) => (listener.port === undefined ? [] : [listener.port]));
  }

  /** Opens what is missing and closes what has gone. @returns the services whose port is another program's, and the error. */
  follow(wanted: readonly Listening[]): Promise<ReadonlyMap<string, BrokerError>> {
    this.#last = this.#last.then(() => this.#follow(wanted));
    return this.#last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.follow([]);
  }

  async #follow(wanted: readonly Listening[]): Promise<ReadonlyMap<string, BrokerError>> {
    const failures = new Map<string, BrokerError>();
    for (const [service, { address, listener }] of [...this.#open]) {
      if (wanted.some((each) => each.service === service && each.address === address)) continue;
      this.#open.delete(service);
      await listener[Symbol.asyncDispose]();
    }
    for (const { service, address } of wanted) {
      if (this.#open.has(service)) continue;
      try {
        this.#open.set(service, { address, listener: await this.#listen(service, address) });
      } catch (error) {
        const { code, message } = toBrokerError(error);
        const hint = `end the program that has it, then: broker service test ${service}; or take another: broker service set ${service} --listen 127.0.0.1:PORT`;
        const failure = new BrokerError(code, `listen: ${message}`, { cause: error, hint });
        this.#parts.report(failure, `listening on ${address} for ${service}`);
        failures.set(service, failure);
      }
    }
    return failures;
  }

  async #listen(service: string, address: string): Promise<HttpListener> {
    const { proxy, peers } = this.#parts;
    const [health] = healthRoutes(this.#parts);
    if (!health) throw new BrokerError('internal', 'there is no route for health');
    const all: Route = {
      path: '/',
      auth: 'token',
      answersContinue: true,
      handle: (request, response, caller, rest) => proxy.serve(request, response, caller, service, rest, ''),
      upgrade: (request, socket, head, caller, rest) => proxy.upgrade(request, socket, head, caller, service, rest, ''),
    };
    const find = (target: string): Found =>
      /^\/health(\?|$)/.test(target) ? { route: health, rest: '' } : { route: all, rest: target };
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
    const bind = { setting: 'http' as const, host, port: Number(address.slice(colon + 1)) };
    return await HttpListener.start({ bind, peers, requests: this.#parts.dispatch({ find }) });
  }
}
