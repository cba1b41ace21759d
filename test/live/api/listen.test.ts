import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from '../../../src/cli/connect.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { refusal } from '../../support/refusal.ts';
import { rig } from '../../support/rig.ts';
import { callAs, otherUid } from '../../support/user.ts';

/* Where the control API listens, who can reach it there, and what the daemon knows about those who do. */

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-listen-'));
});

after(() => rm(folder, { recursive: true, force: true }));

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

test('the socket is 0600 in a folder that is 0700', async () => {
  const home = join(folder, 'plain');
  await using daemon = await TestDaemon.start({ home });
  assert.equal(modeOf(daemon.instance.socket), '600');
  assert.equal(modeOf(home), '700');
});

test('--socket-group and --socket-mode let a group in, and the folder is made for it', async () => {
  const gid = rig().account.gid;
  const socket = join(folder, 'shared', 'broker.sock');
  await using daemon = await TestDaemon.start({ flags: { socket, 'socket-group': String(gid) } });
  assert.deepEqual([modeOf(socket), statSync(socket).gid], ['660', gid]);
  assert.deepEqual([modeOf(join(folder, 'shared')), statSync(join(folder, 'shared')).gid], ['750', gid]);
  chmodSync(folder, 0o711);
  // The member of the group is let in, and known as who it is: neither owner nor admin.
  assert.deepEqual(await callAs(otherUid(), daemon.address), { status: 'nobody', list: 'unauthenticated' });
  const token = await daemon.proxyToken('member');
  assert.deepEqual(await callAs(otherUid(), daemon.address, token), { status: 'member', list: '0 services' });
  const [refused] = await daemon.audit({ action: 'rpc.refuse' });
  const caller = refused?.caller;
  assert.equal(caller?.uid, otherUid());
  assert.ok(caller?.pid && caller.pid > 1 && caller.pid !== process.pid);
});

test('a socket that the group could not reach is refused at the start', async () => {
  const start = TestDaemon.start({ flags: { 'socket-group': String(rig().account.gid) } });
  assert.match((await refusal(start, 'invalid_argument')).message, /the group of --socket-group cannot enter/);
  await refusal(TestDaemon.start({ flags: { 'socket-group': 'no-such-group' } }), 'invalid_argument');
  await refusal(TestDaemon.start({ flags: { 'socket-mode': '0999' } }), 'invalid_argument');
});

test('only the user of the daemon may create the vault, and only over the unix socket', async () => {
  const socket = join(folder, 'open', 'broker.sock');
  await mkdir(join(folder, 'open'), { mode: 0o755 });
  await using daemon = await TestDaemon.start({ initialized: false, flags: { socket, 'socket-mode': '0666' } });
  const password = Buffer.from('correct horse battery');
  await refusal(daemon.tcp().vault.initialize({ password }), 'denied');
  assert.equal(daemon.instance.daemon.vault.state, 'absent');
  await daemon.client().vault.initialize({ password: Buffer.from('correct horse battery') });
  const records = await daemon.audit({ action: 'vault.initialize' });
  assert.deepEqual(
    records.map(({ outcome, caller }) => [outcome, caller.transport]),
    [
      ['denied', 'tcp'],
      ['ok', 'unix'],
    ],
  );
});

test('a token made over the unix socket is of no use over TCP to another user', async () => {
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  const grants = [{ services: '*', actions: ['open'] }];
  const bound = await admin.tokens.create({ name: 'bound', scope: 'proxy', grants });
  assert.equal(bound.token?.boundUid, process.getuid?.());
  const free = await admin.tokens.create({ name: 'free', scope: 'proxy', grants, anyUid: true });
  assert.deepEqual(await callAs(otherUid(), daemon.tcpAddress, bound.text), {
    status: 'nobody',
    list: 'unauthenticated',
  });
  assert.deepEqual(await callAs(otherUid(), daemon.tcpAddress, free.text), { status: 'free', list: '0 services' });
  assert.equal((await daemon.tcp(bound.text).vault.status({})).caller?.name, 'bound');
  const [refused] = await daemon.audit({ action: 'rpc.refuse' });
  assert.equal(refused?.caller.uid, otherUid());
});

test('beyond loopback there is no listening without TLS', async () => {
  for (const grpc of ['0.0.0.0:0', '[::]:0', 'example.test:0'])
    assert.match((await refusal(TestDaemon.start({ flags: { grpc } }), 'invalid_argument')).message, /in the clear/);
  const { server } = rig().tls;
  const half = TestDaemon.start({ flags: { 'tls-cert': server.certFile } });
  assert.match((await refusal(half, 'invalid_argument')).message, /go together/);
  const noPem = { 'tls-cert': server.keyFile, 'tls-key': server.certFile };
  await refusal(TestDaemon.start({ flags: noPem }), 'invalid_argument');
});

test('with TLS it listens anywhere, and still knows the user at the other end on this machine', async () => {
  const { server, ca, otherCa } = rig().tls;
  const flags = { grpc: '0.0.0.0:0', 'tls-cert': server.certFile, 'tls-key': server.keyFile };
  await using daemon = await TestDaemon.start({ flags });
  const address = `https://${daemon.tcpAddress}`;
  const token = await daemon.adminToken();
  using trusting = connect({ address, token, caFile: ca.certFile });
  assert.equal((await trusting.vault.status({})).caller?.name, 'root');
  await refusal(trusting.services.delete({ name: 'gone' }), 'not_found');
  const [record] = await daemon.audit({ action: 'service.delete' });
  const caller = record?.caller;
  assert.deepEqual([caller?.uid, caller?.transport], [process.getuid?.(), 'tcp']);
  using mistrusting = connect({ address, token, caFile: otherCa.certFile });
  await refusal(mistrusting.vault.status({}), 'unavailable');
  await refusal(daemon.tcp(token).vault.status({}), 'unavailable');
});

test('with --client-ca only clients with a certificate of that CA get as far as their token', async () => {
  const { server, ca, client, other } = rig().tls;
  const flags = { 'tls-cert': server.certFile, 'tls-key': server.keyFile, 'client-ca': ca.certFile };
  await using daemon = await TestDaemon.start({ flags });
  const place = { address: `https://${daemon.tcpAddress}`, caFile: ca.certFile, token: await daemon.adminToken() };
  using known = connect({ ...place, certFile: client.certFile, keyFile: client.keyFile });
  assert.equal((await known.vault.status({})).caller?.name, 'root');
  using bare = connect(place);
  await refusal(bare.vault.status({}), 'unavailable');
  using foreign = connect({ ...place, certFile: other.certFile, keyFile: other.keyFile });
  await refusal(foreign.vault.status({}), 'unavailable');
});

test('a second daemon on the same home says so and touches nothing', async () => {
  const home = join(folder, 'taken');
  await using daemon = await TestDaemon.start({ home });
  const error = await refusal(TestDaemon.start({ home }), 'conflict');
  assert.match(error.message, new RegExp(`another process \\(pid ${process.pid}\\) is using broker's home ${home}`));
  assert.equal((await (await daemon.admin()).vault.status({})).state, 'STATE_UNLOCKED');
});

test('a socket that another daemon listens on is a conflict, and stays', async () => {
  const socket = join(folder, 'one.sock');
  await using daemon = await TestDaemon.start({ flags: { socket } });
  const error = await refusal(TestDaemon.start({ flags: { socket } }), 'conflict');
  assert.equal(error.message, `another daemon listens on ${socket}`);
  assert.equal((await daemon.client().vault.status({})).state, 'STATE_UNLOCKED');
});

test('a port that is taken is a conflict', async () => {
  await using daemon = await TestDaemon.start();
  const error = await refusal(TestDaemon.start({ flags: { grpc: daemon.tcpAddress } }), 'conflict');
  assert.match(error.message, /EADDRINUSE/);
});

test('the socket of a killed daemon is replaced; anything else in its place is not', async () => {
  const socket = join(folder, 'stale.sock');
  const script = `require('net').createServer().listen(process.argv[1], () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.ok(existsSync(socket));
  {
    await using daemon = await TestDaemon.start({ flags: { socket } });
    assert.equal((await daemon.client().vault.status({})).state, 'STATE_UNLOCKED');
  }
  assert.ok(!existsSync(socket));
  writeFileSync(socket, 'precious');
  assert.match((await refusal(TestDaemon.start({ flags: { socket } }), 'conflict')).message, /is not a socket/);
  assert.ok(existsSync(socket));
});

test('a home that other users can enter is refused', async () => {
  const home = join(folder, 'loose');
  await mkdir(home);
  chmodSync(home, 0o755);
  chownSync(home, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
  await refusal(TestDaemon.start({ home }), 'conflict');
});
