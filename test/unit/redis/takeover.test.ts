import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { Decoder } from 'ioredis/built/resp/decoder.js';
import { readReply } from '../../../src/drivers/redis/replies.ts';
import { RedisServer } from '../../fakes/redis.ts';
import { clientConn } from '../../support/io.ts';

/*
 * Why ioredis does not do the login over a socket that broker dialled, although its Connector class would take one, and
 * why its Decoder is fed measured replies only. When one of these goes red, ioredis has changed: decide again.
 */

/** The login by ioredis over `socket`, as far as it can be made not to do anything else. */
async function loginByIoredis(socket: Socket, password: string): Promise<{ ready: boolean; errors: string[] }> {
  class Dialled {
    firstError = undefined;
    connect(): Promise<Socket> {
      return Promise.resolve(socket);
    }
    check(): boolean {
      return true;
    }
    disconnect(): void {
      socket.destroy();
    }
  }
  const client = new Redis({
    Connector: Dialled as never,
    lazyConnect: true,
    retryStrategy: () => null,
    protocol: 2,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    disableClientInfo: true,
    password,
  });
  const errors: string[] = [];
  client.on('error', (error: Error) => errors.push(error.message));
  const ready = await client.connect().then(
    () => true,
    (error: Error) => {
      errors.push(error.message);
      return false;
    },
  );
  return { ready, errors };
}

async function dialled(server: RedisServer): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

test('ioredis takes a server that needs no password for a login', async (t) => {
  t.mock.method(console, 'warn', () => undefined);
  await using server = await RedisServer.start();
  server.answers.set(
    'auth',
    '-ERR AUTH <password> called without any password configured for the default user. Are you sure?\r\n',
  );
  const socket = await dialled(server);
  assert.equal((await loginByIoredis(socket, 'stored')).ready, true);
  socket.destroy();
});

test('ioredis swallows what a server sends behind the login: a half reply stays in its decoder', async () => {
  await using server = await RedisServer.start();
  server.answers.set('auth', '+OK\r\n$100\r\nhalf of a reply');
  const socket = await dialled(server);
  const { ready } = await loginByIoredis(socket, server.password);
  assert.equal(ready, true);
  assert.equal(socket.readableLength, 0);
  socket.destroy();
});

test('ioredis says of a wrong password that the connection is closed', async () => {
  await using server = await RedisServer.start();
  const socket = await dialled(server);
  const { ready, errors } = await loginByIoredis(socket, 'wrong');
  assert.equal(ready, false);
  assert.equal(errors.at(-1), 'Connection is closed.');
});

test('ioredis’s Decoder allocates what a server says; here the same length is refused unread', async () => {
  const header = Buffer.from('*30000000\r\n');
  const decoder = new Decoder({
    getTypeMapping: () => ({}),
    onReply: () => undefined,
    onErrorReply: () => undefined,
    onPush: () => undefined,
  });
  const before = process.memoryUsage().heapUsed;
  decoder.write(Buffer.concat([header, Buffer.from(':1\r\n')]));
  assert(process.memoryUsage().heapUsed - before > 200_000_000);

  await using server = await RedisServer.start();
  server.answers.set('ping', header);
  const conn = await clientConn(server.port);
  await conn.write(Buffer.from('*1\r\n$4\r\nPING\r\n'), AbortSignal.timeout(20_000));
  await assert.rejects(readReply(conn, AbortSignal.timeout(20_000)), { code: 'upstream_protocol' });
  conn.destroy();
});

test('the driver’s replies come from the ioredis that is installed', () => {
  const { version } = createRequire(import.meta.url)('ioredis/package.json') as { version: string };
  assert.match(version, /^6\./);
});
