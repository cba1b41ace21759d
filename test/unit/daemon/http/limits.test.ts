import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TokenGrant } from '../../../../src/daemon/caller.ts';
import { requestPolicy } from '../../../../src/daemon/http/limits.ts';
import { Counters } from '../../../../src/http/policy/counters.ts';
import { NO_LIMITS, type RequestLimits } from '../../../../src/http/policy/rules.ts';
import { adminCaller, HOUR, proxyCaller } from '../callers.ts';
import { child, plain, scene, UNIX } from '../tokenscene.ts';

const OPEN = { methods: [], paths: [], max_body: 0, rate: 0, concurrency: 0 };
const http = (limits?: Partial<RequestLimits>, services = 'api'): TokenGrant => ({
  services,
  actions: ['http'],
  ...(limits && { limits: { ...NO_LIMITS, ...limits } }),
});
const ask = (rawPath: string, method = 'GET') => ({ method, rawPath, contentLength: undefined });

test('the service and every token on the way to the caller must let a request pass', () => {
  const counters = new Counters();
  const ancestors = [{ id: 'parent', name: 'ci', grants: [http({ methods: ['GET'] })] }];
  const caller = proxyCaller({ name: 'ci/run', grants: [http({ paths: ['/v1/**'] })], ancestors });
  const policy = requestPolicy('api', { ...OPEN, paths: ['/v1/models', '/v2/x'] }, caller, counters);
  const outcome = (rawPath: string, method?: string) => {
    const decision = policy.admit(ask(rawPath, method));
    return decision.allowed ? 'allowed' : decision.message;
  };
  assert.equal(outcome('/v1/models'), 'allowed');
  assert.match(outcome('/v1/files'), /^api does not allow this path.*\(rule: paths\)$/);
  assert.match(outcome('/v2/x'), /^the token ci\/run does not allow this path.*\(rule: token.paths\)$/);
  assert.match(outcome('/v1/models', 'POST'), /^the token ci does not allow this method.*\(rule: token.methods\)$/);
});

test('children share the rate of the token that made them, and what another service uses of a grant counts', () => {
  const counters = new Counters(() => 0);
  const ancestors = [{ id: 'parent', name: 'ci', grants: [http(), http({ rate: 3 }, 'a*')].slice(1) }];
  const of = (id: string, service: string) =>
    requestPolicy(service, OPEN, proxyCaller({ id, grants: [http({}, '*')], ancestors }), counters);
  assert.ok(of('one', 'api').admit(ask('/')).allowed);
  assert.ok(of('two', 'api').admit(ask('/')).allowed);
  assert.ok(of('one', 'app').admit(ask('/')).allowed);
  for (const [id, service] of [
    ['one', 'api'],
    ['two', 'app'],
    ['three', 'api'],
  ] as const) {
    const refused = of(id, service).admit(ask('/'));
    assert.equal(refused.allowed ? '' : refused.rule, 'token.rate');
  }
});

test('an admin is held by the service and by nothing else', () => {
  const policy = requestPolicy('api', { ...OPEN, methods: ['GET'] }, adminCaller(), new Counters());
  assert.ok(policy.admit(ask('/')).allowed);
  assert.ok(!policy.admit(ask('/', 'POST')).allowed);
});

test('a grant for something else, or for another service, lets nothing pass', () => {
  const grants: TokenGrant[] = [{ services: 'api', actions: ['open'] }, http({}, 'other')];
  const policy = requestPolicy('api', OPEN, proxyCaller({ grants }), new Counters());
  assert.ok(!policy.admit(ask('/')).allowed);
});

test('a token that was made by others comes with what they may do, its maker first', async (t) => {
  const { tokens } = await scene(t);
  const limited = http({ rate: 5 });
  const first = await tokens.create({ name: 'ci', scope: 'proxy', grants: [limited], ttlMs: HOUR });
  const second = await tokens.create(child(first.record, { name: 'a', grants: [http()] }));
  const third = await tokens.create(child(second.record, { name: 'b', grants: [http()] }));
  const { ancestors } = tokens.authenticate(third.token, UNIX);
  assert.deepEqual(
    ancestors.map(({ name, grants }) => ({ name, grants })),
    [
      { name: 'ci/a', grants: [http()] },
      { name: 'ci', grants: [limited] },
    ],
  );
  assert.match(plain(third.token), /^brk_/);
  await assert.rejects(tokens.create(child(first.record, { name: 'c', grants: [http({ rate: 6 })] })), /more than/);
});

test('limits that are for no request, or cannot be meant, make no token', async (t) => {
  const { tokens } = await scene(t);
  const make = (grant: TokenGrant) => tokens.create({ name: 'x', scope: 'proxy', grants: [grant], ttlMs: HOUR });
  await assert.rejects(make({ ...http({ rate: 1 }), actions: ['open'] }), /not the action http/);
  await assert.rejects(
    make(http({ paths: ['v1'] })),
    /grants\[0\]\.paths has an entry that does not start with a slash/,
  );
});
