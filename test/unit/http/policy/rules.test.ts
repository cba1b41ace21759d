import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters } from '../../../../src/http/policy/counters.ts';
import {
  type Allowed,
  type LimitedBy,
  limitProblems,
  limitsContain,
  NO_LIMITS,
  type RequestFacts,
  type RequestLimits,
  RequestPolicy,
} from '../../../../src/http/policy/rules.ts';

const GET: RequestFacts = { method: 'GET', rawPath: '/v1/models', contentLength: undefined };

function world(...levels: readonly Partial<RequestLimits>[][]) {
  let now = 0;
  const counters = new Counters(() => now);
  const named = levels.map(
    (any, index): LimitedBy => ({
      name: index === 0 ? 'app' : 'the token ci',
      prefix: index === 0 ? '' : 'token.',
      any: any.map((limits, at) => ({ key: `${index} ${at}`, limits: { ...NO_LIMITS, ...limits } })),
    }),
  );
  const policy = new RequestPolicy(named, counters);
  const admit = (request: Partial<RequestFacts> = {}) => policy.admit({ ...GET, ...request });
  const pass = (request: Partial<RequestFacts> = {}): Allowed => {
    const decision = admit(request);
    if (!decision.allowed) assert.fail(decision.message);
    return decision;
  };
  const rule = (request: Partial<RequestFacts> = {}): string => {
    const decision = admit(request);
    if (!decision.allowed) return decision.rule;
    decision.release();
    return 'allowed';
  };
  return { admit, pass, rule, advance: (ms: number) => (now += ms) };
}

test('without limits everything passes', () => {
  const { pass } = world([{}]);
  assert.equal(pass({ method: 'DELETE', contentLength: 1e12 }).maxBody, 0);
});

test('a refusal says whose rule it was, and what would pass', () => {
  const { admit } = world([{ methods: ['GET', 'HEAD'], paths: ['/v1/*'] }], [{ paths: ['/v1/models'] }]);
  const told = (request: Partial<RequestFacts>) => {
    const decision = admit(request);
    return decision.allowed ? 'allowed' : `${decision.code}: ${decision.message}`;
  };
  assert.equal(told({ method: 'get' }), 'denied: app does not allow this method, only GET, HEAD (rule: methods)');
  assert.equal(told({ rawPath: '/v2/x' }), 'denied: app does not allow this path, only /v1/* (rule: paths)');
  assert.equal(
    told({ rawPath: '/v1/files' }),
    'denied: the token ci does not allow this path, only /v1/models (rule: token.paths)',
  );
  assert.equal(told({}), 'allowed');
});

test('one of several grants of a token is enough, and its own limits hold', () => {
  const { rule, pass } = world([{}], [{ methods: ['GET'] }, { methods: ['POST'], paths: ['/v1/chat'], maxBody: 10 }]);
  assert.equal(rule(), 'allowed');
  assert.equal(rule({ method: 'POST' }), 'token.methods');
  assert.equal(pass({ method: 'POST', rawPath: '/v1/chat' }).maxBody, 10);
  assert.equal(world([{}], []).rule(), 'token.methods');
});

test('a declared body over the limit is refused ahead; the smallest of all limits is what a stream is counted against', () => {
  const { rule, pass, admit } = world([{ maxBody: 100 }], [{ maxBody: 50 }]);
  assert.equal(rule({ contentLength: 101 }), 'max_body');
  assert.equal(rule({ contentLength: 51 }), 'token.max_body');
  assert.equal(rule({ contentLength: 50 }), 'allowed');
  const allowed = pass();
  assert.equal(allowed.maxBody, 50);
  assert.equal(allowed.tooLarge.rule, 'token.max_body');
  const refused = admit({ contentLength: 101 });
  assert.equal(refused.allowed ? '' : refused.code, 'too_large');
});

test('never more than the rate in any minute, and Retry-After is the time until there is room', () => {
  const { rule, admit, advance } = world([{ rate: 3 }]);
  assert.equal(rule(), 'allowed');
  advance(10_000);
  assert.equal(rule(), 'allowed');
  advance(10_000);
  assert.equal(rule(), 'allowed');
  const refused = admit();
  assert.ok(!refused.allowed);
  assert.deepEqual([refused.rule, refused.code, refused.retryAfter], ['rate', 'exhausted', 40]);
  advance(39_999);
  assert.equal(rule(), 'rate');
  advance(1);
  assert.equal(rule(), 'allowed');
  assert.equal(rule(), 'rate');
});

test('what is refused counts for nothing, neither here nor at the other limits', () => {
  const { rule, advance } = world([{ rate: 2, methods: ['GET'] }], [{ rate: 1 }]);
  for (let round = 0; round < 5; round++) assert.equal(rule({ method: 'POST' }), 'methods');
  assert.equal(rule(), 'allowed');
  for (let round = 0; round < 5; round++) assert.equal(rule(), 'token.rate');
  advance(60_000);
  assert.equal(rule(), 'allowed');
});

test('so many requests at a time, and an end makes room once', () => {
  const { pass, rule } = world([{ concurrency: 2 }]);
  const first = pass();
  pass();
  assert.equal(rule(), 'concurrency');
  first.release();
  first.release();
  pass();
  assert.equal(rule(), 'concurrency');
});

test('counters of requests that are over are forgotten', () => {
  let now = 0;
  const counters = new Counters(() => now);
  for (let key = 0; key < 5_000; key++) {
    now += 100;
    counters.start(`${key}`)();
  }
  assert.equal(counters.running('4999'), 0);
  assert.equal(counters.wait('0', 1), 0);
  assert.ok(counters.wait('4999', 1) > 0);
});

test('limits that cannot be meant are told, all at once', () => {
  assert.deepEqual(limitProblems(NO_LIMITS), []);
  const problems = limitProblems({ methods: ['get', 'GET'], paths: ['v1'], maxBody: -1, rate: 1.5, concurrency: 0 });
  assert.deepEqual(problems, [
    'methods has an entry that is no method: "get"',
    'paths has an entry that does not start with a slash: "v1"',
    'max_body must be a whole number',
    'rate must be a whole number',
  ]);
});

test('limits hold others that ask for no more; what is left open is held by the outer ones anyway', () => {
  const outer = { ...NO_LIMITS, methods: ['GET', 'POST'], paths: ['/v1/**'], rate: 10 };
  assert.ok(limitsContain(outer, NO_LIMITS));
  assert.ok(limitsContain(outer, { ...NO_LIMITS, methods: ['GET'], paths: ['/v1/models'], rate: 10, maxBody: 5 }));
  assert.ok(!limitsContain(outer, { ...NO_LIMITS, methods: ['GET', 'DELETE'] }));
  assert.ok(!limitsContain(outer, { ...NO_LIMITS, paths: ['/v2/**'] }));
  assert.ok(!limitsContain(outer, { ...NO_LIMITS, rate: 11 }));
  const sized = { ...NO_LIMITS, maxBody: 5, concurrency: 2 };
  assert.ok(limitsContain(sized, { ...NO_LIMITS, maxBody: 5, concurrency: 2 }));
  assert.ok(!limitsContain(sized, { ...NO_LIMITS, maxBody: 6 }));
  assert.ok(!limitsContain(sized, { ...NO_LIMITS, concurrency: 3 }));
  assert.ok(limitsContain(NO_LIMITS, outer));
});
