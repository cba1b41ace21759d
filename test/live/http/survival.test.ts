import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { CANARY, HttpWorld } from '../../support/httpworld.ts';
import { issuer } from '../../support/issuer.ts';
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

/** Lets the event loop go round. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

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

test('an answer that ends with its connection is whole, however slowly it is taken', async () => {
  const plain = randomBytes(700_000);
  const packed = gzipSync(plain.subarray(0, 90_000));
  const close = 'HTTP/1.1 200 OK\r\nConnection: close\r\n';
  const answers: readonly (readonly [head: string, body: Buffer])[] = [
    [`${close}Content-Encoding: gzip\r\n\r\n`, packed],
    [`${close}Content-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`, packed],
    [`${close}\r\n`, plain],
    [`${close}Content-Length: ${plain.length}\r\n\r\n`, plain],
  ];
  for (const [index, [head, body]] of answers.entries()) {
    await using upstream = await RawUpstream.start((_received, socket) => {
      socket.end(Buffer.concat([Buffer.from(head, 'latin1'), body]));
      return undefined;
    });
    await world.add(`ending${index}`, upstream.url);
    for (let round = 0; round < 4; round++) {
      const answer = await world.ask(`ending${index}/x`, { headers: ['Accept-Encoding', 'gzip'] });
      // Nothing is read for a while, so that what comes has to wait.
      await turns(50 * round);
      const got = Buffer.from(await answer.body.arrayBuffer());
      if (body === packed) assert.ok(gunzipSync(got).equals(plain.subarray(0, 90_000)), head);
      else assert.ok(got.equals(plain), `${head}${got.length}`);
    }
  }
});

test('a 401 that ends its connection waits for the new credential, and does not end the daemon', async () => {
  let sent = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    sent = resolve;
  });
  await using upstream = await RawUpstream.start((received, socket) => {
    const good = received.includes('Bearer access-2');
    const body = good ? 'good' : 'x'.repeat(50_000);
    socket.end(`HTTP/1.1 ${good ? 200 : 401} X\r\nConnection: close\r\n\r\n${body}`, sent);
    return undefined;
  });
  await using tokens = await issuer((_form, response, count) => {
    const token = JSON.stringify({ access_token: `access-${count}`, token_type: 'Bearer', expires_in: 3_600 });
    // The end of the connection is there first.
    if (count === 1) response.end(token);
    else void over.then(() => turns(50)).then(() => response.end(token));
  });
  const fields = { client_id: 'broker', token_url: tokens.url };
  await world.add('expiring', upstream.url, fields, 'oauth2_client', { refresh_token: 'a', client_secret: 'b' });
  assert.equal(await (await world.ask('expiring/x')).body.text(), 'good');
});
