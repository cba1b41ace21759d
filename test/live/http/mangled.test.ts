import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HttpWorld } from '../../support/httpworld.ts';
import { type Close, type Mangled, mangled } from '../../support/mangle.ts';
import { type RawAnswer, rawHttp } from '../../support/rawhttp.ts';
import { RawUpstream } from '../../support/rawupstream.ts';

/* Answers that were mangled on their way: whatever they are, it is the server's fault that is told, and nothing of broker's. */

const SEED = 5;
const COUNT = 400;
const AT_ONCE = 12;
const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA'];
const CLOSE = ['Connection: close'];

let world: HttpWorld;
let upstream: RawUpstream;
let port: number;
let next: (path: number) => Mangled | undefined = () => undefined;

before(async () => {
  world = await HttpWorld.start();
  port = Number(new URL(world.daemon.http).port);
  upstream = await RawUpstream.start((received, socket) => {
    const path = /\/(\d+) HTTP/.exec(received)?.[1];
    if (path === undefined || !received.includes('\r\n\r\n')) return undefined;
    const { text, cut, close } = next(Number(path)) ?? { text: '', cut: 0, close: 'end' };
    const end = (): void => void socket[close]();
    socket.write(text.slice(0, cut), 'latin1', () => {
      setImmediate(() => socket.write(text.slice(cut), 'latin1', () => setImmediate(end)));
    });
    return '';
  });
  await world.add('mangled', upstream.url, { session_cookies: 'service' });
});
after(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function ask(path: number, lines: readonly string[], method = 'GET'): Promise<RawAnswer> {
  const head = [`${method} /proxy/mangled/${path} HTTP/1.1`, 'Host: localhost', `X-Broker-Token: ${world.token}`];
  return await rawHttp(port, `${[...head, ...lines].join('\r\n')}\r\n\r\n`);
}

async function assertNothingInside(): Promise<void> {
  const inside = world.daemon.log.filter((line) => line.includes('internal error'));
  assert.deepEqual(inside, []);
  const records = await world.daemon.audit({ action: 'http.request' });
  assert.deepEqual(
    records.filter(({ code }) => code === 'internal'),
    [],
  );
}

test('no mangled answer is an error inside broker', async () => {
  const cases = mangled(SEED, COUNT);
  next = (path) => cases[path];
  let at = 0;
  const some = async (): Promise<void> => {
    while (at < COUNT) {
      const path = at++;
      const asked = path % 3 === 0 ? WEBSOCKET : CLOSE;
      const { status, headers } = await ask(path, asked, path % 3 === 1 && path % 2 === 0 ? 'HEAD' : 'GET');
      const what = `${asked[0]} ${JSON.stringify(cases[path])}`;
      assert.notEqual(status, 500, what);
      if (status === 502) assert.equal(headers['x-broker-error'], 'upstream_protocol', what);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  await assertNothingInside();
});

/** Refusals of a WebSocket that break off: in the middle of a body, of a chunk, of the trailers. */
const BROKEN: readonly (readonly [what: string, text: string, close?: Close])[] = [
  ['a body that is shorter than its length', 'HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nhalf'],
  ['a body that is reset', 'HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nhalf', 'resetAndDestroy'],
  ['chunks without the last', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n'],
  ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\nzz\r\n'],
  ['trailers without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: '],
];

for (const [what, text, close = 'end'] of BROKEN) {
  test(`a WebSocket that is declined with ${what} is 502`, async () => {
    next = () => ({ text, cut: text.length, close });
    const { status, headers, body } = await ask(0, WEBSOCKET);
    assert.deepEqual([status, headers['x-broker-error']], [502, 'upstream_protocol'], body);
    await assertNothingInside();
  });
}

test('a WebSocket that is declined with a body that stalls is a timeout', async () => {
  await using stalling = await RawUpstream.start((received) =>
    received.includes('\r\n\r\n') ? 'HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nhalf' : undefined,
  );
  await world.add('stalling', stalling.url, { idle_timeout: 1 });
  const head = ['GET /proxy/stalling/x HTTP/1.1', 'Host: localhost', `X-Broker-Token: ${world.token}`, ...WEBSOCKET];
  const { status, headers } = await rawHttp(port, `${head.join('\r\n')}\r\n\r\n`);
  assert.deepEqual([status, headers['x-broker-error']], [504, 'upstream_timeout']);
});
