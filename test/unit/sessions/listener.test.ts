import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { PeerLookup } from '../../../src/daemon/peer/lookup.ts';
import { listenTcp } from '../../../src/daemon/sessions/listener.ts';
import { PortRest } from '../../../src/daemon/sessions/ports.ts';
import { LineClient } from '../../support/client.ts';
import { caller, eventually, never, peers } from '../../support/sessions.ts';
import { setup } from './setup.ts';

test('a port that was given back is not given out again for its time of rest', async () => {
  let now = 0;
  const rest = new PortRest(() => now, 300_000);
  const first = await listenTcp(0, rest, () => undefined);
  await first[Symbol.asyncDispose]();
  assert(rest.isResting(first.port));
  now = 299_999;
  assert(rest.isResting(first.port));
  now = 300_000;
  assert(!rest.isResting(first.port));
});

test('tries further ports while those that the kernel offers are resting', async () => {
  const rest = new PortRest(() => 0);
  const offered: number[] = [];
  const asked = { isResting: (port: number) => offered.push(port) < 3, release: rest.release.bind(rest) };
  const listener = await listenTcp(0, asked as PortRest, () => undefined);
  assert.equal(offered.length, 3);
  assert.equal(listener.port, offered[2]);
  assert.equal(new Set(offered).size, 3);
  await listener[Symbol.asyncDispose]();
});

test('listens on loopback only, and on the port that was asked for', async () => {
  await using it = await setup();
  const first = await it.manager.open(caller(), { service: 'app' }, never);
  assert.equal(first.address.host, '127.0.0.1');
  const { port } = first.address;
  await assert.rejects(it.manager.open(caller(), { service: 'app', port }, never), { code: 'conflict' });
  await it.server.until(() => it.server.live === 1);
  await it.manager.close(first.id, 'closed');
  const second = await it.manager.open(caller(), { service: 'app', port }, never);
  assert.equal(second.address.port, port);
});

test('a unix session has a folder of its own that nobody can list, and leaves nothing', async () => {
  await using it = await setup();
  const socketDir = await mkdtemp(join(tmpdir(), 'broker-'));
  try {
    const lease = await it.manager.open(caller(), { service: 'app', listen: 'unix', socketDir }, never);
    const path = lease.address.path ?? '';
    assert.match(path.slice(socketDir.length), /^\/[0-9a-f]{32}\/line\.sock$/);
    assert.equal((await stat(dirname(path))).mode & 0o777, 0o711);
    assert.equal((await stat(path)).mode & 0o777, 0o666);
    using client = await LineClient.connect({ path });
    assert.match(await client.ask('HELLO'), /^\+HELLO/);
    assert.equal(await client.ask('x'), 'echo x');
    const connected = await it.world.recorded('session.connect');
    assert.equal(connected.detail?.peerPid, process.pid);
    client.finish();
    await it.world.recorded('session.end');
    assert.deepEqual(await readdir(socketDir), []);
  } finally {
    await rm(socketDir, { recursive: true });
  }
});

test('a unix session checks who connects', async () => {
  const real = await peers();
  const bent: PeerLookup = { ...real, unix: () => ({ uid: 54_321 }) };
  await using it = await setup({ peers: bent });
  const lease = await it.manager.open(caller(), { service: 'app', listen: 'unix' }, never);
  using client = await LineClient.connect({ path: lease.address.path ?? '' });
  assert.equal(await client.ask('HELLO'), '-ERR this session belongs to another user');
});

test('refuses a folder whose sockets no client could name', async () => {
  await using it = await setup();
  const socketDir = join(tmpdir(), 'x'.repeat(100));
  await assert.rejects(it.manager.open(caller(), { service: 'app', listen: 'unix', socketDir }, never), {
    code: 'invalid_argument',
  });
  await it.server.until(() => it.server.live === 0);
});

test('refuses to open when descriptors run out, before anything is dialled', async () => {
  await using it = await setup({ descriptors: async () => ({ open: 90, limit: 100 }) });
  await assert.rejects(it.manager.open(caller(), { service: 'app' }, never), { code: 'exhausted' });
  assert.equal(it.server.attempts, 0);
});

test('stalled handshakes make room for new ones, and end by themselves', async () => {
  await using it = await setup({ limits: { maxGreeting: 2, greetTimeoutMs: 60_000 } });
  const owner = caller({ peer: { uid: (process.getuid?.() ?? 0) + 1 } });
  const lease = await it.manager.open(owner, { service: 'app' }, never);
  const { host, port } = lease.address;
  using oldest = await LineClient.connect({ host, port });
  using _second = await LineClient.connect({ host, port });
  using _third = await LineClient.connect({ host, port });
  assert.equal(await oldest.rest(), '-ERR too many clients are connecting at the same time\n');
});

test('a handshake that takes too long is refused', async () => {
  await using it = await setup({ limits: { greetTimeoutMs: 20 } });
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  using client = await LineClient.connect(lease.address);
  assert.match(await client.rest(), /^-ERR the client did not log in within/);
  await eventually(() => it.world.audit.some((event) => event.code === 'client_timeout'));
});
