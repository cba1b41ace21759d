import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CANARY, HttpWorld } from '../../support/httpworld.ts';
import { rawConnection, rawHttp } from '../../support/rawhttp.ts';
import { complete, OK, RawUpstream, requestLines } from '../../support/rawupstream.ts';

/* Requests that two servers could read differently, and answers that two clients could. */

let world: HttpWorld;
let port: number;

before(async () => {
  world = await HttpWorld.start();
  port = Number(new URL(world.daemon.http).port);
});
after(() => world[Symbol.asyncDispose]());

/** A request to the service `name`; the token and a Host are in it. */
function request(name: string, lines: readonly string[], body = '', method = 'POST'): string {
  const head = [
    `${method} /proxy/${name}/seen HTTP/1.1`,
    'Host: localhost',
    `X-Broker-Token: ${world.token}`,
    ...lines,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

const HIDDEN = 'GET /proxy/strict/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n';
/** Framing that is ambiguous: the whole connection is refused, and nothing of it reaches the upstream. */
const AMBIGUOUS: readonly (readonly [what: string, lines: readonly string[], body: string])[] = [
  ['Content-Length and Transfer-Encoding', ['Content-Length: 6', 'Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`],
  ['Transfer-Encoding and Content-Length', ['Transfer-Encoding: chunked', 'Content-Length: 6'], `0\r\n\r\n${HIDDEN}`],
  ['two different lengths', ['Content-Length: 0', `Content-Length: ${HIDDEN.length}`], HIDDEN],
  ['the same length twice', ['Content-Length: 2', 'Content-Length: 2'], 'hi'],
  ['a list of lengths', ['Content-Length: 0, 5'], 'hello'],
  ['a signed length', ['Content-Length: +5'], 'hello'],
  ['a length in hex', ['Content-Length: 0x5'], 'hello'],
  ['xchunked', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${HIDDEN}`],
  ['chunked that is not last', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${HIDDEN}`],
  ['a space before the colon', ['Transfer-Encoding : chunked'], `0\r\n\r\n${HIDDEN}`],
  ['a name with a control character', ['Transfer-Encoding\x0b: chunked'], `0\r\n\r\n${HIDDEN}`],
  ['a bare line feed', ['X-A: 1\nTransfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`],
  ['a bare carriage return', ['X-A: 1\rTransfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`],
  ['NUL in a value', ['X-A: a\0b'], ''],
  ['a header without a colon', ['X-A'], ''],
  ['a first header that is folded', [' X-A: 1'], ''],
  ['a chunk size with a sign', ['Transfer-Encoding: chunked'], `+0\r\n\r\n${HIDDEN}`],
  ['a chunk size with a prefix', ['Transfer-Encoding: chunked'], `0x0\r\n\r\n${HIDDEN}`],
  ['a chunk that is longer than it says', ['Transfer-Encoding: chunked'], `1\r\nab\r\n0\r\n\r\n`],
  ['a chunk size that overflows', ['Transfer-Encoding: chunked'], `10000000000000000\r\nx`],
  ['a chunk size ended by a line feed', ['Transfer-Encoding: chunked'], `2\nhi\n0\n\n`],
];

test('what could be read in two ways is refused, and no hidden request reaches the upstream', async () => {
  await using upstream = await RawUpstream.start();
  await world.add('strict', upstream.url);
  for (const [what, lines, body] of AMBIGUOUS) {
    const { status, text } = await rawHttp(port, request('strict', lines, body));
    assert.ok(status === 400 || status === 0 || status === 502, `${what}: ${text}`);
    assert.ok(!upstream.received.includes('hidden'), what);
    assert.ok(!upstream.requests.length, `${what}: ${upstream.received}`);
  }
});

test('chunk extensions, trailers and folded values do not travel', async () => {
  await using upstream = await RawUpstream.start();
  await world.add('plain', upstream.url);
  const chunked = ['Transfer-Encoding: chunked', 'Connection: close'];
  const answer = await rawHttp(port, request('plain', chunked, '2;a="\r\nx\r\n0\r\n\r\n'));
  assert.equal(answer.status === 200, false);
  const good = await rawHttp(port, request('plain', chunked, '2;ext=1\r\nhi\r\n0\r\nX-Late: 1\r\nHost: evil\r\n\r\n'));
  assert.equal(good.status, 200);
  assert.doesNotMatch(upstream.received, /ext|X-Late|evil/);
  await rawHttp(port, request('plain', ['X-Folded: a', ' Transfer-Encoding: chunked', 'Connection: close'], '', 'GET'));
  assert.doesNotMatch(upstream.connections.at(-1) ?? '', /^[ \t]/m);
  assert.ok(
    upstream.requests.every((line) => /^(POST|GET) \/seen HTTP\/1\.1$/.test(line)),
    upstream.received,
  );
});

test('a pipelined request is a request of its own, in order, with a credential and a record of its own', async () => {
  let finish: () => void = () => undefined;
  await using upstream = await RawUpstream.start((received, socket) => {
    if (received.startsWith('GET /second')) return OK;
    finish = () => void socket.write('5\r\n last\r\n0\r\n\r\n');
    return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n';
  });
  await world.add('piped', upstream.url, { paths: ['/seen', '/second'] });
  const next = (path: string) =>
    request('piped', path === 'third' ? ['Connection: close'] : [], '', 'GET').replace('/seen', `/${path}`);
  const socket = await rawConnection(port);
  let seen = '';
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const begun = new Promise<void>((resolve) =>
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1');
      if (seen.includes('first')) resolve();
    }),
  );
  socket.write(next('seen') + next('second') + next('third'));
  await begun;
  assert.doesNotMatch(seen, /ok|denied/);
  finish();
  await closed;
  assert.match(seen, /first.* last.*\r\n\r\nok.*403 Forbidden.*denied/s);
  assert.deepEqual(upstream.requests.sort(), ['GET /second HTTP/1.1', 'GET /seen HTTP/1.1']);
  for (const bytes of upstream.connections)
    assert.equal(bytes.split(`Authorization: Bearer ${CANARY}`).length - 1, requestLines(bytes).length);
});

test('Connection can name neither the credential away nor a framing header into nothing', async () => {
  await using upstream = await RawUpstream.start();
  await world.add('named', upstream.url, { set_headers: ['X-Set: 1'] });
  const names = 'close, authorization, content-length, host, x-set, x-mine';
  const lines = [`Connection: ${names}`, 'Content-Length: 2', 'X-Mine: 1', 'X-Kept: 1'];
  assert.equal((await rawHttp(port, request('named', lines, 'hi'))).status, 200);
  const [bytes = ''] = upstream.connections;
  assert.deepEqual(upstream.requests, ['POST /seen HTTP/1.1']);
  assert.ok(bytes.includes(`Authorization: Bearer ${CANARY}`));
  assert.match(bytes, /^X-Set: 1\r$/m);
  assert.match(bytes, /^X-Kept: 1\r$/m);
  assert.doesNotMatch(bytes, /X-Mine/i);
  assert.equal(bytes.match(/^host:/gim)?.length, 1);
});

/** Answers that a client of another make could read in another way: an error, never a whole answer. */
const BAD_ANSWERS: readonly (readonly [what: string, text: string])[] = [
  ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\nhihi'],
  ['a bare line feed', 'HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2\r\nContent-Length: 0\r\n\r\n'],
  ['a bare carriage return', 'HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\nContent-Length: 0\r\n\r\n'],
  ['NUL', 'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['a switch that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhi'],
  ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n'],
  ['a head without an end', `HTTP/1.1 200 OK\r\n${'X-A: 1\r\n'.repeat(20_000)}`],
  ['a header without an end', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(200_000)}`],
  ['1xx without an end', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'.repeat(5_000)],
  [
    'trailers without an end',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'X-A: 1\r\n'.repeat(20_000)}`,
  ],
];

for (const [what, text] of BAD_ANSWERS) {
  test(`an answer with ${what} is a failure`, async () => {
    await using upstream = await RawUpstream.start(() => text);
    await world.add('bad', upstream.url, { header_timeout: 20 });
    const answer = await world
      .ask('bad/x')
      .then(async ({ statusCode, body }) => ({ statusCode, text: await body.text() }))
      .catch(() => 'broken' as const);
    if (answer !== 'broken') assert.equal(answer.statusCode, 502, JSON.stringify(answer).slice(0, 300));
    await (await world.daemon.admin()).services.delete({ name: 'bad' });
  });
}

test('bytes behind an answer do not become the answer to the next request', async () => {
  const extra = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
  for (const first of [
    `${OK}${extra}`,
    `HTTP/1.1 204 No Content\r\n\r\n${extra}`,
    `HTTP/1.1 304 Not Modified\r\n\r\n${extra}`,
  ]) {
    await using upstream = await RawUpstream.start((received) =>
      received.startsWith('GET /first') ? first : complete(received),
    );
    await world.add('extra', upstream.url);
    await (await world.ask('extra/first')).body.dump();
    for (const path of ['a', 'b']) assert.equal(await (await world.ask(`extra/${path}`)).body.text(), 'ok');
    await (await world.daemon.admin()).services.delete({ name: 'extra' });
  }
});
