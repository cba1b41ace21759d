import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { fromMillis } from '../../../src/core/rpc.ts';
import { PgServer } from '../../fakes/pgserver.ts';
import { LineClient } from '../../support/client.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { fakePostgres } from '../../support/pgservice.ts';
import { refusal } from '../../support/refusal.ts';

/* What one caller can see or touch of another's. */

let server: PgServer;
let daemon: TestDaemon;
let admin: BrokerClient;

before(async () => {
  server = await PgServer.start('app password');
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
  await admin.services.put(fakePostgres('mine', server));
  await admin.services.put(fakePostgres('theirs', server));
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

test('a service that no grant names looks exactly like one that does not exist', async () => {
  const agent = await daemon.proxy('reader', 'mine');
  for (const call of [
    (name: string) => agent.services.get({ name }),
    (name: string) => agent.sessions.open({ service: name }),
    (name: string) => agent.sessions.open({ service: name, kind: 'redis' }),
  ]) {
    const hidden = await refusal(call('theirs'), 'not_found');
    const absent = await refusal(call('nowher'), 'not_found');
    assert.equal(hidden.message.replace('theirs', 'NAME'), absent.message.replace('nowher', 'NAME'));
    assert.equal(hidden.hint, absent.hint);
    assert.equal(hidden.hint, 'you may use: mine');
  }
  const { services } = await agent.services.list({});
  assert.deepEqual(
    services.map(({ name }) => name),
    ['mine'],
  );
});

test('a refusal of a hidden service is on record with the rule that refused, though the caller is not told', async () => {
  const agent = await daemon.proxy('curious', 'mine');
  await refusal(agent.sessions.open({ service: 'theirs', reason: 'just looking' }), 'not_found');
  await refusal(agent.services.get({ name: 'theirs' }), 'not_found');
  const records = (await daemon.audit()).filter(
    ({ caller, service }) => caller.token === 'curious' && service === 'theirs',
  );
  assert.deepEqual(
    records.map(({ action, outcome, code, reason }) => [action, outcome, code, reason]),
    [
      ['gate.admit', 'denied', 'denied', 'just looking'],
      ['service.get', 'failed', 'not_found', undefined],
    ],
  );
});

test('sessions of other tokens are neither listed nor closed', async () => {
  const one = await daemon.proxy('one', 'mine');
  const two = await daemon.proxy('two', 'mine');
  const session = await one.sessions.open({ service: 'mine' });
  assert.deepEqual((await two.sessions.list({})).sessions, []);
  const others = await refusal(two.sessions.close({ id: session.id }), 'not_found');
  const nobodys = await refusal(two.sessions.close({ id: 'nobodys' }), 'not_found');
  assert.equal(others.message, nobodys.message);
  assert.equal((await one.sessions.list({})).sessions.length, 1);
  assert.ok((await admin.sessions.list({})).sessions.some(({ id }) => id === session.id));
  const closed = await one.sessions.close({ id: session.id });
  assert.equal(closed.state, 'STATE_ENDED');
});

test('a watcher hears of its own sessions only', async () => {
  const watcher = await daemon.proxy('watcher', 'mine');
  const other = await daemon.proxy('other', 'mine');
  const heard = watcher.sessions.watch({}, { timeoutMs: 20_000 })[Symbol.asyncIterator]();
  const first = heard.next();
  const foreign = await other.sessions.open({ service: 'mine' });
  const own = await watcher.sessions.open({ service: 'mine' });
  assert.equal((await first).value?.id, own.id);
  await other.sessions.close({ id: foreign.id });
  await watcher.sessions.close({ id: own.id });
  const second = (await heard.next()).value;
  assert.deepEqual([second?.id, second?.state, second?.endReason], [own.id, 'STATE_ENDED', 'closed']);
  await heard.return?.();
});

test('a child token can do no more than its parent, and ends with it', async () => {
  const text = await daemon.proxyToken('parent', 'mine', ['open'], 3_600_000);
  const parent = daemon.client(text);
  const grants = [{ services: 'mine', actions: ['open'] }];
  const made = await parent.tokens.create({ name: 'child', scope: 'proxy', grants, ttl: fromMillis(60_000) });
  assert.equal(made.token?.name, 'parent/child');
  const child = daemon.client(made.text);
  await refusal(
    parent.tokens.create({ name: 'wide', scope: 'proxy', grants: [{ services: '*', actions: ['open'] }] }),
    'denied',
  );
  await refusal(parent.tokens.create({ name: 'root', scope: 'admin' }), 'denied');
  await refusal(parent.tokens.create({ name: 'free', scope: 'proxy', grants, anyUid: true }), 'denied');
  const session = await child.sessions.open({ service: 'mine', connections: 0 });
  using line = await LineClient.connect({ host: session.host, port: session.port });
  await admin.tokens.revoke({ token: 'parent' });
  assert.equal(await line.rest(), '');
  await refusal(child.services.list({}), 'unauthenticated');
  await refusal(parent.services.list({}), 'unauthenticated');
  assert.ok(!(await admin.sessions.list({})).sessions.some(({ id }) => id === session.id));
});

test('a grandchild is seen and revoked by the first of the family, and a stranger is told of none', async () => {
  const grants = [{ services: 'mine', actions: ['open'] }];
  const ttl = fromMillis(60_000);
  const first = daemon.client(await daemon.proxyToken('first', 'mine', ['open'], 3_600_000));
  const second = daemon.client((await first.tokens.create({ name: 'b', scope: 'proxy', grants, ttl })).text);
  const third = await second.tokens.create({ name: 'c', scope: 'proxy', grants, ttl });
  const id = third.token?.id ?? '';
  assert.deepEqual((await first.tokens.list({})).tokens.map(({ name }) => name).sort(), [
    'first',
    'first/b',
    'first/b/c',
  ]);
  const stranger = await daemon.proxy('nosy', 'mine');
  for (const selector of [id, id.slice(0, 5), 'first', 'first/b/c', 'nobody'])
    assert.equal(
      (await refusal(stranger.tokens.revoke({ token: selector }), 'not_found')).message,
      'there is no such token of yours',
    );
  assert.equal((await first.tokens.revoke({ token: id })).name, 'first/b/c');
  await refusal(daemon.client(third.text).services.list({}), 'unauthenticated');
});

test('one caller cannot revoke the token above its own', async () => {
  const grants = [{ services: 'mine', actions: ['open'] }];
  const above = daemon.client(await daemon.proxyToken('above', 'mine', ['open'], 3_600_000));
  const made = await above.tokens.create({ name: 'below', scope: 'proxy', grants, ttl: fromMillis(60_000) });
  const below = daemon.client(made.text);
  await refusal(below.tokens.revoke({ token: 'above' }), 'not_found');
  assert.equal((await above.vault.status({})).caller?.name, 'above');
});
