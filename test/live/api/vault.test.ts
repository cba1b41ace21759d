import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '../../../src/cli/connect.ts';
import { fromMillis, toMillis } from '../../../src/core/rpc.ts';
import { PgServer } from '../../fakes/pgserver.ts';
import { LineClient } from '../../support/client.ts';
import { MASTER, TestDaemon } from '../../support/daemon.ts';
import { fakePostgres } from '../../support/pgservice.ts';
import { collected, refusal } from '../../support/refusal.ts';

/* The life of a vault, driven through the API. */

const bytes = (text: string): Buffer => Buffer.from(text);
const backupOf = async (admin: Awaited<ReturnType<TestDaemon['admin']>>): Promise<Buffer> =>
  Buffer.concat((await collected(admin.vault.backup({}))).map(({ data }) => data));

test('lock ends sessions at once; tokens are good again after the unlock, elevated ones are not', async () => {
  await using server = await PgServer.start('app password');
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  await admin.services.put(fakePostgres('db', server));
  const agent = await daemon.proxy('agent');
  const elevated = daemon.client((await daemon.client().vault.elevate({ password: bytes(MASTER) })).token);
  const session = await agent.sessions.open({ service: 'db', connections: 0 });
  using line = await LineClient.connect({ host: session.host, port: session.port });
  assert.equal((await admin.vault.lock({ reason: 'lunch' })).state, 'STATE_LOCKED');
  assert.equal(await line.rest(), '');
  await refusal(agent.sessions.open({ service: 'db' }), 'locked');
  await daemon.client().vault.unlock({ password: bytes(MASTER) });
  assert.ok((await agent.sessions.open({ service: 'db' })).port);
  assert.deepEqual((await agent.sessions.list({})).sessions.length, 1);
  await refusal(elevated.services.list({}), 'unauthenticated');
  const ended = await daemon.audit({ action: 'session.end' });
  assert.deepEqual(
    ended.map(({ session: id, code }) => [id, code]),
    [[session.id, 'locked']],
  );
  const [locked] = await daemon.audit({ action: 'vault.lock' });
  assert.deepEqual([locked?.outcome, locked?.reason], ['ok', 'lunch']);
});

test('tokens survive a restart of the daemon, elevated ones do not', async () => {
  const home = await mkdtemp(join(tmpdir(), 'broker-restart-'));
  try {
    let proxy = '';
    let elevated = '';
    {
      await using daemon = await TestDaemon.start({ home });
      proxy = await daemon.proxyToken('agent');
      elevated = (await daemon.client().vault.elevate({ password: bytes(MASTER) })).token;
    }
    await using daemon = await TestDaemon.start({ home });
    await refusal(daemon.client(proxy).services.list({}), 'locked');
    await daemon.client().vault.unlock({ password: bytes(MASTER) });
    assert.deepEqual((await daemon.client(proxy).services.list({})).services, []);
    await refusal(daemon.client(elevated).services.list({}), 'unauthenticated');
    const file = readFileSync(join(home, 'vault.broker'));
    for (const text of [proxy, elevated]) assert.ok(!file.includes(text.slice(-20)));
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

test('elevation lasts five minutes at most, and is not stored', async () => {
  await using daemon = await TestDaemon.start();
  const client = daemon.client();
  for (const ttl of [undefined, fromMillis(3_600_000)]) {
    const { token, expiresAt } = await client.vault.elevate({ password: bytes(MASTER), ...(ttl && { ttl }) });
    const leftMs = (toMillis(expiresAt) ?? 0) - Date.now();
    assert.ok(leftMs > 0 && leftMs <= 300_000, `${leftMs} ms`);
    assert.equal((await daemon.client(token).vault.status({})).caller?.scope, 'admin');
  }
  const brief = await client.vault.elevate({ password: bytes(MASTER), ttl: fromMillis(1_000) });
  assert.ok((toMillis(brief.expiresAt) ?? 0) - Date.now() <= 1_000);
  await refusal(client.vault.elevate({ password: bytes(MASTER), ttl: fromMillis(-1) }), 'invalid_argument');
  assert.equal(daemon.instance.daemon.vault.list('token').length, 0);
});

test('wrong passwords make the caller wait, and are on record', async () => {
  await using daemon = await TestDaemon.start();
  const client = daemon.client();
  for (let failures = 0; failures < 3; failures++)
    await refusal(client.vault.elevate({ password: bytes('wrong password') }), 'denied');
  assert.match((await refusal(client.vault.elevate({ password: bytes(MASTER) }), 'exhausted')).message, /wait \d s/);
  assert.match((await refusal(client.vault.unlock({ password: bytes(MASTER) }), 'exhausted')).message, /wait \d s/);
  const records = await daemon.audit({ action: 'token.elevate' });
  assert.deepEqual(
    records.map(({ outcome, code }) => `${outcome} ${code}`),
    ['denied denied', 'denied denied', 'denied denied', 'denied exhausted'],
  );
  for (const { caller } of records) assert.deepEqual(caller.pid, process.pid);
});

test('passwd: the old password opens nothing any more; with rekey services, tokens and the audit log stay whole', async () => {
  await using server = await PgServer.start('app password');
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  await admin.services.put(fakePostgres('db', server));
  await refusal(
    admin.vault.changePassword({ oldPassword: bytes('no such one'), newPassword: bytes('another one') }),
    'denied',
  );
  await refusal(
    admin.vault.changePassword({ oldPassword: bytes(MASTER), newPassword: bytes('short') }),
    'invalid_argument',
  );
  for (const [oldPassword, newPassword, rekey] of [
    [MASTER, 'the second password', false],
    ['the second password', 'the third password', true],
  ] as const) {
    await admin.vault.changePassword({ oldPassword: bytes(oldPassword), newPassword: bytes(newPassword), rekey });
    await admin.vault.lock({});
    await refusal(daemon.client().vault.unlock({ password: bytes(oldPassword) }), 'denied');
    await daemon.client().vault.unlock({ password: bytes(newPassword) });
    assert.ok((await admin.sessions.open({ service: 'db' })).port);
    assert.equal((await admin.audit.verify({})).problem, '');
  }
});

test('a key slot opens the vault until it is removed', async () => {
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  const key = Buffer.alloc(32, 5);
  const { slots } = await admin.vault.addKeySlot({ key: Buffer.from(key), label: 'ci' });
  assert.deepEqual(
    slots.map(({ type, label }) => `${type} ${label}`),
    ['password password', 'key ci'],
  );
  await admin.vault.lock({});
  await daemon.client().vault.unlock({ key: Buffer.from(key) });
  await admin.vault.removeKeySlot({ label: 'ci' });
  await admin.vault.lock({});
  await refusal(daemon.client().vault.unlock({ key: Buffer.from(key) }), 'denied');
  await daemon.client().vault.unlock({ password: bytes(MASTER) });
});

test('a backup restored onto an empty home brings services and tokens back, with a clean audit log', async () => {
  await using server = await PgServer.start('app password');
  let backup: Buffer;
  let token = '';
  {
    await using first = await TestDaemon.start();
    const admin = await first.admin();
    await admin.services.put(fakePostgres('db', server));
    token = await first.proxyToken('agent');
    for (let round = 0; round < 5; round++) await admin.audit.verify({});
    await admin.vault.lock({});
    await first.client().vault.unlock({ password: bytes(MASTER) });
    backup = await backupOf(admin);
  }
  await using second = await TestDaemon.start({ initialized: false });
  await refusal(
    second.client().vault.restore([{ password: bytes('not it at all'), data: Buffer.from(backup) }]),
    'denied',
  );
  assert.equal(second.instance.daemon.vault.state, 'absent');
  const status = await second
    .client()
    .vault.restore([
      { password: bytes(MASTER) },
      ...[backup.subarray(0, 1_000), backup.subarray(1_000)].map((data) => ({ data: Buffer.from(data) })),
    ]);
  assert.equal(status.state, 'STATE_UNLOCKED');
  assert.ok((await second.client(token).sessions.open({ service: 'db' })).port);
  const admin = await second.admin();
  assert.equal((await admin.audit.verify({})).problem, '');
  assert.deepEqual(
    (await second.audit({ action: 'vault.restore' })).map(({ outcome }) => outcome),
    ['denied', 'ok'],
  );
});

test('a restore that fails leaves vault, sessions and tokens as they were', async () => {
  await using server = await PgServer.start('app password');
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  await admin.services.put(fakePostgres('db', server));
  const backup = await backupOf(admin);
  const agent = await daemon.proxy('agent');
  const session = await agent.sessions.open({ service: 'db', connections: 0 });
  const before = readFileSync(join(daemon.home, 'vault.broker'));
  const damaged = Buffer.from(backup);
  damaged[damaged.length - 1] = (damaged[damaged.length - 1] ?? 0) ^ 1;
  for (const [data, password, code] of [
    [Buffer.from(backup), 'not it at all', 'denied'],
    [damaged, MASTER, 'corrupt'],
    [Buffer.from(backup.subarray(0, 100)), MASTER, 'corrupt'],
  ] as const) {
    await refusal(admin.vault.restore([{ password: bytes(password), data }]), code);
    assert.deepEqual(readFileSync(join(daemon.home, 'vault.broker')), before);
    assert.deepEqual(
      (await agent.sessions.list({})).sessions.map(({ id, state }) => [id, state]),
      [[session.id, 'STATE_WAITING']],
    );
  }
});

test('a restore ends what was open under the vault it replaces', async () => {
  await using server = await PgServer.start('app password');
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  await admin.services.put(fakePostgres('db', server));
  const backup = await backupOf(admin);
  const later = await daemon.proxyToken('later');
  const session = await daemon.client(later).sessions.open({ service: 'db', connections: 0 });
  using line = await LineClient.connect({ host: session.host, port: session.port });
  await admin.vault.restore([{ password: bytes(MASTER), data: backup }]);
  assert.equal(await line.rest(), '');
  await refusal(daemon.client(later).services.list({}), 'unauthenticated');
  assert.ok((await admin.sessions.open({ service: 'db' })).port);
  assert.equal((await admin.audit.verify({})).problem, '');
});

test('a client of another daemon is not let in by the token of this one', async () => {
  await using one = await TestDaemon.start();
  await using two = await TestDaemon.start();
  using client = connect({ address: two.address, token: await one.adminToken() });
  await refusal(client.services.list({}), 'unauthenticated');
});
