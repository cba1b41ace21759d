import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { after, before, test } from 'node:test';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { PgServer } from '../../fakes/pgserver.ts';
import { MASTER, TestDaemon } from '../../support/daemon.ts';
import { closed } from '../../support/pair.ts';
import { fakePostgres, struct } from '../../support/pgservice.ts';
import { field, rawDuplex, rawUnary } from '../../support/rawgrpc.ts';
import { collected, refusal } from '../../support/refusal.ts';

/* The control API as a service on a wire: health, reflection, deadlines, cancellation, errors, and bytes that are none of it. */

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

const health = async (service: string): Promise<number | undefined> =>
  (await rawUnary(daemon.tcpAddress, '/grpc.health.v1.Health/Check', service ? field(1, service) : Buffer.alloc(0)))[1];

test('grpc.health.v1 says SERVING, and of sessions NOT_SERVING while the vault is locked', async () => {
  assert.equal(await health(''), 1);
  assert.equal(await health('broker.v1.Sessions'), 1);
  await admin.vault.lock({});
  assert.equal(await health(''), 1);
  assert.equal(await health('broker.v1.Sessions'), 2);
  await daemon.client().vault.unlock({ password: Buffer.from(MASTER) });
  assert.equal(await health('broker.v1.Sessions'), 1);
});

test('reflection lists the services and describes their messages', async () => {
  for (const version of ['v1', 'v1alpha']) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const listed = (await rawDuplex(daemon.address, path, field(7, '*'))).toString('latin1');
    for (const name of [
      'Vault',
      'Kinds',
      'Presets',
      'Services',
      'Sessions',
      'Tokens',
      'Files',
      'OAuth',
      'Audit',
      'Daemon',
    ])
      assert.ok(listed.includes(`broker.v1.${name}`), name);
    const described = await rawDuplex(daemon.address, path, field(4, 'broker.v1.Sessions'));
    assert.ok(described.includes('OpenSessionRequest'));
  }
});

test('a caller on the unix socket is on record with uid, pid and executable; over TCP with its uid', async () => {
  for (const client of [admin, daemon.tcp(await daemon.adminToken())])
    await refusal(client.services.delete({ name: 'gone' }), 'not_found');
  const records = await daemon.audit({ action: 'service.delete' });
  const uid = process.getuid?.();
  const [unix, tcp] = records.map(({ caller }) => caller);
  assert.deepEqual(
    [unix?.uid, unix?.pid, unix?.executable, unix?.transport],
    [uid, process.pid, process.execPath, 'unix'],
  );
  assert.deepEqual([tcp?.uid, tcp?.transport, tcp?.token], [uid, 'tcp', 'root']);
});

test("a caller's deadline ends the dial that it waits for", async () => {
  await admin.services.put(fakePostgres('slow', server));
  server.behaviour = 'silent';
  await refusal(admin.sessions.open({ service: 'slow' }, { timeoutMs: 300 }), 'upstream_timeout');
  await server.until(() => server.live === 0);
  server.behaviour = 'normal';
});

test('a caller that cancels ends the dial that it waits for', async () => {
  await admin.services.put(fakePostgres('slower', server));
  server.behaviour = 'silent';
  const before = server.attempts;
  const cancel = new AbortController();
  const opening = admin.sessions.open({ service: 'slower' }, { signal: cancel.signal });
  await Promise.race([server.until(() => server.attempts > before), opening]);
  cancel.abort();
  await refusal(opening, 'cancelled');
  await server.until(() => server.live === 0);
  server.behaviour = 'normal';
  assert.deepEqual((await admin.sessions.list({})).sessions, []);
});

test('a watcher that goes away is forgotten, and does not disturb the next', async () => {
  for (let round = 0; round < 20; round++) {
    const gone = new AbortController();
    const watching = collected(admin.sessions.watch({}, { signal: gone.signal }));
    gone.abort();
    await refusal(watching, 'cancelled');
  }
  assert.ok(await admin.vault.status({}));
  assert.deepEqual(
    daemon.log.filter((line) => !line.includes('"level":"debug"')),
    [],
  );
});

test("an upstream's failure carries its code, hop, hint and the server's own code", async () => {
  await admin.services.put(fakePostgres('refused', server, { secrets: { password: Buffer.from('wrong one') } }));
  const error = await refusal(admin.sessions.open({ service: 'refused' }), 'upstream_auth');
  assert.equal(error.hop, 'auth');
  assert.equal(error.upstreamCode, '28P01');
  assert.match(error.message, /^refused: PostgreSQL at 127\.0\.0\.1:\d+ refused the password for user app \(28P01\)/);
  assert.ok(error.hint);
  const tested = await admin.services.test({ name: 'refused' });
  assert.equal(tested.ok, false);
  assert.deepEqual(
    tested.hops.map(({ name, ok }) => [name, ok]),
    [
      ['tcp', true],
      ['auth', false],
    ],
  );
  assert.equal(tested.error, error.message);
});

test('an unknown field is named with the closest known one', async () => {
  const put = fakePostgres('typo', server, { config: struct({ host: 'db', usr: 'app' }) });
  assert.match(
    (await refusal(admin.services.put(put), 'invalid_argument')).message,
    /usr is not a field of this kind \(did you mean user\?\)/,
  );
});

test('a message over the limit is refused, and the daemon goes on', async () => {
  const secrets = { password: Buffer.alloc(9 * 1024 * 1024, 65) };
  await refusal(admin.services.put(fakePostgres('huge', server, { secrets })), 'too_large');
  assert.ok(await admin.vault.status({}));
});

test('bytes that are no gRPC message, no UTF-8 or no HTTP/2 harm nobody', async () => {
  const path = '/broker.v1.Services/Get';
  for (const bytes of [
    field(1, Buffer.from([0xff, 0xfe, 0xc3])),
    Buffer.from([0x0a, 0x7f]),
    Buffer.from([0xff, 0xff, 0xff]),
  ])
    await assert.rejects(rawUnary(daemon.tcpAddress, path, bytes));
  await assert.rejects(rawUnary(daemon.tcpAddress, '/broker.v1.Services/Steal', Buffer.alloc(0)), { code: 12 });
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  for (const where of [{ path: daemon.instance.socket }, { host: '127.0.0.1', port: daemon.instance.port ?? 0 }]) {
    for (const bytes of [
      randomBytes(4_096),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat([preface, randomBytes(4_096)]),
    ]) {
      const socket = connectSocket(where);
      await once(socket, 'connect');
      socket.write(bytes);
      await closed(socket);
    }
    const leaver = connectSocket(where);
    await once(leaver, 'connect');
    leaver.destroy();
  }
  assert.equal((await admin.vault.status({})).caller?.name, 'root');
  assert.equal((await daemon.tcp(await daemon.adminToken()).vault.status({})).caller?.name, 'root');
});

test('a daemon that stops says so to those who follow something, and nothing listens any more', async () => {
  await using stopped = await TestDaemon.start();
  const root = await stopped.admin();
  const following = collected(root.audit.query({ follow: true }));
  const watching = collected(root.sessions.watch({}));
  const first = refusal(following, 'unavailable');
  const second = refusal(watching, 'unavailable');
  await root.vault.status({});
  await stopped.instance[Symbol.asyncDispose]();
  assert.match((await first).message, /stopping|not running/);
  await second;
  await refusal(stopped.client().vault.status({}), 'unavailable');
  await refusal(stopped.tcp().vault.status({}), 'unavailable');
});
