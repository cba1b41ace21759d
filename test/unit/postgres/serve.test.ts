import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { Conn } from '../../../src/core/conn.ts';
import type { Upstream } from '../../../src/core/driver.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import type { SessionEnd } from '../../../src/core/relay.ts';
import { postgres } from '../../../src/drivers/postgres/driver.ts';
import { fatalFor } from '../../../src/drivers/postgres/failure.ts';
import { readFrame } from '../../../src/drivers/postgres/frames.ts';
import type { PostgresVisitor } from '../../../src/drivers/postgres/local.ts';
import type { PostgresFacts } from '../../../src/drivers/postgres/login.ts';
import * as wire from '../../../src/drivers/postgres/wire.ts';
import { FakePostgres, parameterStatus, readStartup, type Script } from '../../fakes/postgres.ts';
import { testIo } from '../../support/io.ts';
import { closed, socketPair } from '../../support/pair.ts';

const never = new AbortController().signal;
const SERVER_KEY = { pid: 4711, secret: Buffer.from('5e4e5ec4', 'hex') };
const NOTICE = wire.frame(wire.TYPE.noticeResponse, Buffer.from('SNOTICE\0Mwelcome\0\0'));

/** Logs anybody in, then sends `bytes` and stays. */
const serves = (key: wire.CancelKey | undefined, ...bytes: readonly Buffer[]): Script => {
  return async (conn, signal) => {
    await readStartup(conn, signal);
    const facts = [wire.authenticationOk(), parameterStatus('TimeZone', 'UTC'), NOTICE];
    if (key) facts.push(wire.backendKeyData(key));
    await conn.write(Buffer.concat([...facts, wire.readyForQuery(), ...bytes]), signal);
    await conn.exactly(1, signal);
  };
};

interface Session {
  readonly upstream: Upstream<PostgresFacts, PostgresVisitor, wire.CancelKey>;
  readonly client: Socket;
  readonly stop: AbortController;
  readonly end: Promise<SessionEnd>;
  /** What the client was told before ReadyForQuery, and the key it got. */
  readonly told: readonly string[];
  readonly key: wire.CancelKey | undefined;
  readonly conn: Conn;
}

async function session(fake: FakePostgres, version: number, aborted?: BrokerError): Promise<Session> {
  const upstream = await postgres.open(fake.config({ min_auth: 'none' }), new Map(), testIo(), never);
  const { near, far } = await socketPair();
  const local = new Conn(near, 'client');
  const stop = new AbortController();
  if (aborted) stop.abort(aborted);
  const refuse = (error: BrokerError) => local.finish(fatalFor(error), 1_000);
  const visitor: PostgresVisitor = { conn: local, params: new Map(), version, refuse };
  const end = upstream.serve(visitor, 0, stop.signal);
  const conn = new Conn(far, 'upstream');
  const told: string[] = [];
  let key: wire.CancelKey | undefined;
  for (let last = ''; last !== 'Z' && last !== 'E'; ) {
    const frame = await readFrame(conn, never);
    last = String.fromCharCode(frame.type);
    told.push(last);
    if (last === 'K') key = wire.readBackendKeyData(frame.body);
  }
  return { upstream, client: far, stop, end, told, key, conn };
}

test('tells a client the server’s own facts, in the server’s order, and a key that is not the server’s', async () => {
  for (const [version, length] of [
    [0x30000, 4],
    [0x30002, 32],
  ] as const) {
    await using fake = await FakePostgres.start(serves(SERVER_KEY));
    const { told, key, client, end } = await session(fake, version);
    assert.deepEqual(told, ['R', 'S', 'N', 'K', 'Z']);
    assert.equal(key?.secret.length, length);
    assert.notEqual(key?.pid, SERVER_KEY.pid);
    client.destroy();
    await end;
  }
});

test('where the server gave no key, the client gets none', async () => {
  await using fake = await FakePostgres.start(serves(undefined));
  const { told, upstream, client, end } = await session(fake, 0x30000);
  assert.deepEqual(told, ['R', 'S', 'N', 'Z']);
  assert.equal(await upstream.side?.(SERVER_KEY, never), false);
  client.destroy();
  await end;
});

test('a cancel with the client’s key becomes one with the server’s; any other key is nobody’s', async () => {
  const requests: string[] = [];
  const cancelled: Script = async (conn, signal) => {
    requests.push((await conn.exactly(16, signal)).toString('hex'));
    await conn.finish(Buffer.alloc(0), 1_000);
  };
  await using fake = await FakePostgres.start(serves(SERVER_KEY), cancelled);
  const { upstream, key, client, end } = await session(fake, 0x30002);
  assert.ok(key);
  const bent = Buffer.from(key.secret);
  bent.writeUInt8(bent.readUInt8(31) ^ 1, 31);
  for (const wrong of [
    SERVER_KEY,
    { ...key, pid: key.pid ^ 1 },
    { ...key, secret: bent },
    { ...key, secret: key.secret.subarray(0, 4) },
  ]) {
    assert.equal(await upstream.side?.(wrong, never), false);
  }
  assert.equal(await upstream.side?.(key, never), true);
  assert.deepEqual(requests, [wire.cancelRequest(SERVER_KEY).toString('hex')]);
  client.destroy();
  await end;
  assert.equal(await upstream.side?.(key, never), false, 'a late cancel was sent on');
  assert.equal(requests.length, 1);
});

test('once the server is done, its key is forgotten although the client still reads', async () => {
  const leaves: Script = async (conn, signal) => {
    await serves(SERVER_KEY)(conn, signal).catch(() => undefined);
    await conn.finish(Buffer.alloc(0), 1_000);
  };
  await using fake = await FakePostgres.start(leaves);
  const { upstream, key, client, conn, end } = await session(fake, 0x30000);
  await conn.write(wire.sync(), never);
  assert.equal(await conn.some(never), undefined);
  assert.ok(key);
  assert.equal(await upstream.side?.(key, never), false);
  client.destroy();
  await end;
});

const revoked = new BrokerError('ended', 'the token was revoked');

test('a forced end cancels what runs and says goodbye between two messages', async () => {
  const requests: string[] = [];
  const cancelled: Script = async (conn, signal) => {
    requests.push((await conn.exactly(16, signal)).toString('hex'));
    await conn.finish(Buffer.alloc(0), 1_000);
  };
  const row = wire.frame(0x44, Buffer.alloc(100));
  await using fake = await FakePostgres.start(serves(SERVER_KEY, row), cancelled);
  const { client, conn, stop, end } = await session(fake, 0x30000);
  await readFrame(conn, never);
  stop.abort(revoked);
  const goodbye = await readFrame(conn, never);
  const fields = wire.readErrorFields(goodbye.body);
  assert.deepEqual(
    [fields.get('S'), fields.get('C'), fields.get('M')],
    ['FATAL', '57P01', 'broker: the token was revoked'],
  );
  assert.equal(await conn.some(never), undefined);
  client.end();
  assert.equal((await end).outcome, 'ended');
  assert.deepEqual(requests, [wire.cancelRequest(SERVER_KEY).toString('hex')]);
  await fake.abandoned();
});

test('a forced end in the middle of a message just closes: a goodbye would become data', async () => {
  const half = wire.frame(0x44, Buffer.alloc(100)).subarray(0, 50);
  await using fake = await FakePostgres.start(serves(SERVER_KEY, half), async (conn) => conn.destroy());
  const { client, conn, stop, end } = await session(fake, 0x30000);
  await conn.exactly(50, never);
  stop.abort(revoked);
  const { socket, rest } = conn.detach();
  assert.equal(rest.length, 0);
  socket.on('data', (chunk: Buffer) => assert.fail(`got ${chunk.toString('latin1')}`));
  await closed(client);
  assert.equal((await end).outcome, 'ended');
});

test('a server that cannot be reached for the cancel does not hold up the end', async () => {
  const mute: Script = async (conn, signal) => {
    await conn.exactly(1_000, signal);
  };
  await using fake = await FakePostgres.start(serves(SERVER_KEY), mute);
  const { client, stop, end } = await session(fake, 0x30000);
  client.on('error', () => undefined);
  stop.abort(revoked);
  client.end();
  assert.equal((await end).outcome, 'ended');
  await fake.abandoned();
});

test('a session that is revoked before it begins is refused in the protocol’s words', async () => {
  await using fake = await FakePostgres.start(serves(SERVER_KEY));
  const { told, upstream, client, end } = await session(fake, 0x30000, revoked);
  assert.deepEqual(told, ['E']);
  client.end();
  assert.equal((await end).outcome, 'ended');
  await upstream[Symbol.asyncDispose]();
  await fake.abandoned();
});

test('a server that sends a length that no message has ends the session as its own fault', async () => {
  await using fake = await FakePostgres.start(serves(SERVER_KEY, Buffer.from('44ffffffff', 'hex')));
  const { client, end } = await session(fake, 0x30000);
  client.end();
  const { outcome, side, error } = await end;
  assert.deepEqual([outcome, side, error?.code], ['error', 'upstream', 'upstream_protocol']);
});

test('an upstream that was never used says goodbye to its server', async () => {
  let last = '';
  await using fake = await FakePostgres.start(async (conn, signal) => {
    await readStartup(conn, signal);
    await conn.write(Buffer.concat([wire.authenticationOk(), wire.readyForQuery()]), signal);
    last = (await conn.exactly(5, signal)).toString('hex');
  });
  const upstream = await postgres.open(fake.config({ min_auth: 'none' }), new Map(), testIo(), never);
  await upstream[Symbol.asyncDispose]();
  assert.equal(last, '5800000004');
});
