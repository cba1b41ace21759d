import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Action } from '../../../src/core/grant.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { Caller } from '../../../src/daemon/caller.ts';
import { decide, latestEnd, mayKnow, parsePolicy, type Rule, type ServicePolicy } from '../../../src/daemon/policy.ts';
import { broken } from '../vault/home.ts';
import { adminCaller, HOUR, proxyCaller } from './callers.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const OPEN: ServicePolicy = { allowTokens: [], allowUids: [], maxSessions: 0, maxLifetimeMs: 0 };
const ended = AbortSignal.abort();
const nobody: Caller = { transport: 'unix', origin: 'uid:1000', peer: { uid: 1000 } };
const internal: Caller = { transport: 'internal', origin: 'internal' };
const reader = [{ services: 'app-*', actions: ['open'] as const }];

interface Row {
  readonly who: string;
  readonly caller: Caller;
  readonly policy?: Partial<ServicePolicy>;
  readonly action?: Action;
  readonly live?: number;
  /** undefined: allowed. */
  readonly rule?: Rule;
}

const rows: readonly Row[] = [
  { who: 'a granted token', caller: proxyCaller({ grants: reader }) },
  { who: 'no token', caller: nobody, rule: 'token' },
  { who: 'a revoked token', caller: proxyCaller({ grants: reader, signal: ended }), rule: 'token' },
  { who: 'a token that expires now', caller: proxyCaller({ grants: reader, expiresAt: NOW }), rule: 'token' },
  { who: 'a token that expires in a moment', caller: proxyCaller({ grants: reader, expiresAt: NOW + 1 }) },
  { who: 'a revoked admin', caller: adminCaller({ signal: ended }), rule: 'token' },
  { who: 'a token without grants', caller: proxyCaller({ grants: [] }), rule: 'grant' },
  {
    who: 'a grant for others',
    caller: proxyCaller({ grants: [{ services: 'web-*', actions: ['open'] }] }),
    rule: 'grant',
  },
  { who: 'a grant for another action', caller: proxyCaller({ grants: reader }), action: 'http', rule: 'action' },
  {
    who: 'the action granted for another service only',
    caller: proxyCaller({ grants: [...reader, { services: 'web', actions: ['http'] }] }),
    action: 'http',
    rule: 'action',
  },
  {
    who: 'a grant smuggling test',
    caller: proxyCaller({ grants: [{ services: '*', actions: ['test'] }] }),
    action: 'test',
    rule: 'action',
  },
  {
    who: 'a grant smuggling expose',
    caller: proxyCaller({ grants: [{ services: '*', actions: ['expose'] }] }),
    action: 'expose',
    rule: 'action',
  },
  { who: 'an admin', caller: adminCaller(), action: 'test' },
  { who: 'an admin against the policy', caller: adminCaller(), policy: { allowTokens: ['ci'], allowUids: [7] } },
  {
    who: 'the daemon itself',
    caller: internal,
    action: 'test',
    policy: { allowTokens: ['ci'], maxSessions: 1 },
    live: 9,
  },
  {
    who: 'an allowed name',
    caller: proxyCaller({ grants: reader, name: 'ci-7' }),
    policy: { allowTokens: ['x', 'ci-*'] },
  },
  {
    who: 'another name',
    caller: proxyCaller({ grants: reader, name: 'dev' }),
    policy: { allowTokens: ['ci'] },
    rule: 'allow_tokens',
  },
  {
    who: 'a child of an allowed token',
    caller: proxyCaller({ grants: reader, name: 'ci/run' }),
    policy: { allowTokens: ['ci'] },
  },
  {
    who: 'a child named like an allowed token',
    caller: proxyCaller({ grants: reader, name: 'dev/ci' }),
    policy: { allowTokens: ['ci', '*ci'] },
    rule: 'allow_tokens',
  },
  { who: 'an allowed uid', caller: proxyCaller({ grants: reader }), policy: { allowUids: [1000] } },
  { who: 'another uid', caller: proxyCaller({ grants: reader }), policy: { allowUids: [1001] }, rule: 'allow_uids' },
  {
    who: 'an unknown uid',
    caller: { ...proxyCaller({ grants: reader }), peer: undefined } as never,
    policy: { allowUids: [1000] },
    rule: 'allow_uids',
  },
  { who: 'the last free session', caller: proxyCaller({ grants: reader }), policy: { maxSessions: 2 }, live: 1 },
  {
    who: 'one session too many',
    caller: proxyCaller({ grants: reader }),
    policy: { maxSessions: 2 },
    live: 2,
    rule: 'max_sessions',
  },
  { who: 'an admin, one too many', caller: adminCaller(), policy: { maxSessions: 2 }, live: 2, rule: 'max_sessions' },
  { who: "the daemon's own limit", caller: proxyCaller({ grants: reader }), live: 100, rule: 'max_sessions' },
  {
    who: 'a request that is no session',
    caller: proxyCaller({ grants: [{ services: 'app-db', actions: ['http'] }] }),
    action: 'http',
    policy: { maxSessions: 2 },
    live: 2,
  },
];

for (const { who, caller, policy, action, live, rule } of rows) {
  test(`${who}: ${rule ? `refused by ${rule}` : 'allowed'}`, () => {
    const service = { name: 'app-db', policy: { ...OPEN, ...policy }, liveSessions: live ?? 0 };
    const decision = decide(caller, service, action ?? 'open', NOW);
    assert.equal(decision.allowed ? undefined : decision.rule, rule);
    const hidden = rule === 'token' || rule === 'grant' || rule === 'allow_tokens' || rule === 'allow_uids';
    assert.equal(mayKnow(caller, service, NOW), !hidden);
  });
}

test('a session ends with the policy, with the token, or after the default, whichever is first', () => {
  const policy = { ...OPEN, maxLifetimeMs: HOUR };
  assert.equal(latestEnd(proxyCaller(), policy, NOW), NOW + HOUR);
  assert.equal(latestEnd(proxyCaller({ expiresAt: NOW + 5 }), policy, NOW), NOW + 5);
  assert.equal(latestEnd(proxyCaller(), OPEN, NOW), NOW + 8 * HOUR);
});

test('an empty policy limits nothing', () => {
  assert.deepEqual(parsePolicy({}), OPEN);
});

test('a policy is read field by field', () => {
  const json = { allow_tokens: ['ci', 'run-*'], allow_uids: [0, 1000], max_sessions: 3, max_lifetime_ms: 60_000 };
  assert.deepEqual(parsePolicy(json), {
    allowTokens: ['ci', 'run-*'],
    allowUids: [0, 1000],
    maxSessions: 3,
    maxLifetimeMs: 60_000,
  });
});

const bad: readonly [JsonObject, RegExp][] = [
  [{ allow_token: ['ci'] }, /policy\.allow_token is not known \(did you mean allow_tokens\?\)/],
  [{ allow_tokens: 'ci' }, /policy\.allow_tokens must be a list/],
  [{ allow_tokens: ['ok', 'a b'] }, /policy\.allow_tokens entry 2 is not a name of a token/],
  [{ allow_uids: [-1] }, /policy\.allow_uids entry 1 is not a uid/],
  [{ allow_uids: [1.5] }, /policy\.allow_uids entry 1/],
  [{ allow_uids: ['root'] }, /policy\.allow_uids entry 1/],
  [{ allow_uids: [65_534] }, /policy\.allow_uids entry 1/],
  [{ allow_uids: [4_294_967_295] }, /policy\.allow_uids entry 1/],
  [{ max_sessions: 101 }, /policy\.max_sessions must be a whole number from 0 to 100/],
  [{ max_sessions: '3' }, /policy\.max_sessions/],
  [{ max_lifetime_ms: -1 }, /policy\.max_lifetime_ms/],
];
for (const [json, message] of bad) {
  test(`refuses ${JSON.stringify(json)}`, () =>
    assert.throws(() => parsePolicy(json), broken('invalid_argument', message)));
}

test('names every problem at once', () => {
  assert.throws(
    () => parsePolicy({ allow_tokens: 1, allow_uids: 'x', max_sessions: true, colour: 'red' }),
    broken('invalid_argument', /colour.*allow_tokens.*allow_uids.*max_sessions/),
  );
});

test('a policy with anything wrong is never taken for one that allows all', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('allow_tokens', 'allow_uids', 'max_sessions', 'max_lifetime_ms'),
      fc.jsonValue(),
      (name, value) => {
        let policy: ServicePolicy;
        try {
          policy = parsePolicy({ [name]: value as never });
        } catch {
          return;
        }
        const meant = value === null || value === 0 || (Array.isArray(value) && value.length === 0);
        assert.equal(JSON.stringify(policy) === JSON.stringify(OPEN), meant);
      },
    ),
  );
});
