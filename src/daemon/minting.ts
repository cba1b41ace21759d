import { BrokerError } from '../core/errors.ts';
import { limitProblems } from '../http/policy/rules.ts';
import type { Scope, TokenGrant } from './caller.ts';
import { GRANTABLE, grantsContain, SERVICE_GLOB, type StoredToken, type TokenRecord } from './token.ts';

/** What somebody asks for who makes a token. */
export interface NewToken {
  /** 1 to 100 characters of a-z A-Z 0-9 . _ -; a child may do without. */
  readonly name?: string;
  readonly scope: Scope;
  /** What a proxy token may do; an admin token has none. */
  readonly grants: readonly TokenGrant[];
  readonly ttlMs?: number;
  readonly expiresAt?: number; // epoch ms
  /** The only uid that may use it over TCP. A child of a bound token is bound as its parent. */
  readonly boundUid?: number;
  /** Id of the proxy token that makes this one. */
  readonly parent?: string;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/;
const MAX_GRANTS = 100;
/** Methods and paths of one grant. */
const MAX_LIMITS = 100;
/** Live descendants of one token, and generations below a token that an admin made. */
const MAX_CHILDREN = 1_000;
const MAX_DEPTH = 4;

/** A token that an admin makes. @throws BrokerError `invalid_argument` naming the field. */
export function rootToken(id: string, spec: NewToken, now: number): TokenRecord {
  if (spec.scope === 'admin' && spec.grants.length > 0) {
    throw new BrokerError('invalid_argument', 'grants: an admin token has none, it may do everything');
  }
  return {
    id,
    name: checkName(spec.name ?? ''),
    scope: spec.scope,
    grants: checkGrants(spec.grants),
    createdAt: now,
    expiresAt: expiryOf(spec, now),
    boundUid: spec.boundUid,
    parent: undefined,
  };
}

/**
 * A token that a proxy token makes: never more than its parent, in grants, time or place. Its name starts with the
 * parent's, so that it cannot take the name of a token that a policy allows.
 * @param siblings how many descendants the parent has already.
 * @throws BrokerError `denied` when it asks for more, `exhausted`, `invalid_argument` naming the field.
 */
export function childToken(
  id: string,
  spec: NewToken,
  parent: StoredToken,
  siblings: number,
  now: number,
): TokenRecord {
  if (spec.scope !== 'proxy') throw new BrokerError('denied', 'a proxy token makes proxy tokens only');
  const grants = checkGrants(spec.grants);
  if (!grantsContain(parent.grants, grants)) {
    throw new BrokerError('denied', `grants: more than the token ${parent.name} has itself`);
  }
  const name = `${parent.name}/${spec.name === undefined ? id : checkName(spec.name)}`;
  if (name.split('/').length > MAX_DEPTH) throw new BrokerError('exhausted', `tokens nest ${MAX_DEPTH} deep at most`);
  if (siblings >= MAX_CHILDREN) {
    throw new BrokerError('exhausted', `the token ${parent.name} has ${MAX_CHILDREN} children, which is the limit`);
  }
  const asked = expiryOf(spec, now) ?? Number.POSITIVE_INFINITY;
  const expiresAt = Math.min(asked, parent.expiresAt ?? Number.POSITIVE_INFINITY);
  if (expiresAt === Number.POSITIVE_INFINITY) {
    throw new BrokerError('invalid_argument', 'ttl: needed, since only an admin makes tokens that do not expire');
  }
  const boundUid = parent.boundUid ?? spec.boundUid;
  return { id, name, scope: 'proxy', grants, createdAt: now, expiresAt, boundUid, parent: parent.id };
}

function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new BrokerError(
    'invalid_argument',
    'name must be 1 to 100 characters of a-z A-Z 0-9 . _ -, the first a letter or digit',
  );
}

function checkGrants(grants: readonly TokenGrant[]): readonly TokenGrant[] {
  const problems: string[] = [];
  if (grants.length > MAX_GRANTS) problems.push(`grants: more than ${MAX_GRANTS}`);
  grants.slice(0, MAX_GRANTS).forEach((grant, index) => {
    const at = `grants[${index}]`;
    if (!SERVICE_GLOB.test(grant.services)) problems.push(`${at}.services is not a name of a service, * as wildcard`);
    problems.push(...limitErrors(grant, at));
    if (grant.actions.length === 0) problems.push(`${at}.actions is empty; there are ${GRANTABLE.join(', ')}`);
    for (const action of grant.actions) {
      if (!GRANTABLE.includes(action)) problems.push(`${at}.actions has none of ${GRANTABLE.join(', ')}`);
    }
  });
  if (problems.length > 0) throw new BrokerError('invalid_argument', problems.join('; '));
  return grants.map(({ services, actions, limits }) => {
    return { services, actions: [...new Set(actions)], ...(limits && { limits }) };
  });
}

function limitErrors({ actions, limits }: TokenGrant, at: string): string[] {
  if (!limits) return [];
  const problems = limitProblems(limits).map((problem) => `${at}.${problem}`);
  if (limits.methods.length + limits.paths.length > MAX_LIMITS)
    problems.push(`${at} has more than ${MAX_LIMITS} limits`);
  if (!actions.includes('http')) problems.push(`${at} has limits of HTTP requests, but not the action http`);
  return problems;
}

function expiryOf(spec: NewToken, now: number): number | undefined {
  const expiresAt = spec.expiresAt ?? (spec.ttlMs === undefined ? undefined : now + spec.ttlMs);
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt > now)) {
    throw new BrokerError('invalid_argument', 'ttl must be a time in the future');
  }
  return expiresAt;
}
