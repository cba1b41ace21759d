import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Conn } from '../../src/core/conn.ts';
import { BrokerError } from '../../src/core/errors.ts';
import { LateStream } from '../support/late.ts';
import { closed, readAll, socketPair } from '../support/pair.ts';

const never = new AbortController().signal;
const code = (expected: string) => (error: unknown) => error instanceof BrokerError && error.code === expected;

test('reads exactly what is asked for, however it is cut, and loses nothing in between', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'client');
  far.write('ab');
  far.write('cdef\nrest');
  assert.equal(String(await conn.peek(3, never)), 'abc');
  assert.equal(String(await conn.exactly(3, never)), 'abc');
  assert.equal(String(await conn.line(64, never)), 'def\n');
  conn.unread(Buffer.from('un'));
  assert.equal(String(await conn.exactly(6, never)), 'unrest');
  far.destroy();
});

test('accepts a line of exactly the limit and refuses a longer one', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'client');
  far.write('1234567\n12345678\n');
  assert.equal((await conn.line(8, never)).length, 8);
  await assert.rejects(conn.line(8, never), code('client_protocol'));
  far.destroy();
});

test('refuses an endless line before it is buffered', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'upstream');
  far.write('x'.repeat(100));
  await assert.rejects(conn.line(100, never), code('upstream_protocol'));
  far.destroy();
});

test('a peer that ends in the middle is gone; what came before is delivered', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'client');
  far.end('abc');
  assert.equal(String(await conn.exactly(2, never)), 'ab');
  await assert.rejects(conn.exactly(2, never), code('client_gone'));
  assert.equal(String(await conn.some(never)), 'c');
  assert.equal(await conn.some(never), undefined);
  assert.equal(conn.atEnd, true);
  far.destroy();
});

test('a peer that ends while nothing was ever sent wakes the reader', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'upstream');
  const reading = conn.exactly(1, never);
  far.end();
  await assert.rejects(reading, code('upstream_protocol'));
  far.destroy();
});

test('a reset connection ends a read and a write', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'client');
  const reading = conn.exactly(1, never);
  far.resetAndDestroy();
  await assert.rejects(reading, code('client_gone'));
  await assert.rejects(conn.write(Buffer.from('x'), never), code('client_gone'));
});

test('an abort ends a waiting read with its own reason and leaves the connection to its owner', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'client');
  const stop = new AbortController();
  const reading = conn.exactly(1, stop.signal);
  stop.abort(new BrokerError('ended', 'revoked'));
  await assert.rejects(reading, code('ended'));
  far.write('y');
  assert.equal(String(await conn.exactly(1, never)), 'y');
  far.destroy();
});

test('a write waits for a peer that does not read, and an abort ends the wait', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'client');
  const stop = new AbortController();
  const writing = conn.write(Buffer.alloc(32 * 1024 * 1024), stop.signal);
  stop.abort(new BrokerError('ended', 'revoked'));
  await assert.rejects(writing, code('ended'));
  far.destroy();
});

test('detach hands over what was read and not consumed, and the end if it is past', async () => {
  const { near, far } = await socketPair();
  const conn = new Conn(near, 'client');
  far.end('hello, more');
  await conn.exactly(7, never);
  const { socket, rest } = conn.detach();
  assert.equal(Buffer.concat([rest, await readAll(near)]).toString(), 'more');
  assert.equal(socket.listenerCount('readable'), 0);
  near.destroy();
  far.destroy();
});

test('refuses to start TLS over bytes that came in the clear', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'upstream');
  far.write('Sevil');
  await conn.exactly(1, never);
  assert.throws(() => conn.detachForTls(), code('upstream_protocol'));
  far.destroy();
});

test('refuses to start TLS over bytes that only the stream holds', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'upstream');
  far.write('S');
  await conn.exactly(1, never);
  far.write('evil');
  await once(near, 'readable');
  assert.throws(() => conn.detachForTls(), code('upstream_protocol'));
  far.destroy();
});

test('last words reach a peer that has closed its side already, large ones too', async () => {
  const { near, far } = await socketPair();
  const conn = new Conn(near, 'client');
  far.end();
  assert.equal(await conn.some(never), undefined);
  const words = Buffer.alloc(8 * 1024 * 1024, 'w');
  const [heard] = await Promise.all([readAll(far), conn.finish(words, 10_000)]);
  assert.equal(heard.length, words.length);
  assert.equal(near.destroyed, true);
});

test('a peer that never reads does not hold up the last words for longer than asked', async () => {
  const { near, far } = await socketPair();
  const conn = new Conn(near, 'client');
  await conn.finish(Buffer.alloc(32 * 1024 * 1024), 20);
  assert.equal(near.destroyed, true);
  await closed(far);
});

test('last words to a connection that broke are nobody’s error', async () => {
  const { near, far } = await socketPair();
  const conn = new Conn(near, 'client');
  far.resetAndDestroy();
  await assert.rejects(conn.exactly(1, never), code('client_gone'));
  await conn.finish(Buffer.from('bye'), 1_000);
  assert.equal(near.destroyed, true);
});

test('a secret is wiped when it is sent, not before: a stream that is behind sends the buffer it was given', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(new LateStream(near), 'upstream');
  const secret = Buffer.from('secret');
  await conn.write(Buffer.from('1'), never);
  await conn.writeSecret(secret, never);
  assert.equal(String(secret), 'secret', 'still to be sent');
  await conn.write(Buffer.from('2'), never);
  await conn.write(Buffer.from('3'), never);
  await using peer = new Conn(far, 'client');
  assert.equal(String(await peer.exactly(8, never)), '1secret2');
  assert.deepEqual(secret, Buffer.alloc(6));
});

test('a secret that can no longer be sent is wiped at once', async () => {
  const { near, far } = await socketPair();
  await using conn = new Conn(near, 'upstream');
  const secret = Buffer.from('secret');
  conn.destroy();
  await assert.rejects(conn.writeSecret(secret, never), code('upstream_protocol'));
  assert.deepEqual(secret, Buffer.alloc(6));
  far.destroy();
});
