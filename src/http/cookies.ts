import { createRequire } from 'node:module';
import type { Cookie, CookieJar, MemoryCookieStore } from 'tough-cookie';
import { onFirstUse } from '../core/library.ts';

const require = createRequire(import.meta.url);
/** Loaded with the first jar: it brings the list of public suffixes. */
const tough = onFirstUse<typeof import('tough-cookie')>('tough-cookie', () => require('tough-cookie'));

/** Cookies of one jar (PEERS §8; RFC 6265 §6.1 asks for 50 of a domain). The oldest goes for the next. */
export const MAX_COOKIES = 50;
/** Bytes of a cookie's name and value together (RFC 6265 §6.1); a longer one is not kept. */
export const MAX_COOKIE_BYTES = 4_096;
/** Jars in all; the one that was not used for longest goes for the next. */
export const MAX_JARS = 1_000;

/** `off`: none. `service`: one jar for all callers. `token`: one for each token. */
export type JarMode = 'off' | 'service' | 'token';

/** The last millisecond that a Date can hold. */
const LAST_DATE = 8_640_000_000_000_000;

/** Which jar a request is of. */
export interface JarOwner {
  readonly service: string;
  readonly mode: JarMode;
  /** A jar is of one base URL and is thrown away when the service gets another: its cookies were never for that one. */
  readonly baseUrl: string;
  /** Id of the caller's token. */
  readonly token: string;
}

/** A cookie as lists show it: never its value. */
export interface CookieFacts {
  readonly name: string;
  readonly domain: string;
  readonly path: string;
  /** Epoch ms; undefined: until the vault is locked. */
  readonly expiresAt: number | undefined;
  /** Id of the token whose jar it is in; undefined: the service's. */
  readonly token: string | undefined;
}

/**
 * The cookies of upstreams, in memory only. Clients neither see them nor send their own. Everything here is synchronous:
 * no request waits for a jar, and what one response sets the next request sends.
 */
export class Jars {
  readonly #now: () => number;
  /** The one that was not used for longest first. */
  readonly #held = new Map<string, { readonly owner: JarOwner; readonly jar: Jar }>();

  /** @param now epoch milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The jar of a request; undefined for a service that keeps none. */
  of(owner: JarOwner): Jar | undefined {
    if (owner.mode === 'off') return undefined;
    const key = `${owner.service}\0${owner.mode === 'token' ? owner.token : ''}`;
    let held = this.#held.get(key);
    if (held?.owner.mode !== owner.mode || held.owner.baseUrl !== owner.baseUrl) {
      this.#dropOlder(owner);
      held = { owner, jar: new Jar(owner.baseUrl, this.#now) };
    }
    // Put in anew, so that the order of the map is the order of use.
    this.#held.delete(key);
    this.#held.set(key, held);
    const [oldest] = this.#held.keys();
    if (oldest !== undefined && this.#held.size > MAX_JARS) this.#held.delete(oldest);
    return held.jar;
  }

  /** What is kept for a service, expired ones left out. */
  list(service: string): CookieFacts[] {
    return this.#entries(service).flatMap(([, { owner, jar }]) =>
      jar.list().map((cookie) => ({ ...cookie, token: owner.mode === 'token' ? owner.token : undefined })),
    );
  }

  /** Throws away what is kept for a service; responses under way can add nothing to it. @returns how many cookies. */
  clear(service: string): number {
    const count = this.list(service).length;
    for (const [key] of this.#entries(service)) this.#held.delete(key);
    return count;
  }

  /** At lock: everything. */
  clearAll(): void {
    this.#held.clear();
  }

  /** A token has ended: its jars are nobody's. */
  endToken(token: string): void {
    for (const [key, { owner }] of this.#held) {
      if (owner.mode === 'token' && owner.token === token) this.#held.delete(key);
    }
  }

  #entries(service: string) {
    return [...this.#held].filter(([, { owner }]) => owner.service === service);
  }

  /** The service had another base URL, or kept its jars otherwise. */
  #dropOlder({ service, mode, baseUrl }: JarOwner): void {
    for (const [key, { owner }] of this.#entries(service)) {
      if (owner.mode !== mode || owner.baseUrl !== baseUrl) this.#held.delete(key);
    }
  }
}

/** One RFC 6265 jar, of one origin: what it holds goes there and nowhere else, whatever Domain says. */
export class Jar {
  readonly #origin: string;
  readonly #now: () => number;
  readonly #store: MemoryCookieStore;
  readonly #jar: CookieJar;

  constructor(baseUrl: string, now: () => number) {
    this.#origin = new URL(baseUrl).origin;
    this.#now = now;
    this.#store = new (tough().MemoryCookieStore)();
    // Refuses domains that are public suffixes, and drops in silence what breaks the rules of __Host- and __Secure-.
    const options = { prefixSecurity: 'silent', enforceSecureOriginOnStorage: true } as const;
    this.#jar = new (tough().CookieJar)(this.#store, options);
  }

  /** What to send as Cookie for a raw path (its query may be there); undefined when there is none. */
  header(path: string): string | undefined {
    const now = this.#now();
    const fresh = this.#jar
      .getCookiesSync(this.#url(path), { expire: false, sort: true })
      .filter((cookie) => !expired(cookie, now));
    return fresh.length === 0 ? undefined : fresh.map((cookie) => cookie.cookieString()).join('; ');
  }

  /** Keeps what a response to that path set. A field that is no cookie, or not one for this origin, is ignored (RFC 6265 §5.3). */
  keep(setCookie: readonly string[], path: string): void {
    if (setCookie.length === 0) return;
    const now = this.#now();
    for (const field of setCookie) {
      const cookie = cookieBytes(field) > MAX_COOKIE_BYTES ? undefined : tough().Cookie.parse(field);
      if (!cookie) continue;
      endAt(cookie, now);
      this.#jar.setCookieSync(cookie, this.#url(path), { now: new Date(now), ignoreError: true });
    }
    this.#prune(now);
  }

  list(): Omit<CookieFacts, 'token'>[] {
    const now = this.#now();
    return this.#all()
      .filter((cookie) => !expired(cookie, now))
      .map((cookie) => {
        const { key: name, domain, path, expires } = cookie;
        return {
          name,
          domain: domain ?? '',
          path: path ?? '/',
          expiresAt: expires instanceof Date ? expires.getTime() : undefined,
        };
      });
  }

  #url(path: string): string {
    const query = path.indexOf('?');
    return this.#origin + (query < 0 ? path : path.slice(0, query));
  }

  /** In order of creation. */
  #all(): Cookie[] {
    let all: Cookie[] = [];
    // The store calls back before it returns: it is one in memory.
    this.#store.getAllCookies((_, cookies) => {
      all = cookies ?? [];
    });
    return all;
  }

  #prune(now: number): void {
    const all = this.#all();
    const gone = all.filter((cookie) => expired(cookie, now));
    const live = all.filter((cookie) => !gone.includes(cookie));
    for (const { domain, path, key } of [...gone, ...live.slice(0, Math.max(0, live.length - MAX_COOKIES))]) {
      this.#store.removeCookie(domain ?? '', path ?? '/', key, () => {});
    }
  }
}

/**
 * Turns Max-Age, which goes before Expires (RFC 6265 §5.3 step 3), into a fixed end: the library counts it from the last time
 * that the cookie was sent, so that one in use would never end.
 */
function endAt(cookie: Cookie, now: number): void {
  const { maxAge } = cookie;
  if (maxAge === null || maxAge === 'Infinity') return;
  cookie.expires =
    maxAge === '-Infinity' || maxAge <= 0 ? new Date(0) : new Date(Math.min(now + maxAge * 1_000, LAST_DATE));
  cookie.maxAge = null;
}

function expired({ expires }: Cookie, now: number): boolean {
  return expires instanceof Date && expires.getTime() <= now;
}

/** Bytes of name and value: what stands in front of the first attribute. */
function cookieBytes(field: string): number {
  const end = field.indexOf(';');
  return end < 0 ? field.length : end;
}
