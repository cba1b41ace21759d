import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Caller } from '../caller.ts';

/**
 * Whom a route lets in. `open`: anybody who reaches the port; the caller comes without a token. `token`: any valid token.
 * `admin`: a token of scope admin. `rpc`: the handler goes through the Adapter, which asks the access table.
 */
export type RouteAuth = 'open' | 'token' | 'admin' | 'rpc';

/**
 * Answers one request. What it throws before the head of the answer is sent becomes an error answer, after that the end of
 * the connection: a body that broke off must not look whole.
 * @param rest of the raw target what follows the route's path, query included; a broker token in `?key=` is cut out.
 */
export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
  rest: string,
) => void | Promise<void>;

/** As Handler, for a request that wants another protocol: from here on the socket is the handler's. */
export type UpgradeHandler = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  caller: Caller,
  rest: string,
) => void | Promise<void>;

/** One path with everything that is demanded of who calls it. */
export interface Route {
  /** `/health` for exactly that; `/proxy/` for everything below. Compared with the raw path: nothing is decoded. */
  readonly path: string;
  readonly auth: RouteAuth;
  /** Absent: the handler looks at the method itself. */
  readonly methods?: readonly string[];
  /** True: the handler answers `Expect: 100-continue` itself (`writeContinue`); else it is answered before the handler runs. */
  readonly answersContinue?: boolean;
  readonly handle: Handler;
  readonly upgrade?: UpgradeHandler;
}

export interface Found {
  readonly route: Route;
  readonly rest: string;
}

/** Which route a raw target belongs to. */
export class Routes {
  readonly #exact = new Map<string, Route>();
  readonly #below = new Map<string, Route>();

  /** @throws TypeError for a path that is taken, or that is neither exact nor one segment with a slash. */
  add(route: Route): void {
    const { path } = route;
    const table = path.endsWith('/') ? this.#below : this.#exact;
    if (!/^\/[^?#]+$/.test(path) || (table === this.#below && path.indexOf('/', 1) !== path.length - 1))
      throw new TypeError(`${path} cannot be a route`);
    if (table.has(path)) throw new TypeError(`${path} is a route already`);
    table.set(path, route);
  }

  /** @param target the request target in origin form, raw. */
  find(target: string): Found | undefined {
    const slash = target.indexOf('/', 1);
    const query = target.indexOf('?');
    const below = slash > 0 && (query < 0 || slash < query) ? this.#below.get(target.slice(0, slash + 1)) : undefined;
    if (below) return { route: below, rest: target.slice(slash + 1) };
    const exact = this.#exact.get(query < 0 ? target : target.slice(0, query));
    return exact && { route: exact, rest: query < 0 ? '' : target.slice(query) };
  }
}
