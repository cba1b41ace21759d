import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { CANARY, HttpWorld } from '../../support/httpworld.ts';
import { parseAnswer, rawConnection, rawHttp } from '../../support/rawhttp.ts';
import { RawUpstream } from '../../support/rawupstream.ts';

/* Bytes of a server that no careful server sends: the daemon answers, and goes on. What it does not catch ends this file. */

let world: HttpWorld;
let port: number;

before(async () => {
  world = await HttpWorld.start();
  port = Number(new URL(world.daemon.http).port);
});
after(() => world[Symbol.asyncDispose]());

const ask = (name: string, ...lines: readonly string[]): string =>
  `${[`GET /proxy/${name}/x HTTP/1.1`, 'Host: localhost', `X-Broker-Token: ${world.token}`, ...lines].join('\r\n')}\r\n\r\n`;
const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA'];
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';

test('a reason phrase of any bytes is passed on as those bytes, or as an error of its own', async () => {
  let reason = '';
  await using upstream = await RawUpstream.start(() => `HTTP/1.1 200 ${reason}\r\nContent-Length: 2\r\n\r\nok`);
  await world.add('reason', upstream.url);
  const told: string[] = [];
  for (reason of ['caf\xc3\xa9', 'a\xe9b', '\xf0\x9f\x98\x80', 'a\x01b', `no ${CANARY}`]) {
    const { text } = await rawHttp(port, ask('reason', 'Connection: close'));
    told.push(text.slice(0, text.indexOf('\r\n')));
  }
  assert.deepEqual(told, [
    'HTTP/1.1 200 caf\xc3\xa9',
    // What is no UTF-8 is not known byte for byte.
    'HTTP/1.1 200 a\xef\xbf\xbdb',
    'HTTP/1.1 200 \xf0\x9f\x98\x80',
    'HTTP/1.1 502 Bad Gateway',
    `HTTP/1.1 200 no ${'*'.repeat(CANARY.length)}`,
  ]);
});

test('a status under 100 is no answer', async () => {
  for (const status of ['000', '001', '099']) {
    await using upstream = await RawUpstream.start(() => `HTTP/1.1 ${status} OK\r\nContent-Length: 2\r\n\r\nok`);
    await world.add('status', upstream.url);
    const answer = await rawHttp(port, ask('status', 'Connection: close'));
    assert.deepEqual([answer.status, answer.headers['x-broker-error']], [502, 'upstream_protocol'], answer.text);
  }
});

test('a client of HTTP/1.0 gets an answer with trailers, without them', async () => {
  await using upstream = await RawUpstream.start(
    () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
  );
  await world.add('old', upstream.url);
  const answer = await rawHttp(port, ask('old').replace('HTTP/1.1', 'HTTP/1.0'));
  assert.deepEqual([answer.status, answer.body], [200, 'ok']);
});

test('a WebSocket server that resets the connection behind its 101 ends the client’s, at whatever moment', async () => {
  let round = 0;
  await using upstream = await RawUpstream.start((received, socket) => {
    if (!received.includes('\r\n\r\n')) return undefined;
    const late = round % 4;
    const reset = (): void => void socket.resetAndDestroy();
    socket.write(SWITCHED, () => (late === 0 ? reset() : setTimeout(reset, late)));
    return undefined;
  });
  await world.add('reset', upstream.url);
  for (; round < 16; round++) {
    // Before the switch is on record: a failure. After it: the end of the connection.
    const { status } = await rawHttp(port, ask('reset', ...WEBSOCKET), Buffer.alloc(10_000));
    assert.ok([101, 502, 0].includes(status), String(status));
  }
});

test('a WebSocket server that ignores that the client is gone loses the connection, and the place is free', async () => {
  const closed: Promise<unknown>[] = [];
  await using upstream = await RawUpstream.start((received, socket) => {
    if (!received.includes('\r\n\r\n')) return undefined;
    Object.assign(socket, { allowHalfOpen: true });
    closed.push(new Promise((resolve) => socket.once('close', resolve)));
    const more = (): boolean => !socket.destroyed && socket.write('more', () => setImmediate(more));
    setImmediate(more);
    return SWITCHED;
  });
  await world.add('deaf', upstream.url, { concurrency: 1 });
  for (let round = 0; round < 2; round++) {
    const socket = await rawConnection(port);
    socket.write(ask('deaf', ...WEBSOCKET));
    const [chunk] = await once(socket, 'data');
    assert.equal(parseAnswer(String(chunk)).status, 101, String(chunk));
    socket.destroy();
    await closed[round];
  }
});
