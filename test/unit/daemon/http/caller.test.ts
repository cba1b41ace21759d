import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../../../src/core/errors.ts';
import type { Caller } from '../../../../src/daemon/caller.ts';
import { Callers, type Connection, presentedToken } from '../../../../src/daemon/http/caller.ts';
import { newTokenText } from '../../../../src/daemon/token.ts';

const text = (): string => newTokenText().text.use((bytes) => bytes.toString('latin1'));
const ONE = text();
const TWO = text();
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

test('finds the token wherever an SDK puts a key', () => {
  const places: [string, string][] = [
    ['Authorization', `Bearer ${ONE}`],
    ['authorization', `bearer   ${ONE}`],
    ['Authorization', `token ${ONE}`],
    ['Authorization', basic(`git:${ONE}`)],
    ['Authorization', basic(`:${ONE}`)],
    ['Authorization', basic(`${ONE}:`)],
    ['x-api-key', ONE],
    ['X-API-Key', `sk-ant-${ONE}`],
    ['api-key', ONE],
    ['X-Goog-Api-Key', ONE],
    ['X-Broker-Token', ONE],
  ];
  for (const [name, value] of places) {
    const presented = presentedToken(['Accept', '*/*', name, value], '/proxy/x/y?a=1');
    assert.deepEqual(presented, { token: ONE, mistaken: undefined, target: '/proxy/x/y?a=1' }, `${name}: ${value}`);
  }
});

test('cuts the token out of ?key= and leaves the rest of the target as it is', () => {
  const targets: [string, string][] = [
    [`/p/?key=${ONE}`, '/p/'],
    [`/p/a%2Fb?key=${ONE}&x=%20&&y`, '/p/a%2Fb?x=%20&&y'],
    [`/p/?x=1&key=${ONE}`, '/p/?x=1'],
    [`/p/?key=${ONE}&key=${ONE}&key=theirs`, '/p/?key=theirs'],
  ];
  for (const [raw, target] of targets) assert.deepEqual(presentedToken([], raw).target, target, raw);
  assert.equal(presentedToken([], `/p/?key=${ONE}`).token, ONE);
});

test('a key that is no token of broker stays in the target, since it is the upstream that knows it', () => {
  for (const target of ['/p/?key=AIzaSyTheirs', '/p/?monkey=1', '/p/key=1', `/p/?Key=${ONE}`, '/p/?key='])
    assert.deepEqual(presentedToken([], target), { token: undefined, mistaken: undefined, target });
});

test('the same token in several places is one token, two different ones are none', () => {
  const same = presentedToken(['Authorization', `Bearer ${ONE}`, 'x-api-key', ONE], `/p/?key=${ONE}`);
  assert.equal(same.token, ONE);
  for (const headers of [
    ['Authorization', `Bearer ${ONE}`, 'x-api-key', TWO],
    ['Authorization', `Bearer ${ONE}`, 'Authorization', `Bearer ${TWO}`],
    ['X-Broker-Token', TWO, 'Authorization', basic(`u:${ONE}`)],
  ])
    assert.throws(
      () => presentedToken(headers, '/p/'),
      (error) => error instanceof BrokerError && error.code === 'invalid_argument' && !error.message.includes('brk_'),
    );
});

test('what is no token is named by its place, never by its value', () => {
  for (const [name, value] of [
    ['Authorization', 'Bearer sk-a-real-key'],
    ['x-api-key', 'sk-a-real-key'],
    ['authorization', 'Basic !!!'],
    ['authorization', basic('no colon')],
    ['api-key', `${ONE}x`],
    ['api-key', `${'-'.repeat(400)}${ONE}`],
  ] as const) {
    const presented = presentedToken([name, value], '/p/');
    assert.deepEqual([presented.token, presented.mistaken], [undefined, name.toLowerCase()], value);
  }
});

test('a long run of what could begin a token takes no longer than reading it', () => {
  const value = `${'brk_'.repeat(8_000)}`;
  assert.equal(presentedToken(['x-api-key', value], `/p/?key=${value}`).token, undefined);
});

test('who called last on a connection is asked for anew once the token’s time is over, whatever a timer does', async () => {
  let now = 1_000;
  let asked = 0;
  const signal = new AbortController().signal;
  const token = { id: 'a', name: 'a', scope: 'proxy', grants: [], ancestors: [], signal, expiresAt: 2_000 } as const;
  const authenticate = (): NonNullable<Caller['token']> => {
    asked += 1;
    if (now >= 2_000) throw new BrokerError('unauthenticated', 'over');
    return token;
  };
  const callers = new Callers({ tokens: { authenticate }, vaultState: () => 'unlocked', now: () => now });
  const facts = { transport: 'http', peer: Promise.resolve(undefined), remoteAddress: '127.0.0.1' } as const;
  const connection: Connection = { facts: facts as Connection['facts'] };
  const ask = async () => await callers.authenticate(connection, presentedToken(['x-api-key', ONE], '/'), 'token');
  await ask();
  await ask();
  assert.equal(asked, 1);
  now = 2_000;
  await assert.rejects(ask(), /over/);
});
