import type { Secret } from '../core/secret.ts';
import type { HttpConfig } from './config.ts';
import { HeaderRules } from './headers.ts';
import type { HttpKind, InjectIo } from './kind.ts';
import type { QuietClock } from './scrub/body.ts';
import { Needles } from './scrub/needles.ts';
import type { Upstream } from './upstream.ts';

/** A service under a grant, ready for requests: everything that can be worked out ahead is. */
export class HttpService {
  readonly name: string;
  readonly kind: HttpKind;
  readonly config: HttpConfig;
  readonly upstream: Upstream;
  readonly headers: HeaderRules;
  #needles: { readonly secrets: readonly Secret[]; readonly needles: Needles } | undefined;

  constructor(name: string, kind: HttpKind, config: HttpConfig, upstream: Upstream) {
    this.name = name;
    this.kind = kind;
    this.config = config;
    this.upstream = upstream;
    this.headers = new HeaderRules(config);
  }

  /** What may not come back, made ready; made anew only when it has changed (a new access token). */
  needles(secrets: readonly Secret[]): Needles {
    if (this.#needles?.secrets === secrets) return this.#needles.needles;
    this.#needles?.needles[Symbol.dispose]();
    const needles = new Needles(secrets);
    this.#needles = { secrets, needles };
    return needles;
  }

  /** Wipes what was made of the secrets; requests under way finish with theirs. */
  [Symbol.dispose](): void {
    this.#needles?.needles[Symbol.dispose]();
    this.#needles = undefined;
  }
}

/** What an exchange needs of the world. */
export interface ExchangeIo {
  /** Epoch milliseconds. */
  now(): number;
  random(bytes: number): Buffer;
  /** Access tokens for one request and its repetition. */
  accessTokens(): InjectIo['accessToken'];
  readonly clock: QuietClock;
}

/** The world as a kind sees it during one request. */
export function injectIo(io: ExchangeIo): (fresh: boolean) => InjectIo {
  let tokens: InjectIo['accessToken'] | undefined;
  const accessToken: InjectIo['accessToken'] = (settings, options, signal) => {
    tokens ??= io.accessTokens();
    return tokens(settings, options, signal);
  };
  return (fresh) => ({ now: io.now, random: io.random, accessToken, fresh });
}
