import { createHash } from 'node:crypto';
import type { BrokerError } from '../core/errors.ts';
import type { OAuthSettings } from '../core/oauth.ts';
import { Secret } from '../core/secret.ts';

/** Refresh tokens of one chain whose holders may still be about: an hourly rotation fills it in half a year. */
const MAX_KNOWN = 4_096;

/** What is known of one service's way to tokens. Other settings, or a refresh token from elsewhere, start another. */
export class Chain {
  readonly #print: string;
  /** Digests of the refresh token that the chain began with, and of those that replaced it. */
  readonly #known = new Set<string>();
  /** Digest of the refresh token that the vault holds, as far as this chain knows. */
  stored: Buffer;
  /** A refresh token newer than the one that whoever opened the record earlier still holds. */
  newer: Secret | undefined;
  token: Secret | undefined;
  /** Epoch ms from which a new token is fetched ahead of need, and from which this one is not handed out any more. */
  renewAt = 0;
  goodUntil = 0;
  /** Epoch ms at which a token was last replaced because it was refused. */
  replacedAt = 0;
  running: Promise<Secret> | undefined;
  /** Not asked again before `until` (epoch ms): the answer would be the same. */
  failure: { readonly error: BrokerError; readonly until: number } | undefined;
  #over = false;
  /** Settings that were found to fit: HTTP services come with the same object for every request. */
  readonly #fitting = new WeakSet<OAuthSettings>();

  constructor(settings: OAuthSettings) {
    this.#print = fingerprint(settings);
    this.stored = startOf(settings);
    this.#known.add(this.stored.toString('base64'));
  }

  /** Whether whoever holds these settings is served by this chain. */
  fits(settings: OAuthSettings): boolean {
    if (this.#fitting.has(settings)) return true;
    const fits = this.#print === fingerprint(settings) && this.#known.has(startOf(settings).toString('base64'));
    if (fits) this.#fitting.add(settings);
    return fits;
  }

  /** Goes on with another refresh token, which it takes over. */
  advance(refreshToken: Secret): void {
    this.newer?.[Symbol.dispose]();
    this.newer = refreshToken;
    this.#known.add(digest(refreshToken).toString('base64'));
    for (const oldest of this.#known) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
  }

  /** Takes a new access token over. */
  renew(token: Secret, times: { readonly renewAt: number; readonly goodUntil: number }): void {
    this.token?.[Symbol.dispose]();
    this.token = token;
    this.renewAt = times.renewAt;
    this.goodUntil = times.goodUntil;
    this.failure = undefined;
  }

  /** The next who asks gets a new token; the refresh token stays. */
  forgetToken(): void {
    this.renewAt = 0;
    this.goodUntil = 0;
    this.failure = undefined;
  }

  /** Wipes it, once nobody waits for it any more. */
  end(): void {
    this.#over = true;
    if (this.running === undefined) this.#wipe();
  }

  /** A request is over. Those who waited for it copy its token in this turn of the event loop. */
  settled(): void {
    this.running = undefined;
    if (this.#over) setImmediate(() => this.#wipe());
  }

  #wipe(): void {
    this.token?.[Symbol.dispose]();
    this.newer?.[Symbol.dispose]();
    this.token = undefined;
    this.newer = undefined;
  }
}

/** SHA-256. */
export function digest(secret: Secret): Buffer {
  return secret.use((bytes) => createHash('sha256').update(bytes).digest());
}

function startOf(settings: OAuthSettings): Buffer {
  return settings.type === 'refresh_token' ? digest(settings.refreshToken) : Buffer.alloc(0);
}

/** Of everything but the refresh token, which may be replaced on the way. */
function fingerprint(settings: OAuthSettings): string {
  const shown = (value: unknown): unknown => (value instanceof Secret ? digest(value).toString('base64') : value);
  const parts = Object.entries(settings)
    .filter(([name]) => name !== 'refreshToken')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, shown(value) ?? null]);
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}
