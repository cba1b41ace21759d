import { closest } from '../core/config.ts';
import { BrokerError, type ErrorCode } from '../core/errors.ts';
import { globMatches } from '../core/glob.ts';
import { type Action, SESSION_ACTIONS } from '../core/grant.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { LIFETIME_MS, MAX_LIVE_UPSTREAMS } from '../core/limits.ts';
import type { Caller } from './caller.ts';
import { rootName } from './token.ts';

/** Who may use a service, and how much of it. Stored with the service as JSON, keys in snake case. */
export interface ServicePolicy {
  /** Globs on the names of tokens; empty: every token whose grants name the service. A child goes by its root's name. */
  readonly allowTokens: readonly string[];
  /** Empty: every uid. Else a caller whose uid is not known is refused. */
  readonly allowUids: readonly number[];
  /** Live sessions at a time; 0: the daemon's own limit (MAX_LIVE_UPSTREAMS). */
  readonly maxSessions: number;
  /** Longest life of a session in ms; 0: the daemon's own limit (LIFETIME_MS). */
  readonly maxLifetimeMs: number;
}

/** What `decide` knows about a service. */
export interface ServiceFacts {
  readonly name: string;
  readonly policy: ServicePolicy;
  /** Sessions of it that are open now, the asked-for one not counted. */
  readonly liveSessions: number;
  /** Globs on the names of services that may be reached through it. */
  readonly carries?: readonly string[];
  /** The service that is to be reached through it, for `via`. */
  readonly target?: string | undefined;
}

/** Which rule refused; recorded in the audit log, never told to the caller. */
export type Rule = 'token' | 'grant' | 'action' | 'allow_tokens' | 'allow_uids' | 'max_sessions' | 'via_for';

export type PolicyDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly rule: Rule; readonly code: ErrorCode; readonly message: string };

/** Actions that no grant can give: they need an admin. */
const ADMIN_ACTIONS: readonly Action[] = ['test', 'expose'];
const FIELDS = ['allow_tokens', 'allow_uids', 'max_sessions', 'max_lifetime_ms'];
const MAX_ENTRIES = 100;
const MAX_GLOB_CHARS = 200;
/** Highest uid there is; 65534 (nobody) and 2^32 - 1 (the overflow uid) stand for "not known" and match nothing. */
const MAX_UID = 4_294_967_294;
const NOBODY = 65_534;

export function isSession(action: Action): boolean {
  return SESSION_ACTIONS.some((known) => known === action);
}

/**
 * The policy of a service record.
 * @throws BrokerError `invalid_argument` naming every bad field; nothing is skipped, so a bad policy cannot be saved.
 */
export function parsePolicy(json: JsonObject): ServicePolicy {
  const problems = Object.keys(json)
    .filter((name) => !FIELDS.includes(name))
    .map((name) => {
      const near = closest(name, FIELDS);
      return `policy.${name} is not known${near ? ` (did you mean ${near}?)` : ''}`;
    });
  const allowTokens = entries(json.allow_tokens, 'allow_tokens', isTokenGlob, problems);
  const allowUids = entries(json.allow_uids, 'allow_uids', isUid, problems);
  const maxSessions = count(json.max_sessions, 'max_sessions', MAX_LIVE_UPSTREAMS, problems);
  const maxLifetimeMs = count(json.max_lifetime_ms, 'max_lifetime_ms', Number.MAX_SAFE_INTEGER, problems);
  if (problems.length > 0) throw new BrokerError('invalid_argument', problems.join('; '), { hop: 'config' });
  return { allowTokens, allowUids, maxSessions, maxLifetimeMs };
}

/**
 * Whether `caller` may do `action` with the service now. Pure: the same facts give the same answer.
 * The daemon's own work (transport `internal`) passes; an admin passes every rule about who, not those about how much.
 */
export function decide(caller: Caller, service: ServiceFacts, action: Action, now: number): PolicyDecision {
  if (action === 'via') return decideVia(caller, service, now);
  const who = decideWho(caller, service, now);
  if (!who.allowed) return who;
  if (caller.transport === 'internal') return who;
  if (caller.token?.scope !== 'admin' && !grantsAction(caller, service.name, action)) {
    return refusal('action', 'denied', `this token may not use ${service.name} for ${action}`);
  }
  const most = service.policy.maxSessions || MAX_LIVE_UPSTREAMS;
  if (isSession(action) && service.liveSessions >= most) {
    return refusal('max_sessions', 'exhausted', `${service.name} has ${most} sessions open, which is its limit`);
  }
  return who;
}

/** Whether the service exists as far as `caller` is concerned: some grant names it, and its policy lets the caller in. */
export function mayKnow(caller: Caller, service: Pick<ServiceFacts, 'name' | 'policy'>, now: number): boolean {
  return decideWho(caller, service, now).allowed;
}

/** When whatever the caller opens must end, in epoch ms: the service's longest lifetime, or the token's end if sooner. */
export function latestEnd(caller: Caller, policy: ServicePolicy, now: number): number {
  const byPolicy = now + (policy.maxLifetimeMs || LIFETIME_MS);
  return Math.min(byPolicy, caller.token?.expiresAt ?? byPolicy);
}

/**
 * A service on the way to another one: who may use that is decided already, and this one says itself which services it
 * carries. The caller needs no grant of its own for it.
 */
function decideVia(caller: Caller, { name, carries, target }: ServiceFacts, now: number): PolicyDecision {
  const ended = decideToken(caller, now);
  if (ended) return ended;
  if (target !== undefined && carries?.some((glob) => globMatches(glob, target))) return { allowed: true };
  return refusal('via_for', 'denied', `${name} is not a way to ${target ?? 'other services'} (via_for)`);
}

function decideWho(caller: Caller, service: Pick<ServiceFacts, 'name' | 'policy'>, now: number): PolicyDecision {
  if (caller.transport === 'internal') return { allowed: true };
  const ended = decideToken(caller, now);
  if (ended) return ended;
  const { token } = caller;
  if (!token || token.scope === 'admin') return { allowed: true };
  const { name, policy } = service;
  if (!token.grants.some((grant) => globMatches(grant.services, name))) {
    return refusal('grant', 'denied', `no grant of the token ${token.name} names ${name}`);
  }
  const root = rootName(token.name);
  if (policy.allowTokens.length > 0 && !policy.allowTokens.some((glob) => globMatches(glob, root))) {
    return refusal('allow_tokens', 'denied', `the policy of ${name} does not allow the token ${root}`);
  }
  const uid = caller.peer?.uid;
  if (policy.allowUids.length > 0 && (uid === undefined || !policy.allowUids.includes(uid))) {
    const who = uid === undefined ? 'a caller whose uid is not known' : `uid ${uid}`;
    return refusal('allow_uids', 'denied', `the policy of ${name} does not allow ${who}`);
  }
  return { allowed: true };
}

/** The refusal of a caller without a token that is still good; undefined where it has one, or needs none. */
function decideToken({ transport, token }: Caller, now: number): PolicyDecision | undefined {
  if (transport === 'internal') return undefined;
  if (!token) return refusal('token', 'unauthenticated', 'this needs a token');
  if (token.signal.aborted || (token.expiresAt !== undefined && token.expiresAt <= now))
    return refusal('token', 'unauthenticated', `the token ${token.name} has ended`);
  return undefined;
}

function grantsAction(caller: Caller, service: string, action: Action): boolean {
  if (ADMIN_ACTIONS.includes(action)) return false;
  const grants = caller.token?.grants ?? [];
  return grants.some((grant) => grant.actions.includes(action) && globMatches(grant.services, service));
}

function refusal(rule: Rule, code: ErrorCode, message: string): PolicyDecision {
  return { allowed: false, rule, code, message };
}

function entries<T extends JsonValue>(
  raw: JsonValue | undefined,
  name: string,
  fits: (item: JsonValue) => item is T,
  problems: string[],
): readonly T[] {
  if (raw === undefined || raw === null) return [];
  if (!Array.isArray(raw) || raw.length > MAX_ENTRIES) {
    problems.push(`policy.${name} must be a list of at most ${MAX_ENTRIES} entries`);
    return [];
  }
  const items: readonly JsonValue[] = raw;
  const wanted = name === 'allow_uids' ? 'a uid of a real user' : 'a name of a token, * as wildcard';
  items.forEach((item, index) => {
    if (!fits(item)) problems.push(`policy.${name} entry ${index + 1} is not ${wanted}`);
  });
  return items.filter(fits);
}

function count(raw: JsonValue | undefined, name: string, most: number, problems: string[]): number {
  if (raw === undefined || raw === null) return 0;
  if (typeof raw === 'number' && Number.isInteger(raw) && raw >= 0 && raw <= most) return raw;
  problems.push(`policy.${name} must be a whole number from 0 to ${most}`);
  return 0;
}

function isTokenGlob(item: JsonValue): item is string {
  return typeof item === 'string' && item.length <= MAX_GLOB_CHARS && /^[a-zA-Z0-9._*-]+$/.test(item);
}

function isUid(item: JsonValue): item is number {
  return typeof item === 'number' && Number.isInteger(item) && item >= 0 && item <= MAX_UID && item !== NOBODY;
}
