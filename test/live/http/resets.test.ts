import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { HttpWorld } from '../../support/httpworld.ts';

/* Over HTTP/2: what is not whole does not look whole, and who leaves says so. */

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

let world: HttpWorld;
let server: Http2SecureServer;
const sockets = new Set<Socket>();
let answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void = () => undefined;

before(async () => {
  world = await HttpWorld.start();
  server = createSecureServer({ ...world.certificates.server, allowHTTP1: false });
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  server.on('session', (session) => session.on('error', () => session.destroy()));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    answer(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await world.add('two', `https://localhost:${(server.address() as AddressInfo).port}`);
});
after(async () => {
  await world[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** Head and half of a body are with the client before `then` is called. */
async function halfWay(then: (stream: ServerHttp2Stream) => void): Promise<string> {
  let begun: ServerHttp2Stream | undefined;
  answer = (stream) => {
    begun = stream;
    stream.respond({ ':status': 200 });
    stream.write('half');
  };
  const { statusCode, body } = await world.ask('two/x');
  assert.equal(statusCode, 200);
  let text = '';
  body.on('data', (chunk: Buffer) => {
    if (text === '' && begun) then(begun);
    text += chunk.toString();
  });
  await Promise.race([once(body, 'end'), once(body, 'error').then(([error]) => Promise.reject(error))]);
  return text;
}

const BREAKS: readonly (readonly [what: string, how: (stream: ServerHttp2Stream) => void])[] = [
  ['GOAWAY with an error', (stream) => stream.session?.goaway(NGHTTP2_INTERNAL_ERROR)],
  ['GOAWAY before the stream', (stream) => stream.session?.goaway(NGHTTP2_NO_ERROR, 0)],
  ['the end of the connection', () => sockets.forEach((socket) => void socket.end())],
  ['a broken connection', () => sockets.forEach((socket) => void socket.destroy())],
];

for (const [what, how] of BREAKS) {
  test(`an answer that ends with ${what} is not whole`, async () => {
    await assert.rejects(halfWay(how));
    const [record] = await world.daemon.recorded({ action: 'http.request' }, 1, ({ code }) => code !== undefined);
    assert.equal(record?.code, 'upstream_protocol');
  });
}

/** One frame (RFC 9113 §4.1) of the one stream. */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]);
}

for (const [name, code] of Object.entries({ NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR })) {
  test(`an answer that is reset with ${name} is not whole`, async () => {
    // By hand: Node's own server would end the stream properly before it resets it.
    const raw = createTlsServer({ ...world.certificates.server, ALPNProtocols: ['h2'] });
    let begun: Socket | undefined;
    raw.on('secureConnection', (socket: Socket) => {
      begun = socket;
      socket.on('error', () => socket.destroy());
      socket.write(frame(4, 0, 0, Buffer.alloc(0)));
      let seen = 0;
      let asked = false;
      socket.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        // Behind the preface and SETTINGS comes the request.
        if (asked || seen < 120) return;
        asked = true;
        socket.write(frame(1, 4, 1, Buffer.from([0x88])));
        socket.write(frame(0, 0, 1, Buffer.from('half')));
      });
    });
    raw.listen(0, '127.0.0.1');
    await once(raw, 'listening');
    await world.add('raw', `https://localhost:${(raw.address() as AddressInfo).port}`);
    const { statusCode, body } = await world.ask('raw/x');
    assert.equal(statusCode, 200);
    await assert.rejects(async () => {
      for await (const _half of body) begun?.write(frame(3, 0, 1, Buffer.from([0, 0, 0, code])));
    });
    begun?.destroy();
    await (await world.daemon.admin()).services.delete({ name: 'raw' });
    raw.close();
  });
}

test('trailers wait for a body that a slow client has not taken yet', async () => {
  const whole = Buffer.alloc(400_000, 'x');
  answer = (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
    stream.end(whole);
  };
  const { body, trailers } = await world.ask('two/x');
  for (let turn = 0; turn < 300; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await body.text()).length, whole.length);
  assert.equal(trailers['x-sum'], '42');
});

test('a client that goes away cancels its stream, before and after the head', async () => {
  for (const early of [true, false]) {
    const arrived = new Promise<ServerHttp2Stream>((resolve) => {
      answer = (stream) => {
        if (!early) stream.respond({ ':status': 200 });
        if (!early) stream.write('x');
        resolve(stream);
      };
    });
    const leave = new AbortController();
    const asked = world.ask('two/x', { signal: leave.signal }).then(({ body }) => body.text());
    const stream = await arrived;
    const closed = once(stream, 'close');
    if (!early) await world.daemon.recorded({ action: 'http.request' }, 1, () => true);
    leave.abort();
    await assert.rejects(asked);
    await closed;
    assert.equal(stream.rstCode, NGHTTP2_CANCEL);
  }
});
