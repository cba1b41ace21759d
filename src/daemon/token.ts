import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';
import { globMatches } from '../core/glob.ts';
import { type Action, EVERYDAY_ACTIONS } from '../core/grant.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { Secret } from '../core/secret.ts';
import { limitProblems, limitsContain, NO_LIMITS, type RequestLimits } from '../http/policy/rules.ts';
import type { Scope, TokenGrant } from './caller.ts';

/** A token as it is stored and shown: everything but its secret part, of which only the SHA-256 exists here. */
export interface TokenRecord {
  /** Ten characters of a-z 2-7; not secret. */
  readonly id: string;
  /** Of a child: its parent's name, a slash, its own. */
  readonly name: string;
  readonly scope: Scope;
  readonly grants: readonly TokenGrant[];
  readonly createdAt: number; // epoch ms
  readonly expiresAt: number | undefined; // epoch ms
  /** The only uid that it is accepted from over TCP; undefined: any. */
  readonly boundUid: number | undefined;
  /** Id of the token that made it. */
  readonly parent: string | undefined;
}

/** A record with what is needed to recognise its token. */
export interface StoredToken extends TokenRecord {
  /** SHA-256 of the whole text. */
  readonly digest: Buffer;
}

/** Actions that a grant can give. */
export const GRANTABLE: readonly Action[] = EVERYDAY_ACTIONS;
/** What a token gets that lies around for the user's programs (DESIGN §6, MECHANISMS §1 "Elevation"). */
export const AMBIENT_GRANTS: readonly TokenGrant[] = [{ services: '*', actions: EVERYDAY_ACTIONS }];

const TEXT = /^brk_([a-z2-7]{10})_[A-Za-z0-9_-]{43}$/;
const TEXT_BYTES = 4 + 10 + 1 + 43;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
/** What a grant may name: services, `*` as wildcard. */
export const SERVICE_GLOB = /^[a-zA-Z0-9._*-]{1,200}$/;

/** A new token's text, `brk_ID_SECRET`: 50 random bits to name it, 256 to prove it. */
export function newTokenText(): { readonly id: string; readonly text: Secret } {
  const id = [...randomBytes(10)].map((byte) => BASE32[byte & 31]).join('');
  const random = randomBytes(32);
  const text = Secret.fromText(`brk_${id}_${random.toString('base64url')}`);
  random.fill(0);
  return { id, text };
}

/** The id within a token's text; undefined when it does not look like a token. */
export function tokenId(presented: Secret): string | undefined {
  if (presented.length !== TEXT_BYTES) return undefined;
  return presented.use((bytes) => TEXT.exec(bytes.toString('latin1'))?.[1]);
}

/** What is kept of a token's text. Its 256 random bits make a slow hash pointless. */
export function tokenDigest(text: Secret): Buffer {
  return text.use((bytes) => createHash('sha256').update(bytes).digest());
}

/** Whether `presented` is the text that `digest` was made of; takes the same time wherever they differ. */
export function digestMatches(digest: Buffer, presented: Secret): boolean {
  return timingSafeEqual(tokenDigest(presented), digest);
}

/** The name that policies go by. A proxy token names its children, so those names must not count. */
export function rootName(name: string): string {
  return name.split('/', 1)[0] ?? name;
}

/**
 * Whether everything that `inner` allows is allowed by one of `outer`, action by action. A glob holds every name of
 * another exactly when it matches that other's text with its stars taken as a character that only a star can match.
 */
export function grantsContain(outer: readonly TokenGrant[], inner: readonly TokenGrant[]): boolean {
  return inner.every((grant) =>
    grant.actions.every((action) =>
      outer.some((wider) => {
        if (!wider.actions.includes(action) || !globMatches(wider.services, grant.services)) return false;
        return action !== 'http' || limitsContain(wider.limits ?? NO_LIMITS, grant.limits ?? NO_LIMITS);
      }),
    ),
  );
}

/** The fields of a token's record in the vault. */
export function tokenFields(token: StoredToken): JsonObject {
  return {
    name: token.name,
    scope: token.scope,
    grants: token.grants.map(({ services, actions, limits }) => ({
      services,
      actions: [...actions],
      ...(limits && { limits: limitFields(limits) }),
    })),
    digest: token.digest.toString('hex'),
    created_at: token.createdAt,
    ...(token.expiresAt !== undefined && { expires_at: token.expiresAt }),
    ...(token.boundUid !== undefined && { bound_uid: token.boundUid }),
    ...(token.parent !== undefined && { parent: token.parent }),
  };
}

/** Reads what `tokenFields` wrote. @throws BrokerError `corrupt` when a field is not what it must be. */
export function parseToken(id: string, fields: JsonObject): StoredToken {
  const bad = (name: string): BrokerError => new BrokerError('corrupt', `token ${id}: the stored ${name} is not valid`);
  const { name, scope, digest } = fields;
  if (typeof name !== 'string') throw bad('name');
  if (scope !== 'admin' && scope !== 'proxy') throw bad('scope');
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) throw bad('digest');
  const createdAt = optionalNumber(fields.created_at);
  if (typeof createdAt !== 'number') throw bad('created_at');
  const expiresAt = optionalNumber(fields.expires_at);
  if (expiresAt === 'bad') throw bad('expires_at');
  const boundUid = optionalNumber(fields.bound_uid);
  if (boundUid === 'bad') throw bad('bound_uid');
  const parent = fields.parent;
  if (parent !== undefined && typeof parent !== 'string') throw bad('parent');
  const grants = parseGrants(fields.grants);
  if (!grants) throw bad('grants');
  return { id, name, scope, grants, digest: Buffer.from(digest, 'hex'), createdAt, expiresAt, boundUid, parent };
}

function parseGrants(raw: JsonValue | undefined): TokenGrant[] | undefined {
  if (!Array.isArray(raw)) return undefined;
  const items: readonly JsonValue[] = raw;
  const grants: TokenGrant[] = [];
  for (const item of items) {
    if (!isJsonObject(item)) return undefined;
    const { services, actions } = item;
    if (typeof services !== 'string' || !SERVICE_GLOB.test(services) || !Array.isArray(actions)) return undefined;
    const named: readonly JsonValue[] = actions;
    const known = GRANTABLE.filter((action) => named.includes(action));
    if (known.length !== named.length) return undefined;
    const limits = item.limits === undefined ? undefined : parseLimits(item.limits);
    if (item.limits !== undefined && !limits) return undefined;
    grants.push({ services, actions: known, ...(limits && { limits }) });
  }
  return grants;
}

function limitFields({ methods, paths, maxBody, rate, concurrency }: RequestLimits): JsonObject {
  return { methods: [...methods], paths: [...paths], max_body: maxBody, rate, concurrency };
}

/** Nothing is skipped: limits that cannot be read make the record corrupt, not wide. */
function parseLimits(raw: JsonValue): RequestLimits | undefined {
  if (!isJsonObject(raw)) return undefined;
  const methods = texts(raw.methods);
  const paths = texts(raw.paths);
  const { max_body: maxBody, rate, concurrency } = raw;
  if (!methods || !paths) return undefined;
  if (typeof maxBody !== 'number' || typeof rate !== 'number' || typeof concurrency !== 'number') return undefined;
  const limits = { methods, paths, maxBody, rate, concurrency };
  return limitProblems(limits).length === 0 ? limits : undefined;
}

function texts(raw: JsonValue | undefined): string[] | undefined {
  if (!Array.isArray(raw)) return undefined;
  const items: readonly JsonValue[] = raw;
  const found = items.filter((item) => typeof item === 'string');
  return found.length === items.length ? found : undefined;
}

function optionalNumber(raw: JsonValue | undefined): number | undefined | 'bad' {
  if (raw === undefined) return undefined;
  return typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= 0 ? raw : 'bad';
}
