import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import type { Caller } from '../../../src/daemon/caller.ts';
import { Tokens } from '../../../src/daemon/tokens.ts';
import { broken } from '../vault/home.ts';
import { HOUR, proxyCaller } from './callers.ts';
import { OPEN_ALL, reason, scene } from './gates.ts';

test('lock ends every grant', async (t) => {
  const { gate, vault } = await scene(t);
  const grant = await gate.admit(proxyCaller({ grants: OPEN_ALL }), { action: 'open', service: 'app-db' });
  vault.lock();
  assert.equal(reason(grant.signal), 'the vault was locked');
});

test('a revoked token ends all its grants and no other', async (t) => {
  const { gate, vault, clock } = await scene(t);
  const tokens = new Tokens(vault, clock);
  const open = async (name: string) => {
    const { token } = await tokens.create({ name, scope: 'proxy', grants: OPEN_ALL, ttlMs: HOUR });
    const caller: Caller = {
      token: tokens.authenticate(token, { transport: 'unix' }),
      transport: 'unix',
      origin: 'uid:1',
    };
    return Promise.all([1, 2].map(() => gate.admit(caller, { action: 'open', service: 'app-db' })));
  };
  const mine = await open('mine');
  const theirs = await open('theirs');
  mine[0]?.[Symbol.dispose]();
  await tokens.revoke('mine');
  assert.equal(mine[1] && reason(mine[1].signal), 'the token mine was revoked');
  assert.deepEqual(
    theirs.map(({ active }) => active),
    [true, true],
  );
  clock.advance(HOUR);
  assert.deepEqual(
    theirs.map(({ signal }) => reason(signal)),
    ['the token theirs has expired', 'the token theirs has expired'],
  );
});

test('a deleted service and a policy that now refuses end grants; a policy that still allows does not', async (t) => {
  const { gate, put, remove } = await scene(t);
  const open = (name: string, service = 'app-db') =>
    gate.admit(proxyCaller({ grants: OPEN_ALL, name }), { action: 'open', service });
  const [ci, dev, web] = [await open('ci'), await open('dev'), await open('dev', 'web')];
  await put('app-db', { allow_tokens: ['ci'], max_sessions: 1 });
  gate.reconsider('app-db');
  assert.deepEqual(
    [ci, dev, web].map(({ signal }) => reason(signal)),
    [undefined, 'the policy of app-db was changed', undefined],
  );
  await remove('app-db');
  gate.reconsider('app-db');
  assert.equal(reason(ci.signal), 'app-db was deleted');
  assert.equal(web.active, true);
});

test('a session ends after the longest lifetime of its service, counted from its opening', async (t) => {
  const { gate, put, clock } = await scene(t);
  await put('app-db', { max_lifetime_ms: HOUR });
  const caller = proxyCaller({ grants: [{ services: '*', actions: ['open', 'http'] }] });
  const session = await gate.admit(caller, { action: 'open', service: 'app-db' });
  const request = await gate.admit(caller, { action: 'http', service: 'app-db' });
  clock.advance(HOUR / 2);
  await put('app-db', { max_lifetime_ms: HOUR / 2 + 1 });
  gate.reconsider('app-db');
  assert.equal(session.active, true);
  clock.advance(1);
  assert.match(reason(session.signal) ?? '', /app-db: the session reached its longest lifetime/);
  assert.equal(request.active, true);
});

test('the limit counts sessions, not the connections of one, and concurrent callers cannot pass it', async (t) => {
  const { gate, put } = await scene(t);
  await put('app-db', { max_sessions: 2 });
  const caller = proxyCaller({ grants: OPEN_ALL });
  const open = (session?: string) =>
    gate.admit(caller, { action: 'open', service: 'app-db', ...(session && { session }) });
  const first = await open('s1');
  await open('s1');
  const outcomes = await Promise.allSettled([open('s2'), open('s3'), open()]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  );
  await assert.rejects(open('s4'), broken('exhausted', /app-db has 2 sessions open/));
  await open('s1');
  first[Symbol.dispose]();
  assert.equal(gate.liveSessions('app-db'), 2);
});

test('a released session makes room', async (t) => {
  const { gate, put } = await scene(t);
  await put('app-db', { max_sessions: 1 });
  const caller = proxyCaller({ grants: OPEN_ALL });
  for (let n = 0; n < 3; n++) {
    using grant = await gate.admit(caller, { action: 'open', service: 'app-db', session: `s${n}` });
    assert.equal(grant.active, true);
  }
});

test('endService ends the grants of that service, endAll all', async (t) => {
  const { gate } = await scene(t);
  const caller = proxyCaller({ grants: OPEN_ALL });
  const [db, web] = [
    await gate.admit(caller, { action: 'open', service: 'app-db' }),
    await gate.admit(caller, { action: 'open', service: 'web' }),
  ];
  gate.endService('app-db', new BrokerError('ended', 'rotated'));
  assert.deepEqual([reason(db.signal), web.active], ['rotated', true]);
  gate.endAll(new BrokerError('ended', 'stopping'));
  assert.equal(reason(web.signal), 'stopping');
});
