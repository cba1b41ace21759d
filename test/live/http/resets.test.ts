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
import { PassThrough } from 'node:stream';
import { after, before, type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { HttpWorld } from '../../support/httpworld.ts';
import { struct } from '../../support/pgservice.ts';

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

test('a server that goes away answers what it has begun, and gets no more on that connection', async () => {
  const streams: ServerHttp2Stream[] = [];
  answer = (stream) => {
    streams.push(stream);
    stream.respond({ ':status': 200 });
    stream.write('half');
  };
  const first = await world.ask('two/first');
  const [begun] = streams;
  assert.ok(begun?.session);
  const { session } = begun;
  // GOAWAY with NO_ERROR, and the last stream that it has seen (RFC 9113 §6.8).
  session.close();
  let text = '';
  const more = new Promise<void>((resolve, reject) => {
    first.body.on('error', reject);
    first.body.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text === 'half more') resolve();
    });
  });
  begun.write(' more');
  await more;
  // Broker has read the GOAWAY: what comes now goes elsewhere, while the first one goes on.
  const second = await world.ask('two/second');
  assert.notEqual(streams[1]?.session, session);
  const gone = Promise.all([once(session, 'close'), once(first.body, 'end')]);
  begun.end(' whole');
  await gone;
  assert.equal(text, 'half more whole');
  streams[1]?.end(' whole');
  assert.equal(await second.body.text(), 'half whole');
  const third = await world.ask('two/third');
  streams[2]?.end(' whole');
  assert.equal(await third.body.text(), 'half whole');
});

test('every answer is whole where each is the last on its connection', async () => {
  answer = (stream) => {
    stream.respond({ ':status': 200 });
    stream.session?.close();
    stream.write('half');
    setImmediate(() => stream.end(' whole'));
  };
  for (let round = 0; round < 4; round++) {
    const asked = Array.from({ length: 25 }, async () => {
      const { statusCode, body } = await world.ask('two/x');
      return `${statusCode} ${await body.text()}`;
    });
    assert.deepEqual(new Set(await Promise.all(asked)), new Set(['200 half whole']));
  }
});

test('a client that leaves ends its stream at a server that goes away, too', async () => {
  let begun: ServerHttp2Stream | undefined;
  answer = (stream) => {
    begun = stream;
    stream.respond({ ':status': 200 });
    stream.write('half');
  };
  const { body } = await world.ask('two/x');
  assert.ok(begun?.session);
  begun.session.close();
  const more = new Promise<void>((resolve, reject) => {
    body.on('error', reject);
    body.on('data', (chunk: Buffer) => void (chunk.includes('more') && resolve()));
  });
  begun.write(' more');
  await more;
  const closed = once(begun, 'close');
  body.destroy();
  await closed;
  assert.equal(begun.rstCode, NGHTTP2_CANCEL);
});

/** One frame (RFC 9113 §4.1) of the one stream. */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]);
}

/**
 * A server by hand: Node's own would end the stream properly before it resets it. `write` says what follows the request.
 */
async function byHand(test: TestContext, write: (socket: Socket) => void): Promise<void> {
  const raw = createTlsServer({ ...world.certificates.server, ALPNProtocols: ['h2'] });
  raw.on('secureConnection', (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    test.after(() => socket.destroy());
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    let seen = 0;
    let asked = false;
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      // Behind the preface and SETTINGS comes the request.
      if (asked || seen < 120) return;
      asked = true;
      write(socket);
    });
  });
  raw.listen(0, '127.0.0.1');
  await once(raw, 'listening');
  await world.add('raw', `https://localhost:${(raw.address() as AddressInfo).port}`);
  test.after(async () => {
    await (await world.daemon.admin()).services.delete({ name: 'raw' });
    raw.close();
  });
}

/** Types and flags of frames (RFC 9113 §6). */
const [DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY] = [0, 1, 3, 4, 7];
const [END_STREAM, END_HEADERS] = [1, 4];
/** HPACK's index of `:status: 200` (RFC 7541, appendix A). */
const OK = Buffer.from([0x88]);
const reset = (code: number): Buffer => frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, code]));

for (const [name, code] of Object.entries({ NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR })) {
  test(`an answer that is reset with ${name} is not whole`, async (t) => {
    let begun: Socket | undefined;
    await byHand(t, (socket) => {
      begun = socket;
      socket.write(frame(HEADERS, END_HEADERS, 1, OK));
      socket.write(frame(DATA, 0, 1, Buffer.from('half')));
    });
    const { statusCode, body } = await world.ask('raw/x');
    assert.equal(statusCode, 200);
    await assert.rejects(async () => {
      for await (const _half of body) begun?.write(reset(code));
    });
  });
}

test('an answer that its server gives up by a GOAWAY from before its stream is not whole', async (t) => {
  let begun: Socket | undefined;
  await byHand(t, (socket) => {
    begun = socket;
    socket.write(frame(HEADERS, END_HEADERS, 1, OK));
    socket.write(frame(DATA, 0, 1, Buffer.from('half')));
  });
  const { body } = await world.ask('raw/x');
  // Last stream 0, NO_ERROR.
  await assert.rejects(async () => {
    for await (const _half of body) begun?.write(frame(GOAWAY, 0, 0, Buffer.alloc(8)));
  });
});

test('a connection that its server has ended ends with its service, though a client still sends on it', async (t) => {
  let begun: Socket | undefined;
  await byHand(t, (socket) => {
    begun = socket;
    // Of the last stream that it answers, NO_ERROR; it neither reads on nor resets.
    const goAway = frame(GOAWAY, 0, 0, Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]));
    const head = frame(HEADERS, END_HEADERS, 1, OK);
    socket.write(Buffer.concat([goAway, head, frame(DATA, END_STREAM, 1, Buffer.from('early'))]));
  });
  const body = new PassThrough();
  body.write('begun');
  const asked = await world.ask('raw/x', { method: 'POST', body });
  assert.equal(await asked.body.text(), 'early');
  assert.ok(begun);
  const gone = once(begun, 'close');
  await (await world.daemon.admin()).services.set({ name: 'raw', config: struct({ header_timeout: 60 }) });
  await gone;
  body.destroy();
});

test('an answer that is whole before its stream is reset is whole: its server wanted no more of the request', async (t) => {
  await byHand(t, (socket) => {
    const head = frame(HEADERS, END_HEADERS, 1, OK);
    const body = frame(DATA, END_STREAM, 1, Buffer.from('whole'));
    socket.write(Buffer.concat([head, body, reset(NGHTTP2_NO_ERROR)]));
  });
  const { statusCode, body } = await world.ask('raw/x', { method: 'POST', body: 'sent' });
  assert.equal(statusCode, 200);
  assert.equal(await body.text(), 'whole');
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
