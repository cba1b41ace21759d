import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { fromMillis, toMillis } from '../../../src/core/rpc.ts';
import { PgServer } from '../../fakes/pgserver.ts';
import { LineClient } from '../../support/client.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { fakePostgres, struct } from '../../support/pgservice.ts';
import { refusal } from '../../support/refusal.ts';

/* What a service's policy says, given through the API, decides. */

const UID = process.getuid?.() ?? 0;
let server: PgServer;
let daemon: TestDaemon;
let admin: BrokerClient;

before(async () => {
  server = await PgServer.start('app password');
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

test('a policy comes back as it was given, and Set without one leaves it alone', async () => {
  const policy = { allowTokens: ['ci-*'], allowUids: [1000], maxSessions: 3, maxLifetime: fromMillis(90_000) };
  await admin.services.put(fakePostgres('kept', server, { policy }));
  await admin.services.set({ name: 'kept', config: struct({ spares: 0 }) });
  const { policy: found } = await admin.services.get({ name: 'kept' });
  assert.deepEqual(found?.allowTokens, ['ci-*']);
  assert.deepEqual(found?.allowUids, [1000]);
  assert.equal(found?.maxSessions, 3);
  assert.equal(toMillis(found?.maxLifetime), 90_000);
  const set = await admin.services.set({ name: 'kept', policy: {} });
  assert.deepEqual([set.policy?.allowTokens, set.policy?.maxSessions, set.policy?.maxLifetime], [[], 0, null]);
});

test('a bad policy is refused and changes nothing', async () => {
  await admin.services.put(fakePostgres('strict', server, { policy: { maxSessions: 2 } }));
  for (const policy of [{ maxSessions: 101 }, { allowUids: [65534] }, { allowTokens: ['a b'] }])
    assert.match(
      (await refusal(admin.services.set({ name: 'strict', policy }), 'invalid_argument')).message,
      /^policy\./,
    );
  assert.equal((await admin.services.get({ name: 'strict' })).policy?.maxSessions, 2);
});

test('allow_tokens lets the named tokens in and hides the service from all others', async () => {
  await admin.services.put(fakePostgres('named', server, { policy: { allowTokens: ['ci-*'] } }));
  const ci = await daemon.proxy('ci-7', '*');
  const other = await daemon.proxy('laptop', '*');
  assert.ok((await ci.sessions.open({ service: 'named' })).port);
  await refusal(other.sessions.open({ service: 'named' }), 'not_found');
  await refusal(other.services.get({ name: 'named' }), 'not_found');
});

test('allow_uids refuses another uid, over TCP too', async () => {
  await admin.services.put(fakePostgres('ours', server, { policy: { allowUids: [UID] } }));
  await admin.services.put(fakePostgres('another', server, { policy: { allowUids: [UID + 1] } }));
  const token = await daemon.proxyToken('anyone', '*');
  for (const client of [daemon.client(token), daemon.tcp(token)]) {
    assert.ok((await client.sessions.open({ service: 'ours' })).port);
    await refusal(client.sessions.open({ service: 'another' }), 'not_found');
  }
});

test('max_sessions counts live sessions of everybody', async () => {
  await admin.services.put(fakePostgres('few', server, { policy: { maxSessions: 2 } }));
  const one = await daemon.proxy('few-one', '*');
  const two = await daemon.proxy('few-two', '*');
  const first = await one.sessions.open({ service: 'few' });
  await two.sessions.open({ service: 'few' });
  assert.match((await refusal(one.sessions.open({ service: 'few' }), 'exhausted')).message, /2 sessions open/);
  await one.sessions.close({ id: first.id });
  assert.ok((await two.sessions.open({ service: 'few' })).port);
});

test('max_lifetime bounds a session that asked for more, and ends it', async (t) => {
  const limitMs = 1_234_567;
  // Nobody waits for it: the timer of this length is fired by hand.
  const later = globalThis.setTimeout;
  let pass = (): void => assert.fail('nothing waits for the end of the lifetime');
  t.mock.method(globalThis, 'setTimeout', (work: () => void, ms: number, ...args: unknown[]) => {
    if (ms > limitMs - 60_000 && ms <= limitMs) pass = work;
    return later(work, ms, ...(args as []));
  });
  await admin.services.put(fakePostgres('short', server, { policy: { maxLifetime: fromMillis(limitMs) } }));
  const agent = await daemon.proxy('short-user', '*');
  const session = await agent.sessions.open({ service: 'short', lifetime: fromMillis(3_600_000), connections: 0 });
  const lifeMs = (toMillis(session.expiresAt) ?? 0) - (toMillis(session.openedAt) ?? 0);
  assert.ok(lifeMs <= limitMs, `${lifeMs} ms`);
  using line = await LineClient.connect({ host: session.host, port: session.port });
  pass();
  assert.equal(await line.rest(), '');
});

test('a policy that no longer lets a token in ends what it has open', async () => {
  await admin.services.put(fakePostgres('narrowed', server));
  const agent = await daemon.proxy('outgoing', '*');
  const session = await agent.sessions.open({ service: 'narrowed', connections: 0 });
  using line = await LineClient.connect({ host: session.host, port: session.port });
  await admin.services.set({ name: 'narrowed', policy: { allowTokens: ['somebody-else'] } });
  assert.equal(await line.rest(), '');
  await refusal(agent.sessions.open({ service: 'narrowed' }), 'not_found');
});
