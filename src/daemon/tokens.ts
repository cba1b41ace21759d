import { setMaxListeners } from 'node:events';
import { BrokerError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import type { Caller, TokenAncestor } from './caller.ts';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { childToken, type NewToken, rootToken } from './minting.ts';
import {
  digestMatches,
  newTokenText,
  parseToken,
  type StoredToken,
  type TokenRecord,
  tokenDigest,
  tokenFields,
  tokenId,
} from './token.ts';

/** What tokens need of the vault. */
export interface TokenStore {
  readonly state: 'absent' | 'locked' | 'unlocked';
  /** @throws BrokerError `locked`. */
  list(collection: 'token'): readonly { readonly name: string; readonly fields: JsonObject }[];
  write(changes: readonly TokenChange[]): Promise<unknown>;
}

export type TokenChange =
  | { readonly type: 'put'; readonly collection: 'token'; readonly name: string; readonly fields: JsonObject }
  | { readonly type: 'delete'; readonly collection: 'token'; readonly name: string };

interface Live {
  readonly token: StoredToken;
  readonly ended: AbortController;
}

type Authenticated = NonNullable<Caller['token']>;

/** An elevated token lives this long at most (MECHANISMS §1). */
export const ELEVATION_MS = 5 * 60_000;
const MIN_PREFIX = 4;

/**
 * Every token there is. Stored in the vault as hashes; held in memory from the first unlock on, so that tokens stay valid
 * while the vault is locked. Elevated and held ones exist in memory only.
 */
export class Tokens {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  readonly #live = new Map<string, Live>();
  /** Those that are not in the vault: elevated ones, held ones, and children of these. */
  readonly #volatile = new Set<string>();
  readonly #elevated = new Set<string>();
  #loaded = false;
  #nextExpiry: Timer | undefined;

  constructor(store: TokenStore, clock: Clock = systemClock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Takes over what the vault holds; call after every unlock and restore. Tokens that are gone from it end.
   * @throws BrokerError `locked`, `corrupt`.
   */
  load(): void {
    const stored = this.#store.list('token').map((record) => parseToken(record.name, record.fields));
    const kept = new Set(stored.map((token) => token.id));
    for (const { token } of [...this.#live.values()]) {
      if (!kept.has(token.id) && !this.#volatile.has(token.id)) this.#end(token.id, 'is no longer in the vault');
    }
    for (const token of stored) {
      const known = this.#live.get(token.id);
      if (known?.token.digest.equals(token.digest)) continue;
      this.#end(token.id, 'was replaced');
      this.#add(token);
    }
    this.#loaded = true;
    this.#watchExpiry();
  }

  /**
   * Makes a token and stores its hash; one that is `held`, and children of such, exist in memory only.
   * @returns its text, which exists nowhere else: the caller disposes it once it is delivered.
   * @throws BrokerError `invalid_argument` naming the field, `denied` for a child wider than its parent, `exhausted`, `locked`.
   */
  async create(spec: NewToken, held = false): Promise<{ token: Secret; record: TokenRecord }> {
    const parent = spec.parent === undefined ? undefined : this.#parentOf(spec.parent);
    const { id, text } = this.#newText();
    try {
      const now = this.#clock.now();
      const record = parent
        ? childToken(id, spec, parent, this.#descendants(parent.id).length, now)
        : rootToken(id, spec, now);
      const stored = { ...record, digest: tokenDigest(text) };
      if (held || (parent && this.#volatile.has(parent.id))) {
        this.#volatile.add(id);
        this.#add(stored);
        this.#watchExpiry();
        return { token: text, record: publicRecord(stored) };
      }
      await this.#store.write([{ type: 'put', collection: 'token', name: id, fields: tokenFields(stored) }]);
      // The parent may have been revoked while the disk was busy: then this one must not outlive it.
      if (parent && this.#live.get(parent.id)?.ended.signal.aborted !== false) {
        await this.#store.write([{ type: 'delete', collection: 'token', name: id }]);
        throw new BrokerError('unauthenticated', `the token ${parent.name} has ended`);
      }
      this.#add(stored);
      this.#watchExpiry();
      return { token: text, record: publicRecord(stored) };
    } catch (error) {
      text[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * An admin token for somebody who has just proved to know the master password. Never stored; ends with the daemon, at
   * lock, and after ELEVATION_MS at most.
   * @param name as the audit log is to show it; policies do not apply to admins.
   */
  elevate(name: string, boundUid?: number, ttlMs = ELEVATION_MS): { token: Secret; record: TokenRecord } {
    const { id, text } = this.#newText();
    const createdAt = this.#clock.now();
    const expiresAt = createdAt + Math.min(ttlMs, ELEVATION_MS);
    const base = { id, name, scope: 'admin' as const, grants: [], parent: undefined };
    const stored = { ...base, createdAt, expiresAt, boundUid, digest: tokenDigest(text) };
    this.#elevated.add(id);
    this.#volatile.add(id);
    this.#add(stored);
    this.#watchExpiry();
    return { token: text, record: publicRecord(stored) };
  }

  /** Ends what `elevate` made; call at lock. */
  endElevated(): void {
    for (const id of [...this.#elevated]) this.#end(id, 'ended with the lock');
  }

  /**
   * Who presents this text over this connection.
   * @throws BrokerError `unauthenticated` (unknown, expired, bound to another uid), `locked` while no unlock has shown yet
   *   which tokens there are.
   */
  authenticate(presented: Secret, connection: { transport: Caller['transport']; uid?: number }): Authenticated {
    const id = tokenId(presented);
    const live = id === undefined ? undefined : this.#live.get(id);
    if (live && digestMatches(live.token.digest, presented)) return this.#accept(live, connection);
    if (id !== undefined && !this.#loaded && this.#store.state === 'locked') {
      throw new BrokerError('locked', 'the vault is locked, so tokens cannot be checked yet', {
        hint: 'broker unlock',
      });
    }
    throw new BrokerError(
      'unauthenticated',
      'the token is not known: it was revoked, has expired, or is of another daemon',
      {
        hint: 'broker login, or give a valid token in BROKER_TOKEN',
      },
    );
  }

  /** All tokens, oldest first. */
  list(): TokenRecord[] {
    return [...this.#live.values()].map(({ token }) => publicRecord(token)).sort((a, b) => a.createdAt - b.createdAt);
  }

  /** The token and those it made, and those they made: what its holder may see and revoke. */
  family(id: string): TokenRecord[] {
    const members = new Set([id, ...this.#descendants(id)]);
    return this.list().filter((token) => members.has(token.id));
  }

  /**
   * The one token that has this id, name or unique prefix of an id (at least four characters).
   * @throws BrokerError `not_found`; `invalid_argument` when several fit.
   */
  find(selector: string): TokenRecord {
    const exact = this.#live.get(selector);
    if (exact) return publicRecord(exact.token);
    const all = this.list();
    const named = all.filter((token) => token.name === selector);
    const fits =
      named.length > 0 || selector.length < MIN_PREFIX ? named : all.filter((t) => t.id.startsWith(selector));
    const [only] = fits;
    if (!only) throw new BrokerError('not_found', 'there is no such token', { hint: 'broker token list' });
    if (fits.length > 1) {
      const ids = fits.slice(0, 5).map((token) => token.id);
      throw new BrokerError('invalid_argument', `${fits.length} tokens fit; give the id: ${ids.join(', ')}`);
    }
    return only;
  }

  /**
   * Ends a token, its children, and everything they opened.
   * @param selector as for `find`.
   * @throws BrokerError as `find`; `locked`.
   */
  async revoke(selector: string): Promise<TokenRecord> {
    const record = this.find(selector);
    let ids = [record.id, ...this.#descendants(record.id)];
    // A child that was being stored when this began has joined meanwhile.
    for (; ids.length > 0; ids = this.#descendants(record.id)) await this.#remove(ids, 'was revoked');
    return record;
  }

  /** Ends a held token, which may have ended already. */
  async release(id: string): Promise<void> {
    if (this.#live.has(id)) await this.revoke(id);
  }

  /** Aborts when the token ends, with the BrokerError that says why. @throws BrokerError `not_found`. */
  signalFor(id: string): AbortSignal {
    const live = this.#live.get(id);
    if (!live) throw new BrokerError('not_found', 'there is no such token');
    return live.ended.signal;
  }

  /** Forgets expired tokens; call every few minutes. Does nothing while the vault is locked. @returns how many. */
  async purgeExpired(): Promise<number> {
    if (this.#store.state !== 'unlocked') return 0;
    const now = this.#clock.now();
    const expired = this.list().filter((token) => token.expiresAt !== undefined && token.expiresAt <= now);
    const ids = new Set(expired.flatMap((token) => [token.id, ...this.#descendants(token.id)]));
    if (ids.size > 0) await this.#remove([...ids], 'has expired');
    return ids.size;
  }

  /** Stops the timer. Signals stay as they are. */
  [Symbol.dispose](): void {
    this.#nextExpiry?.cancel();
  }

  #accept({ token, ended }: Live, connection: { transport: Caller['transport']; uid?: number }): Authenticated {
    const now = this.#clock.now();
    if (ended.signal.aborted || (token.expiresAt !== undefined && token.expiresAt <= now)) {
      throw new BrokerError('unauthenticated', `the token ${token.name} has expired`);
    }
    const overTcp = connection.transport === 'tcp' || connection.transport === 'http';
    if (overTcp && token.boundUid !== undefined && connection.uid !== token.boundUid) {
      throw new BrokerError('unauthenticated', `the token ${token.name} is bound to uid ${token.boundUid} over TCP`, {
        hint: 'use the unix socket, or make the token with --any-uid',
      });
    }
    const { id, name, scope, grants, expiresAt } = token;
    return { id, name, scope, grants, ancestors: this.#ancestors(token), expiresAt, signal: ended.signal };
  }

  /** Its maker first. */
  #ancestors({ parent }: StoredToken): TokenAncestor[] {
    const ancestors: TokenAncestor[] = [];
    for (let above = parent; above !== undefined; ) {
      const live = this.#live.get(above);
      // Its children end with a token: whose maker is gone, may nothing any more.
      if (!live) throw new BrokerError('unauthenticated', 'the token that this one was made with has ended');
      const { id, name, grants } = live.token;
      ancestors.push({ id, name, grants });
      above = live.token.parent;
    }
    return ancestors;
  }

  #parentOf(id: string): StoredToken {
    const live = this.#live.get(id);
    if (!live || live.ended.signal.aborted) throw new BrokerError('unauthenticated', 'the parent token has ended');
    if (live.token.scope !== 'proxy') throw new BrokerError('invalid_argument', 'parent: not a proxy token');
    return live.token;
  }

  #newText(): { id: string; text: Secret } {
    for (;;) {
      const made = newTokenText();
      if (!this.#live.has(made.id)) return made;
      made.text[Symbol.dispose]();
    }
  }

  #add(token: StoredToken): void {
    const ended = new AbortController();
    // Every session and call of the token listens to it.
    setMaxListeners(0, ended.signal);
    this.#live.set(token.id, { token, ended });
  }

  #descendants(id: string): string[] {
    const found: string[] = [id];
    // Grows while it is walked: the children of the children come behind them.
    for (const parent of found) {
      for (const { token } of this.#live.values()) if (token.parent === parent) found.push(token.id);
    }
    return found.slice(1);
  }

  async #remove(ids: readonly string[], why: string): Promise<void> {
    const stored = ids.filter((id) => !this.#volatile.has(id));
    if (stored.length > 0) {
      await this.#store.write(stored.map((name) => ({ type: 'delete', collection: 'token', name })));
    }
    for (const id of ids) this.#end(id, why);
    this.#watchExpiry();
  }

  #end(id: string, why: string): void {
    const live = this.#live.get(id);
    if (!live) return;
    this.#live.delete(id);
    this.#elevated.delete(id);
    this.#volatile.delete(id);
    live.ended.abort(new BrokerError('ended', `the token ${live.token.name} ${why}`));
  }

  /** One timer, for the next token to expire. It ends the token's signal; the record stays until it is purged. */
  #watchExpiry(): void {
    this.#nextExpiry?.cancel();
    this.#nextExpiry = undefined;
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const { token, ended } of [...this.#live.values()]) {
      if (token.expiresAt === undefined || ended.signal.aborted) continue;
      if (token.expiresAt > now) next = Math.min(next, token.expiresAt);
      else if (this.#volatile.has(token.id)) this.#end(token.id, 'has expired');
      else ended.abort(new BrokerError('ended', `the token ${token.name} has expired`));
    }
    if (next !== Number.POSITIVE_INFINITY) this.#nextExpiry = this.#clock.after(next - now, () => this.#watchExpiry());
  }
}

function publicRecord({ digest: _, ...record }: StoredToken): TokenRecord {
  return record;
}
