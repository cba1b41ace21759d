import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Route } from '../../../../src/daemon/http/routes.ts';
import { get, parseAnswer, rawConnection, rawHttp } from '../../../support/rawhttp.ts';
import { stage } from './stage.ts';

/* Clients that mean harm, or another protocol: each gets a clear end, and the next client its answer. */

const HOST = 'Host: 127.0.0.1';
const seen: string[] = [];
const ECHO: Route = {
  path: '/echo/',
  auth: 'open',
  handle: async (request, response, _caller, rest) => {
    seen.push(rest);
    response.end(await text(request));
  },
};
const lines = (...all: readonly string[]): string => `${all.join('\r\n')}\r\n\r\n`;

test('requests that two readers could read in two ways are refused, and nothing of them is run', async (t) => {
  const { port } = await stage(t, [ECHO]);
  seen.length = 0;
  const chunked = 'Transfer-Encoding: chunked';
  const cases: Readonly<Record<string, string>> = {
    'length and chunks': `${lines('POST /echo/a HTTP/1.1', HOST, 'Content-Length: 5', chunked)}0\r\n\r\n`,
    'chunks and length': `${lines('POST /echo/a HTTP/1.1', HOST, chunked, 'Content-Length: 5')}0\r\n\r\n`,
    'two lengths': `${lines('POST /echo/a HTTP/1.1', HOST, 'Content-Length: 5', 'Content-Length: 6')}hello`,
    'a list of lengths': `${lines('POST /echo/a HTTP/1.1', HOST, 'Content-Length: 5, 5')}hello`,
    'a signed length': `${lines('POST /echo/a HTTP/1.1', HOST, 'Content-Length: +5')}hello`,
    'chunked, then something': `${lines('POST /echo/a HTTP/1.1', HOST, 'Transfer-Encoding: chunked, gzip')}0\r\n\r\n`,
    'a bare line feed': `GET /echo/a HTTP/1.1\n${HOST}\n\n`,
    'a folded header': lines('GET /echo/a HTTP/1.1', HOST, 'X-A: b', ' c'),
    'a blank before the colon': lines('GET /echo/a HTTP/1.1', HOST, 'Content-Length : 5'),
    'a NUL': lines('GET /echo/a HTTP/1.1', HOST, 'X-A: b\0c'),
    'a control character in the target': lines('GET /echo/a\x01b HTTP/1.1', HOST),
    'a blank in the target': lines('GET /echo/a b HTTP/1.1', HOST),
    'no version': 'GET /echo/a\r\n\r\n',
    'a version to come': lines('GET /echo/a HTTP/3.7', HOST),
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'a greeting of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    noise: '\xff\xfe\xfd'.repeat(100),
    'another origin': lines('GET http://other/echo/a HTTP/1.1', HOST, 'Connection: close'),
    'a tunnel': lines('CONNECT 127.0.0.1:22 HTTP/1.1', HOST),
    'all of the server': lines('OPTIONS * HTTP/1.1', HOST, 'Connection: close'),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    const answer = await rawHttp(port, Buffer.from(bytes, 'latin1'));
    assert.equal(answer.status, 400, `${name}: ${answer.text}`);
    assert.ok(answer.headers['x-broker-error'], name);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff', name);
  }
  assert.deepEqual(seen, []);
});

test('a second request behind the body of the first is its own, and none behind what broke', async (t) => {
  const { port } = await stage(t, [ECHO]);
  seen.length = 0;
  const first = `${lines('POST /echo/one HTTP/1.1', HOST, 'Content-Length: 3')}abc`;
  const answer = await rawHttp(port, first + get('/echo/two', HOST));
  assert.match(answer.text, /abc/);
  const broken = `${lines('POST /echo/three HTTP/1.1', HOST, 'Transfer-Encoding: chunked')}zz\r\n`;
  await rawHttp(port, broken + get('/echo/four', HOST));
  assert.deepEqual(seen, ['one', 'two', 'three']);
});

test('a head that is too large ends early, and one that never ends ends in time', async (t) => {
  const { port } = await stage(t, [ECHO], { headMs: 200, lookMs: 20 });
  const large = await rawHttp(port, lines('GET /echo/a HTTP/1.1', HOST, `X-A: ${'a'.repeat(40_000)}`));
  assert.deepEqual([large.status, large.headers['x-broker-error']], [431, 'too_large']);
  const many = Array.from({ length: 12_000 }, (_, each) => `a${each}: b`);
  assert.equal((await rawHttp(port, lines('GET /echo/a HTTP/1.1', HOST, ...many))).status, 431);
  for (const start of ['', 'GET /echo/a HTTP/1.1\r\n', `GET /echo/a HTTP/1.1\r\n${HOST}\r\nX-A: `]) {
    const slow = await rawHttp(port, start);
    assert.deepEqual([slow.status, slow.headers['x-broker-error']], [408, 'client_timeout'], start);
  }
  assert.equal((await rawHttp(port, get('/echo/alive', HOST))).status, 200);
});

test('a thousand headers are all seen: none can hide behind the others', async (t) => {
  const { port, token } = await stage(t, [{ ...ECHO, auth: 'token' }]);
  const many = Array.from({ length: 2_500 }, (_, each) => `a${each}: b`);
  const hidden = await rawHttp(port, get('/echo/a', HOST, `X-Broker-Token: ${token}`, ...many, 'Host: evil.example'));
  assert.equal(hidden.status, 400);
});

test('who asks for another version of HTTP gets this one', async (t) => {
  const { port } = await stage(t, [ECHO]);
  seen.length = 0;
  const upgrade = [
    'Connection: Upgrade, HTTP2-Settings, close',
    'Upgrade: h2c',
    'HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk',
  ];
  const plain = await rawHttp(port, lines('GET /echo/java HTTP/1.1', HOST, ...upgrade));
  assert.equal(plain.status, 200);
  const posted = await rawHttp(port, `${lines('POST /echo/java HTTP/1.1', HOST, ...upgrade, 'Content-Length: 4')}body`);
  assert.deepEqual([posted.status, posted.body.includes('body')], [200, true]);
  assert.deepEqual(seen, ['java', 'java']);
});

test('a client that opens, sends half and leaves, over and over, leaves nothing behind', async (t) => {
  const { port, listener } = await stage(t, [ECHO]);
  for (let round = 0; round < 50; round++) {
    const socket = await rawConnection(port);
    socket.on('error', () => undefined);
    socket.write(`POST /echo/a HTTP/1.1\r\n${HOST}\r\nContent-Length: 100\r\n\r\nhalf`);
    if (round % 2) socket.resetAndDestroy();
    else socket.destroy();
    await once(socket, 'close');
  }
  assert.equal((await rawHttp(port, get('/echo/alive', HOST))).status, 200);
  while (listener.connections > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('an answer that is under way is not mixed with a complaint about what came behind', async (t) => {
  const { port } = await stage(t, [
    {
      path: '/long',
      auth: 'open',
      handle: (_request, response) => {
        response.writeHead(200, { 'Content-Length': 1_000 });
        response.write('begun');
      },
    },
  ]);
  const socket = await rawConnection(port);
  socket.on('error', () => undefined);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(lines('GET /long HTTP/1.1', HOST));
  await once(socket, 'data');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write('\0garbage\r\n\r\n');
  await closed;
  assert.doesNotMatch(parseAnswer(Buffer.concat(chunks).toString('latin1')).body, /HTTP|error/);
});

test('an upgrade behind an answer that is under way ends the connection: nothing is said in the middle', async (t) => {
  const route: Route = {
    path: '/long',
    auth: 'open',
    handle: (_request, response) => {
      response.writeHead(200, { 'Content-Length': 1_000 });
      response.write('begun');
    },
  };
  const { port } = await stage(t, [route, ECHO]);
  for (const protocol of ['websocket', 'h2c']) {
    const upgrade = lines('GET /echo/x HTTP/1.1', HOST, 'Connection: Upgrade', `Upgrade: ${protocol}`);
    const { text } = await rawHttp(port, lines('GET /long HTTP/1.1', HOST) + upgrade);
    assert.equal(text.split('HTTP/1.1 ').length - 1 <= 1, true, text);
    assert.doesNotMatch(parseAnswer(text).body, /error/);
  }
});

test('who offers another protocol with every request is answered a hundred times on one connection', async (t) => {
  const { port } = await stage(t, [ECHO]);
  const warned: Error[] = [];
  const warn = (warning: Error): void => void warned.push(warning);
  process.on('warning', warn);
  t.after(() => process.off('warning', warn));
  const socket = await rawConnection(port);
  const closed = once(socket, 'close');
  let answers = 0;
  const asked = lines('GET /echo/x HTTP/1.1', HOST, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c');
  socket.on('data', (chunk: Buffer) => {
    answers += chunk.toString().split('HTTP/1.1 200').length - 1;
    socket.write(asked);
  });
  socket.on('error', () => undefined);
  socket.write(asked);
  await closed;
  assert.equal(answers, 100);
  assert.deepEqual(warned, []);
});
