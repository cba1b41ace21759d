import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { Conn } from '../../src/core/conn.ts';
import { BrokerError } from '../../src/core/errors.ts';
import { type RelayOptions, relay, type SessionEnd } from '../../src/core/relay.ts';
import { closed, readAll, socketPair } from '../support/pair.ts';

interface Bench {
  /** What the client and the server hold. */
  readonly client: Socket;
  readonly server: Socket;
  readonly local: Conn;
  readonly upstream: Conn;
  readonly stop: AbortController;
  run(options?: RelayOptions): Promise<SessionEnd>;
}

async function bench(): Promise<Bench> {
  const left = await socketPair();
  const right = await socketPair();
  const local = new Conn(left.near, 'client');
  const upstream = new Conn(right.near, 'upstream');
  const stop = new AbortController();
  // A connection that the relay broke off is what several of these tests are about.
  for (const socket of [left.far, right.far]) socket.on('error', () => undefined);
  const run = (options: RelayOptions = {}) => relay(local, upstream, options, stop.signal);
  return { client: left.far, server: right.far, local, upstream, stop, run };
}

test('moves bytes both ways, counts them, and ends when both sides are done', async () => {
  const { client, server, run } = await bench();
  const running = run();
  client.end('question');
  assert.equal(String(await readAll(server)), 'question');
  server.end('answers');
  assert.equal(String(await readAll(client)), 'answers');
  assert.deepEqual(await running, { outcome: 'client_finished', bytesUp: 8, bytesDown: 7 });
});

test('delivers what either side had sent before the relay began', async () => {
  const { client, server, local, upstream, run } = await bench();
  client.end('startup;pipelined');
  server.write('ready;early');
  await local.exactly(8, new AbortController().signal);
  await upstream.exactly(6, new AbortController().signal);
  const running = run();
  assert.equal(String(await readAll(server)), 'pipelined');
  server.end();
  assert.equal(String(await readAll(client)), 'early');
  assert.equal((await running).outcome, 'client_finished');
});

test('a client that half-closes and reads slowly gets all of a large answer', async () => {
  const { client, server, run } = await bench();
  const running = run();
  client.end('give me all');
  await readAll(server);
  const size = 24 * 1024 * 1024;
  server.end(Buffer.alloc(size, 'r'));
  let got = 0;
  for await (const chunk of client) {
    got += (chunk as Buffer).length;
    await new Promise(setImmediate);
  }
  assert.equal(got, size);
  assert.equal((await running).bytesDown, size);
});

test('what a client has not taken yet is flushed before its connection is destroyed', async () => {
  const { near, far } = await socketPair();
  const taken: string[] = [];
  let release = (): void => undefined;
  const slow = new Duplex({
    allowHalfOpen: true,
    read: () => undefined,
    write: (chunk, _encoding, done) => {
      taken.push(String(chunk));
      release = done;
    },
    final: (done) => {
      taken.push('end');
      done();
    },
  });
  slow.push(null);
  const running = relay(new Conn(slow, 'client'), new Conn(near, 'upstream'), {}, new AbortController().signal);
  far.end('the answer');
  await once(near, 'end');
  assert.equal(slow.destroyed, false);
  release();
  assert.equal((await running).outcome, 'client_finished');
  assert.deepEqual(taken, ['the answer', 'end']);
  far.destroy();
});

test('a server that finishes first leaves the client its say', async () => {
  const { client, server, run } = await bench();
  const running = run();
  server.end('bye');
  assert.equal(String(await readAll(client)), 'bye');
  client.end('last');
  assert.equal(String(await readAll(server)), 'last');
  assert.equal((await running).outcome, 'upstream_finished');
});

test('a slow reader holds back the sender instead of filling our memory', async () => {
  const { client, server, local, upstream, run } = await bench();
  const running = run();
  const paused = once(upstream.socket, 'pause');
  server.write(Buffer.alloc(64 * 1024 * 1024));
  await Promise.race([paused, once(server, 'drain')]);
  assert.ok(local.socket.writableLength < 1024 * 1024, `${local.socket.writableLength} bytes wait for the client`);
  client.destroy();
  await running;
  await closed(server);
});

test('a client that breaks off ends the session and frees the upstream', async () => {
  const { client, server, run } = await bench();
  const running = run();
  client.resetAndDestroy();
  const end = await running;
  assert.equal(end.side, 'client');
  await closed(server);
});

test('a server that breaks off is the upstream’s error, after its last bytes were delivered', async () => {
  const { client, server, run } = await bench();
  const running = run();
  const reading = once(client, 'data');
  server.write('partial');
  assert.equal(String((await reading)[0]), 'partial');
  server.resetAndDestroy();
  const [end] = await Promise.all([running, closed(client)]);
  assert.equal(end.outcome, 'error');
  assert.equal(end.side, 'upstream');
});

test('an upstream that broke before the relay began ends it at once', async () => {
  const { client, server, upstream, run } = await bench();
  server.resetAndDestroy();
  await assert.rejects(upstream.exactly(1, new AbortController().signal));
  const [end] = await Promise.all([run(), closed(client)]);
  assert.equal(end.outcome, 'error');
  assert.equal(end.side, 'upstream');
});

test('a client that broke before the relay began ends it at once', async () => {
  const { client, server, local, run } = await bench();
  client.resetAndDestroy();
  await assert.rejects(local.exactly(1, new AbortController().signal));
  server.write('data that nobody takes');
  const end = await run();
  assert.equal(end.side, 'client');
  await closed(server);
});

test('an abort says the last words and leaves the upstream open for the driver', async () => {
  const { client, server, upstream, stop, run } = await bench();
  const running = run({ farewell: (reason) => Buffer.from(`FATAL ${reason.message}`) });
  stop.abort(new BrokerError('ended', 'revoked'));
  assert.equal(String(await readAll(client)), 'FATAL revoked');
  client.end();
  const end = await running;
  assert.equal(end.outcome, 'ended');
  assert.equal(end.error?.code, 'ended');
  assert.equal(upstream.socket.destroyed, false);
  upstream.destroy();
  server.destroy();
});

test('an abort without last words just closes', async () => {
  const { client, server, upstream, stop, run } = await bench();
  const running = run({ farewell: () => undefined });
  stop.abort(new BrokerError('ended', 'revoked'));
  assert.equal((await running).outcome, 'ended');
  await closed(client);
  upstream.destroy();
  server.destroy();
});

test('a signal that is aborted already moves nothing', async () => {
  const { client, server, upstream, stop, run } = await bench();
  stop.abort(new BrokerError('ended', 'revoked'));
  client.write('x');
  assert.deepEqual((await run()).bytesUp, 0);
  await closed(client);
  upstream.destroy();
  server.destroy();
});

test('ends a session in which nothing moves for the idle limit', async () => {
  const { client, server, upstream, run } = await bench();
  const end = await run({ idleMs: 20 });
  assert.equal(end.outcome, 'idle');
  await closed(client);
  upstream.destroy();
  server.destroy();
});

test('an observer sees every chunk, and what it throws ends the session as the sender’s fault', async () => {
  const { client, server, run } = await bench();
  const seen: string[] = [];
  const running = run({
    down: (chunk) => {
      seen.push(String(chunk));
      if (String(chunk) === 'bad') throw new BrokerError('upstream_protocol', 'bad bytes');
    },
  });
  const reading = once(client, 'data');
  server.write('good');
  await reading;
  server.write('bad');
  const [end] = await Promise.all([running, closed(client)]);
  assert.deepEqual(seen, ['good', 'bad']);
  assert.equal(end.error?.message, 'bad bytes');
  assert.equal(end.side, 'upstream');
  await closed(server);
});

test('a rewriter decides what goes on, empty for nothing; bytes are counted as they came', async () => {
  const { client, server, run } = await bench();
  const running = run({
    rewriteUp: (chunk) => (String(chunk) === 'drop' ? Buffer.alloc(0) : Buffer.from(`<${chunk}>`)),
    rewriteDown: (chunk) => chunk.subarray(1),
  });
  client.write('drop');
  server.write('xgo');
  await once(client, 'data');
  client.end('keep');
  assert.equal(String(await readAll(server)), '<keep>');
  server.end();
  assert.deepEqual(await running, { outcome: 'client_finished', bytesUp: 8, bytesDown: 3 });
  client.destroy();
});
