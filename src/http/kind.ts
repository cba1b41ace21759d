import type { Kind } from '../core/kind.ts';
import type { OAuthSettings } from '../core/oauth.ts';
import type { Secret } from '../core/secret.ts';
import type { HttpConfig } from './config.ts';

/** A request as it is about to leave, for the kind that puts its credential into it. */
export interface Outgoing {
  readonly method: string;
  /** `https://api.example.com`, with the port where it is not the scheme's own. */
  readonly origin: string;
  /** Raw: what goes on the wire, base path and query included. */
  readonly path: string;
  /** Flat, raw: name, value, name, value; hop-by-hop and credential-bearing ones are gone, Host is the origin's. */
  readonly headers: readonly string[];
  /**
   * The whole body, for kinds that sign it; read at most once, and bounded.
   * @throws BrokerError `too_large` | `client_gone`.
   */
  body(): Promise<Buffer>;
}

/** What a kind adds to a request. */
export interface Injection {
  /** In place of the request's own. */
  readonly path?: string;
  /** Flat: name, value ...; each takes the place of every header of its name. */
  readonly headers: readonly string[];
  /**
   * What must never come back: the secret itself, and every whole value that was put in. The same array each time where
   * the same things are in it, since what is made of it is kept by its identity.
   */
  readonly needles: readonly Secret[];
}

/** What a kind gets from the outside world. */
export interface InjectIo {
  /** Epoch milliseconds. */
  now(): number;
  random(bytes: number): Buffer;
  /**
   * An OAuth2 access token for the service; the caller disposes it.
   * @param options.fresh true: what is kept was refused.
   * @throws BrokerError `upstream_auth` | `upstream_unreachable` | `upstream_protocol` | `invalid_argument`.
   */
  accessToken(settings: OAuthSettings, options: { readonly fresh: boolean }, signal: AbortSignal): Promise<Secret>;
  /** True on the one retry after a 401 (`refreshable` kinds only). */
  readonly fresh: boolean;
}

/**
 * A kind of HTTP service: how its credential gets into a request. One file each in src/http/kinds, one line each in
 * src/http/registry.ts. Stateless; `config` holds the secrets, is parsed once per revision of the service and token,
 * and is the same object for as long as they are: what a kind makes of it may be kept in a WeakMap by it.
 */
export interface HttpKind<C extends HttpConfig = HttpConfig> extends Kind<C> {
  /**
   * Called for each request. A kind whose credential does not change returns the same Injection each time and no
   * promise: this is the hot path.
   * @param signal aborts when the request is over, for `refreshable` kinds; others ask nobody and get one that never does.
   * @throws BrokerError told to the client as it is: `upstream_auth`, `invalid_argument` ...; nothing is sent then.
   */
  inject(config: C, io: InjectIo, request: Outgoing, signal: AbortSignal): Injection | Promise<Injection>;
  /** True where `fresh` can help: a 401 is then retried once, if the request's body is still at hand. */
  readonly refreshable?: boolean;
}
