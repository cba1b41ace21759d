import { BrokerError, throwIfAborted, toBrokerError } from '../core/errors.ts';
import type { OAuthSettings } from '../core/oauth.ts';
import type { Secret } from '../core/secret.ts';
import { Chain, digest } from './chain.ts';
import type { EndpointFetch } from './endpoint.ts';
import { type Granted, requestToken } from './tokenrequest.ts';

/** Milliseconds before its end from which a token is fetched ahead of need, and from which it is not handed out. */
const AHEAD_MS = 300_000;
const MARGIN_MS = 60_000;
/** Milliseconds after which an issuer that said no, or could not be asked, is asked again. */
const REFUSED_REST_MS = 30_000;
const BROKEN_REST_MS = 5_000;

/** A refresh token that takes the place of the one the vault holds. */
export interface Succession {
  /** SHA-256 of the token that it succeeds: another one in the vault is an admin's, and stays. */
  readonly from: Buffer;
  /** Stays the source's. */
  readonly to: Secret;
}

export interface TokenDeps {
  readonly fetch: EndpointFetch;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /**
   * Stores a refresh token before the access token that came with it is used: with a rotating issuer the old one is
   * void. Must be on disk when it resolves.
   */
  readonly rotated: (service: string, succession: Succession) => Promise<void>;
  /** Told of every request to a token endpoint, for metrics and the log; `error` where it failed. */
  readonly refreshed?: (service: string, error: BrokerError | undefined) => void;
}

export interface TokenRequest {
  /** True when the server refused the last token: what is kept is not good any more. */
  readonly fresh: boolean;
  /** SHA-256 of the token that was refused, where it is known: another one that is kept by now will do. */
  readonly refused?: Buffer | undefined;
}

/**
 * Access tokens of all services, each fetched once however many ask at the same time (RFC 6749 §4.4 and §6, RFC 7523
 * §2.1). A token that is about to end is renewed in the background by whoever asks for it. It holds secrets: `clear`
 * wipes them when the vault is locked.
 */
export class TokenSource {
  readonly #deps: TokenDeps;
  readonly #chains = new Map<string, Chain>();
  readonly #running = new Set<Promise<unknown>>();

  constructor(deps: TokenDeps) {
    this.#deps = deps;
  }

  /**
   * A token of `service` that lives for a while yet; the caller disposes it.
   * @throws BrokerError `upstream_auth` when the issuer refuses, `upstream_unreachable`, `upstream_protocol`,
   * `invalid_argument` for a bad key file, `unavailable` when a rotated refresh token cannot be stored.
   */
  async get(service: string, settings: OAuthSettings, request: TokenRequest, signal: AbortSignal): Promise<Secret> {
    throwIfAborted(signal);
    const chain = this.#chain(service, settings);
    const now = this.#deps.now();
    const rested = chain.failure === undefined || chain.failure.until <= now;
    const { fresh, refused } = request;
    const useless = fresh && (!chain.token || !refused || refused.equals(digest(chain.token)));
    // A token that was refused although the one before it was, too, is no worse than the next would be: nobody makes us
    // ask for one after the other.
    const again = useless && !chain.running && now < chain.replacedAt + REFUSED_REST_MS;
    if (chain.token && (!useless || again) && now < chain.goodUntil) {
      // Whoever comes next finds a new one; if none is to be had, this one serves to its end.
      if (now >= chain.renewAt && rested && !chain.running)
        this.#start(service, chain, settings).catch(() => undefined);
      return chain.token.clone();
    }
    if (chain.failure && !rested && !chain.running) throw chain.failure.error;
    if (useless) chain.replacedAt = now;
    // A rotating issuer has voided the old token by the time it answers: the request goes on when its caller leaves.
    return (await unlessAborted(chain.running ?? this.#start(service, chain, settings), signal)).clone();
  }

  /** A service's record was changed: its next token is a new one. Who holds the old record is served all the same. */
  changed(service: string): void {
    this.#chains.get(service)?.forgetToken();
  }

  /** The service is gone. */
  drop(service: string): void {
    this.#chains.get(service)?.end();
    this.#chains.delete(service);
  }

  /** Resolves when no request is under way: a lock waits for it, bounded by its own timeout, before it wipes. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  /** Wipes everything. */
  clear(): void {
    for (const chain of this.#chains.values()) chain.end();
    this.#chains.clear();
  }

  #chain(service: string, settings: OAuthSettings): Chain {
    const current = this.#chains.get(service);
    if (current?.fits(settings)) return current;
    current?.end();
    const chain = new Chain(settings);
    this.#chains.set(service, chain);
    return chain;
  }

  #start(service: string, chain: Chain, settings: OAuthSettings): Promise<Secret> {
    const running = this.#fetch(service, chain, settings).finally(() => {
      this.#running.delete(running);
      chain.settled();
    });
    chain.running = running;
    this.#running.add(running);
    return running;
  }

  async #fetch(service: string, chain: Chain, settings: OAuthSettings): Promise<Secret> {
    // Copies: the caller's secrets are wiped when its own call is over.
    using own = ownSecrets(settings);
    await this.#store(service, chain);
    const granted = await this.#ask(service, chain, own.settings);
    if (granted.refreshToken) {
      chain.advance(granted.refreshToken);
      await this.#store(service, chain);
    }
    const lifeMs = granted.expiresInSeconds * 1000;
    const endsAt = this.#deps.now() + lifeMs;
    chain.renew(granted.token, {
      renewAt: endsAt - Math.min(AHEAD_MS, lifeMs / 4),
      goodUntil: endsAt - Math.min(MARGIN_MS, lifeMs / 10),
    });
    return granted.token;
  }

  async #ask(service: string, chain: Chain, settings: OAuthSettings): Promise<Granted> {
    try {
      const granted = await requestToken(this.#deps.fetch, settings, chain.newer, this.#deps.now());
      this.#deps.refreshed?.(service, undefined);
      return granted;
    } catch (thrown) {
      const error = toBrokerError(thrown);
      const rest = error.code === 'upstream_auth' ? REFUSED_REST_MS : BROKEN_REST_MS;
      chain.failure = { error, until: this.#deps.now() + rest };
      this.#deps.refreshed?.(service, error);
      throw error;
    }
  }

  async #store(service: string, chain: Chain): Promise<void> {
    const { newer: to, stored: from } = chain;
    if (!to || from.equals(digest(to))) return;
    try {
      await this.#deps.rotated(service, { from, to });
      chain.stored = digest(to);
    } catch (cause) {
      throw new BrokerError('unavailable', 'the new refresh token cannot be stored', { hop: 'auth', cause });
    }
  }
}

function ownSecrets(settings: OAuthSettings): Disposable & { readonly settings: OAuthSettings } {
  const copies: Secret[] = [];
  const own = (secret: Secret): Secret => {
    const copy = secret.clone();
    copies.push(copy);
    return copy;
  };
  return {
    settings: copiedSettings(settings, own),
    [Symbol.dispose]: () => {
      for (const copy of copies) copy[Symbol.dispose]();
    },
  };
}

function copiedSettings(settings: OAuthSettings, own: (secret: Secret) => Secret): OAuthSettings {
  if (settings.type === 'service_account') return { ...settings, key: own(settings.key) };
  const clientSecret = settings.clientSecret && own(settings.clientSecret);
  if (settings.type === 'client_credentials') return { ...settings, clientSecret };
  return { ...settings, refreshToken: own(settings.refreshToken), clientSecret };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(toBrokerError(signal.reason));
  });
  signal.addEventListener('abort', abort, { once: true });
  return await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', abort));
}
