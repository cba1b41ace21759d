import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type ListenOptions, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { descriptorOf } from '../../../src/daemon/peer/credentials.ts';
import { createPeerLookup, type PeerLookup } from '../../../src/daemon/peer/lookup.ts';

const self = process.getuid?.();
const METHODS = ['sock_diag', '/proc/net/tcp'] as const;

/** Accepts one connection and hands it to `body`. */
async function accepted(
  where: ListenOptions,
  client: (at: { host?: string; port?: number; path?: string }) => Socket | ChildProcess,
  body: (socket: Socket, client: Socket | ChildProcess) => Promise<void>,
): Promise<void> {
  const server = createServer({ allowHalfOpen: true }).listen(where);
  await once(server, 'listening');
  const address = server.address();
  const at = typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: address?.port ?? 0 };
  const connection = once(server, 'connection');
  const made = client(at);
  const [socket]: Socket[] = await connection;
  assert(socket);
  try {
    await body(socket, made);
  } finally {
    socket.destroy();
    if (made instanceof Object && 'kill' in made) made.kill();
    else made.destroy();
    server.close();
  }
}

function lookUp(peers: PeerLookup, socket: Socket) {
  const { localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 } = socket;
  return peers.tcp({ address: localAddress, port: localPort }, { address: remoteAddress, port: remotePort });
}

for (const method of METHODS) {
  test(`${method}: names the uid of a loopback client`, async () => {
    const peers = await createPeerLookup({ methods: [method] });
    assert.equal(peers.method, method);
    await accepted({ host: '127.0.0.1', port: 0 }, connectTo, async (socket) => {
      assert.deepEqual(await lookUp(peers, socket), { uid: self });
    });
  });

  test(`${method}: names a client of a dual-stack listener by its mapped address`, async () => {
    const peers = await createPeerLookup({ methods: [method] });
    await accepted({ host: '::', port: 0 }, connectTo, async (socket) => {
      assert.match(socket.remoteAddress ?? '', /^::ffff:/);
      assert.deepEqual(await lookUp(peers, socket), { uid: self });
    });
  });

  test(`${method}: a client that has sent and gone is nobody, not root`, async () => {
    const peers = await createPeerLookup({ methods: [method] });
    await accepted({ host: '127.0.0.1', port: 0 }, connectTo, async (socket, client) => {
      assert('write' in client);
      await new Promise((resolve) => client.write('bytes that can still be read', resolve));
      const closed = once(client, 'close');
      client.destroy();
      await closed;
      await once(socket, 'readable');
      assert.equal(socket.read()?.toString(), 'bytes that can still be read');
      assert.equal(await lookUp(peers, socket), undefined);
    });
  });

  test(`${method}: a connection that is not there is nobody`, async () => {
    const peers = await createPeerLookup({ methods: [method] });
    await accepted({ host: '127.0.0.1', port: 0 }, connectTo, async (socket) => {
      const { localPort = 0, remotePort = 0 } = socket;
      const here = { address: '127.0.0.1', port: localPort };
      assert.equal(await peers.tcp(here, { address: '127.0.0.2', port: remotePort }), undefined);
      assert.equal(await peers.tcp(here, { address: '127.0.0.1', port: localPort }), undefined);
      assert.equal(await peers.tcp(here, { address: '::1', port: remotePort }), undefined);
    });
  });

  if (self === 0) {
    test(`${method}: tells users apart, and never matches nobody`, async () => {
      const peers = await createPeerLookup({ methods: [method] });
      for (const [uid, expected] of [
        [54_321, { uid: 54_321 }],
        [65_534, undefined],
      ] as const)
        await accepted({ host: '127.0.0.1', port: 0 }, as(uid), async (socket) => {
          assert.deepEqual(await lookUp(peers, socket), expected);
        });
    });
  }
}

test('without a way that works, nothing is claimed', async () => {
  const peers = await createPeerLookup({ methods: [] });
  assert.deepEqual([peers.method, peers.tcpAvailable], ['none', false]);
  assert.equal(await peers.tcp({ address: '127.0.0.1', port: 1 }, { address: '127.0.0.1', port: 2 }), undefined);
});

test('names the process at the other end of a unix socket', async () => {
  const peers = await createPeerLookup();
  const folder = await mkdtemp(join(tmpdir(), 'broker-peer-'));
  try {
    await accepted({ path: join(folder, 's') }, connectTo, async (socket) => {
      const peer = peers.unix(descriptorOf(socket) ?? -1);
      assert.deepEqual(peer, { uid: self, gid: process.getgid?.(), pid: process.pid, executable: process.execPath });
    });
    assert.equal(peers.unix(-1), undefined);
  } finally {
    await rm(folder, { recursive: true });
  }
});

function connectTo(at: { host?: string; port?: number; path?: string }): Socket {
  const socket = connect({ allowHalfOpen: true, ...at } as Parameters<typeof connect>[0] & object);
  socket.on('error', () => socket.destroy());
  return socket;
}

function as(uid: number) {
  return (at: { port?: number }): ChildProcess =>
    spawn(process.execPath, ['-e', `require('net').connect(${at.port},'127.0.0.1')`], { uid, gid: uid, cwd: '/' });
}
