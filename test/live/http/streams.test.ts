import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { CANARY, HttpWorld, Upstream } from '../../support/httpworld.ts';
import { parseAnswer } from '../../support/rawhttp.ts';

/* How bodies and heads travel: nothing waits, nothing is lost, nothing broken looks whole. */

let world: HttpWorld;
let upstream: Upstream;
/** What the upstream does with the next request. */
let answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;

before(async () => {
  world = await HttpWorld.start();
  upstream = await Upstream.start((req, res) => answer(req, res));
  await world.add('api', `${upstream.plain}/base`);
});
after(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Raw bytes through the proxy; the connection closes after the answer. */
async function raw(head: readonly string[], ...body: (string | Buffer)[]): Promise<string> {
  const [line = '', ...headers] = head;
  const { port } = new URL(world.daemon.http);
  const socket = connect(Number(port), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(
    [line, 'Host: 127.0.0.1', `X-Broker-Token: ${world.token}`, 'Connection: close', ...headers, '', ''].join('\r\n'),
  );
  for (const part of body) socket.write(part);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

test('events arrive when they happen, one at a time', async () => {
  let send: (text: string) => void = () => undefined;
  answer = (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    send = (text) => void res.write(text);
    res.flushHeaders();
  };
  const { body } = await world.ask('api/events');
  const events = body[Symbol.asyncIterator]();
  for (const text of ['data: one\n\n', 'data: two\n\n']) {
    send(text);
    assert.equal(String((await events.next()).value), text);
  }
  body.destroy();
});

test('an upload reaches the server while it is being sent', async () => {
  const got: string[] = [];
  const firstBytes = new Promise<void>((resolve) => {
    answer = (req, res) => {
      req.on('data', (chunk: Buffer) => {
        got.push(chunk.toString());
        resolve();
      });
      req.on('end', () => res.end(got.join('')));
    };
  });
  const sent = request(`${world.daemon.http}/proxy/api/up`, {
    method: 'POST',
    headers: { 'x-broker-token': world.token },
  });
  const answered = once(sent, 'response');
  sent.write('first');
  await firstBytes;
  sent.end('second');
  const [response] = (await answered) as [IncomingMessage];
  assert.equal(await text(response), 'firstsecond');
});

test('Content-Length is kept in both directions, 0 too', async () => {
  answer = (req, res) => {
    req.resume();
    res.writeHead(200, { 'Content-Length': 0, 'X-Length': String(req.headers['content-length']) });
    res.end();
  };
  const empty = parseAnswer(await raw(['POST /proxy/api/x HTTP/1.1', 'Content-Length: 0']));
  assert.equal(empty.headers['content-length'], '0');
  assert.equal(empty.headers['x-length'], '0');
  const five = parseAnswer(await raw(['POST /proxy/api/x HTTP/1.1', 'Content-Length: 5'], 'hello'));
  assert.equal(five.headers['x-length'], '5');
});

test('a truncated body breaks the client, however the server framed it', async () => {
  for (const head of [
    'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
    'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
  ]) {
    answer = (req) => {
      req.socket.write(head, () => req.socket.end());
    };
    const { statusCode, body } = await world.ask('api/x');
    assert.equal(statusCode, 200);
    await assert.rejects(body.text(), head);
  }
});

test('a body that ends with the connection is whole, unless the connection was reset', async () => {
  answer = (req) => {
    req.socket.end('HTTP/1.1 200 OK\r\n\r\nall of it');
  };
  assert.equal(await (await world.ask('api/x')).body.text(), 'all of it');
  answer = (req) => {
    req.socket.write('HTTP/1.1 200 OK\r\n\r\nhalf of', () => req.socket.resetAndDestroy());
  };
  const broken = world.ask('api/x').then(({ body }) => body.text());
  await assert.rejects(broken.then((whole) => assert.match(whole, /upstream_protocol/)).then(() => Promise.reject()));
});

test('a client that goes away stops the upstream at once, before and after the head', async () => {
  const stopped = async (begin: (res: ServerResponse) => void): Promise<void> => {
    const arrived = new Promise<ServerResponse>((resolve) => {
      answer = (_req, res) => {
        begin(res);
        resolve(res);
      };
    });
    const client = request(`${world.daemon.http}/proxy/api/x`, { headers: { 'x-broker-token': world.token } });
    client.on('error', () => undefined);
    client.end();
    const response = await arrived;
    const gone = once(response, 'close');
    client.destroy();
    await gone;
    assert.ok(!response.writableFinished);
  };
  await stopped(() => undefined);
  await stopped((res) => void res.write('x'));
  const records = await world.daemon.recorded({ action: 'http.request' }, 2, ({ code }) => code === 'client_gone');
  assert.deepEqual(
    records.map(({ outcome }) => outcome),
    ['failed', 'failed'],
  );
});

test('several Set-Cookie stay apart, and what comes twice comes twice, in its order and spelling', async () => {
  await world.add('kept', upstream.plain, { strip_response_headers: ['none'] });
  answer = (req, res) => {
    const asked = req.rawHeaders.filter((_, at, all) => at % 2 === 1 && all[at - 1] === 'X-TwIce');
    res.writeHead(200, [
      'Set-Cookie',
      'a=1; Path=/',
      'X-oNe',
      '1',
      'Set-Cookie',
      'b=2, c',
      'x-One',
      '2',
      'X-Asked',
      asked.join('|'),
    ]);
    res.end();
  };
  const seen = await raw(['GET /proxy/kept/x HTTP/1.1', 'X-TwIce: 1', 'X-TwIce: 2']);
  const lines = seen.split('\r\n').filter((line) => /^(set-cookie|x-)/i.test(line));
  assert.deepEqual(lines, ['Set-Cookie: a=1; Path=/', 'X-oNe: 1', 'Set-Cookie: b=2, c', 'x-One: 2', 'X-Asked: 1|2']);
});

test('HEAD, 204 and 304 have no body and keep what the head says of one', async () => {
  answer = (req, res) => {
    const status = Number(req.url?.slice('/base/'.length) ?? 200);
    res.writeHead(status, { 'Content-Length': status === 204 ? 0 : 12, ETag: '"x"' }).end();
  };
  const head = await world.ask('api/200', { method: 'HEAD' });
  assert.equal(head.headers['content-length'], '12');
  assert.equal(await head.body.text(), '');
  const noContent = await world.ask('api/204');
  assert.equal(noContent.statusCode, 204);
  assert.equal(await noContent.body.text(), '');
  assert.equal(noContent.headers['transfer-encoding'], undefined);
  const same = await world.ask('api/304');
  assert.equal(same.statusCode, 304);
  assert.equal(same.headers['content-length'], '12');
});

test('Expect: 100-continue is answered only where the body is wanted', async () => {
  answer = (req, res) => {
    req.resume();
    req.on('end', () => res.end(`expect ${req.headers.expect}`));
  };
  const wanted = await raw(['POST /proxy/api/x HTTP/1.1', 'Content-Length: 2', 'Expect: 100-continue'], 'hi');
  assert.match(wanted, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  assert.match(wanted, /expect undefined$/);
  await world.add('small', upstream.plain, { max_body: 1 });
  const refused = await raw(['POST /proxy/small/x HTTP/1.1', 'Content-Length: 2', 'Expect: 100-continue']);
  assert.match(refused, /^HTTP\/1\.1 413 /);
});

test('1xx of the server reach the client, and the final answer follows', async () => {
  answer = (_req, res) => {
    res.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => res.end('done'));
  };
  const seen = await raw(['GET /proxy/api/x HTTP/1.1']);
  assert.match(seen, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/style\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n/i);
  assert.match(seen, /done/);
});

test('trailers follow the body', async () => {
  answer = (_req, res) => {
    res.writeHead(200, { Trailer: 'X-Sum, X-Leak' });
    res.write('body');
    res.addTrailers({ 'X-Sum': '42', 'X-Leak': CANARY });
    res.end();
  };
  const { body, trailers } = await world.ask('api/x');
  assert.equal(await body.text(), 'body');
  assert.equal(trailers['x-sum'], '42');
  assert.equal(trailers['x-leak'], '*'.repeat(CANARY.length));
});

test('compressed bodies are forwarded byte for byte, and other encodings are refused', async () => {
  for (const [coding, bytes] of [
    ['gzip', gzipSync('hello '.repeat(1_000))],
    ['br', brotliCompressSync('hello '.repeat(1_000))],
  ] as const) {
    answer = (req, res) => {
      res.writeHead(200, {
        'Content-Encoding': coding,
        'Content-Length': bytes.length,
        'X-Accept': String(req.headers['accept-encoding']),
      });
      res.end(bytes);
    };
    const { body, headers } = await world.ask('api/x', { headers: ['Accept-Encoding', 'gzip, br, zstd'] });
    assert.deepEqual(Buffer.from(await body.arrayBuffer()), bytes);
    assert.equal(headers['content-encoding'], coding);
    assert.equal(headers['x-accept'], 'gzip, br');
  }
  answer = (_req, res) => void res.writeHead(200, { 'Content-Encoding': 'zstd' }).end('x');
  const refused = await world.ask('api/x');
  assert.equal(refused.statusCode, 502);
  assert.match(await refused.body.text(), /encoding that cannot be looked into/);
});

test('a credential that the server echoes does not come back: head, body, reason, compressed body', async () => {
  answer = (req, res) => {
    res.writeHead(200, `OK ${CANARY}`, { 'X-Echo': String(req.headers.authorization), 'Set-Cookie': 'a=b' });
    res.end(`you are ${CANARY} or ${Buffer.from(CANARY).toString('base64')} or ${encodeURIComponent(CANARY)}`);
  };
  const seen = await raw(['GET /proxy/api/x HTTP/1.1']);
  for (const form of [CANARY, Buffer.from(CANARY).toString('base64').replace(/=+$/, ''), encodeURIComponent(CANARY)])
    assert.ok(!seen.includes(form), seen);
  assert.match(seen, /you are \*+ or/);
  answer = (_req, res) => {
    res.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(`x${CANARY}x`));
  };
  await assert.rejects(world.ask('api/x').then(({ body }) => body.arrayBuffer()));
  await world.daemon.recorded({ action: 'http.request' }, 2, ({ detail }) => detail?.scrubbed === true);
});

test('a server that never answers is a timeout, and one that stalls in the middle breaks', async () => {
  await world.add('slow', upstream.plain, { header_timeout: 1, idle_timeout: 1 });
  answer = () => undefined;
  const late = await world.ask('slow/x');
  assert.equal(late.statusCode, 504);
  answer = (_req, res) => void res.writeHead(200, { 'Content-Length': 10 }).write('x');
  await assert.rejects(world.ask('slow/x').then(({ body }) => body.text()));
});

async function text(response: IncomingMessage): Promise<string> {
  let all = '';
  for await (const chunk of response) all += String(chunk);
  return all;
}
