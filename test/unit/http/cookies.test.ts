import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { type JarOwner, Jars, MAX_COOKIES, MAX_JARS } from '../../../src/http/cookies.ts';
import { ManualClock } from '../daemon/time.ts';

const OWNER: JarOwner = { service: 'app', mode: 'service', baseUrl: 'https://api.example.com/v1', token: 't1' };

function world() {
  const clock = new ManualClock();
  const jars = new Jars(() => clock.now());
  const jar = (change: Partial<JarOwner> = {}) => {
    const made = jars.of({ ...OWNER, ...change });
    assert.ok(made);
    return made;
  };
  return { clock, jars, jar };
}

test('sends what was set, in the order of RFC 6265: the longer path first', () => {
  const { jar } = world();
  jar().keep(['sid=abc; Path=/; HttpOnly; Secure', 'deep=1; Path=/v1/users', 'other=2; Path=/v2'], '/v1/users/me');
  assert.equal(jar().header('/v1/users/me?q=1'), 'deep=1; sid=abc');
  assert.equal(jar().header('/v1/usersx'), 'sid=abc');
});

test('a service without a jar has none', () => {
  assert.equal(new Jars().of({ ...OWNER, mode: 'off' }), undefined);
});

test('Max-Age counts from when it was set, however often the cookie is sent, and goes before Expires', () => {
  const { clock, jar } = world();
  jar().keep(['sid=1; Max-Age=60; Expires=Fri, 01 Jan 2100 00:00:00 GMT'], '/');
  for (let second = 0; second < 59; second += 1) {
    clock.advance(1_000);
    assert.equal(jar().header('/'), 'sid=1');
  }
  clock.advance(1_000);
  assert.equal(jar().header('/'), undefined);
});

test('Expires ends a cookie, and Max-Age=0 or a past date removes one', () => {
  const { clock, jars, jar } = world();
  const soon = new Date(clock.now() + 5_000).toUTCString();
  jar().keep([`a=1; Expires=${soon}`, 'b=2', 'c=3'], '/');
  jar().keep(['b=; Max-Age=0', 'c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT'], '/');
  assert.equal(jar().header('/'), 'a=1');
  assert.deepEqual(
    jars.list('app').map(({ name, expiresAt }) => ({ name, expiresAt })),
    [{ name: 'a', expiresAt: Date.parse(soon) }],
  );
  clock.advance(5_000);
  assert.equal(jar().header('/'), undefined);
  assert.deepEqual(jars.list('app'), []);
});

test('takes no cookie of another domain, of a public suffix, and none that breaks the rules of its prefix', () => {
  const { jar } = world();
  const refused = [
    'a=1; Domain=evil.example.org',
    'b=1; Domain=com',
    'c=1; Domain=pi.example.com',
    '__Host-d=1; Secure; Path=/; Domain=example.com',
    '__Host-e=1; Path=/',
    '__Secure-f=1',
    '=nameless',
    'nothing',
    `big=${'x'.repeat(5_000)}`,
  ];
  jar().keep(refused, '/');
  assert.equal(jar().header('/'), undefined);
  jar().keep(['__Host-g=1; Secure; Path=/', '__Secure-h=1; Secure', 'i=1; Domain=example.com'], '/');
  assert.equal(jar().header('/'), '__Host-g=1; __Secure-h=1; i=1');
});

test('over plain HTTP takes and sends no Secure cookie', () => {
  const { jar } = world();
  const plain = { baseUrl: 'http://api.example.com' };
  jar(plain).keep(['a=1; Secure', 'b=2'], '/');
  assert.equal(jar(plain).header('/'), 'b=2');
  assert.deepEqual(
    jar(plain)
      .list()
      .map(({ name }) => name),
    ['b'],
  );
});

test('another base URL starts with an empty jar, and going back does not bring the old one back', () => {
  const { jar } = world();
  jar().keep(['sid=1'], '/');
  assert.equal(jar({ baseUrl: 'https://evil.example.com' }).header('/'), undefined);
  assert.equal(jar().header('/'), undefined);
});

test('services have jars of their own, and tokens where that was chosen', () => {
  const { jars, jar } = world();
  jar().keep(['a=1'], '/');
  assert.equal(jar({ token: 't2' }).header('/'), 'a=1');
  assert.equal(jar({ service: 'other' }).header('/'), undefined);
  const own = { service: 'own', mode: 'token' } as const;
  jar({ ...own, token: 't1' }).keep(['mine=1'], '/');
  assert.equal(jar({ ...own, token: 't2' }).header('/'), undefined);
  assert.equal(jar({ ...own, token: 't1' }).header('/'), 'mine=1');
  assert.deepEqual(
    jars.list('own').map(({ token }) => token),
    ['t1'],
  );
  assert.deepEqual(
    jars.list('app').map(({ token }) => token),
    [undefined],
  );
});

test('a service that goes from one jar for all to one for each token starts anew', () => {
  const { jar } = world();
  jar().keep(['a=1'], '/');
  assert.equal(jar({ mode: 'token' }).header('/'), undefined);
});

test('clearing forgets, and a response that was under way adds nothing', () => {
  const { jars, jar } = world();
  const underWay = jar();
  underWay.keep(['a=1', 'b=2'], '/');
  assert.equal(jars.clear('app'), 2);
  underWay.keep(['c=3'], '/');
  assert.equal(jar().header('/'), undefined);
  assert.equal(jars.clear('app'), 0);
  assert.equal(jars.clear('unheard-of'), 0);
});

test('a lock forgets all, the end of a token its own', () => {
  const { jars, jar } = world();
  const own = { service: 'own', mode: 'token' } as const;
  for (const token of ['t1', 't2']) jar({ ...own, token }).keep(['a=1'], '/');
  jars.endToken('t1');
  assert.deepEqual(
    jars.list('own').map(({ token }) => token),
    ['t2'],
  );
  jars.clearAll();
  assert.deepEqual(jars.list('own'), []);
});

test('keeps 50 cookies of a jar, the newest, and a bounded number of jars, the last used', () => {
  const { jars, jar } = world();
  for (let number = 0; number <= MAX_COOKIES; number++) jar().keep([`c${number}=1`], '/');
  const names = jars.list('app').map(({ name }) => name);
  assert.equal(names.length, MAX_COOKIES);
  assert.ok(!names.includes('c0') && names.includes(`c${MAX_COOKIES}`));
  const own = { service: 'own', mode: 'token' } as const;
  for (let number = 0; number < MAX_JARS; number++) {
    jar({ ...own, token: `t${number}` }).keep(['a=1'], '/');
    jar(); // stays in use
  }
  assert.equal(jars.list('own').length, MAX_JARS - 1);
  assert.ok(!jars.list('own').some(({ token }) => token === 't0'));
  assert.equal(jars.list('app').length, MAX_COOKIES);
});

test('lists show names and ends, never a value', () => {
  const { jars, jar } = world();
  jar().keep(['sid=canary-value; Path=/v1'], '/v1/x');
  assert.doesNotMatch(inspect(jars.list('app'), { depth: 9 }), /canary/);
  assert.deepEqual(jars.list('app'), [
    { name: 'sid', domain: 'api.example.com', path: '/v1', expiresAt: undefined, token: undefined },
  ]);
});
