import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import type { HttpResponse__Output } from '../../../src/core/proto/broker/v1/HttpResponse.ts';
import { MASTER, SpawnedDaemon } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';
import { RawUpstream } from '../../support/rawupstream.ts';

/* Whoever leaves, and when: a client in the middle of anything, a server in the middle of its answer. The daemon goes on. */

const BODY = 'x'.repeat(40);
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n5\r\nfives\r\n0\r\nX-Sum: 9\r\n\r\n';
const GZIP = gzipSync(BODY);
const ENCODED = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${GZIP.length}\r\n\r\n${GZIP.toString('latin1')}`;

let home: string;
let daemon: SpawnedDaemon;
let root: BrokerClient;
let caller: BrokerClient;
let token: string;
let upstream: RawUpstream;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'broker-leaving-'));
  daemon = await SpawnedDaemon.start({ home });
  using owner = daemon.client();
  await owner.vault.initialize({ password: Buffer.from(MASTER) });
  const elevated = await owner.vault.elevate({ password: Buffer.from(MASTER) });
  root = daemon.client(elevated.token);
  upstream = await RawUpstream.start(() => ANSWER);
  const secrets = { token: Buffer.from('a-secret-of-the-test') };
  const config = { base_url: upstream.url, allow_private: true, allow_plaintext: true };
  await root.services.put({ name: 'api', kind: 'bearer', config: struct(config), secrets });
  const limited = { ...config, methods: ['GET'], max_body: 4 };
  await root.services.put({ name: 'limited', kind: 'bearer', config: struct(limited), secrets });
  ({ text: token } = await root.tokens.create({
    name: 'web',
    scope: 'proxy',
    grants: [{ services: '*', actions: ['http'] }],
  }));
  caller = daemon.client(token);
});
after(async () => {
  for (const each of [root, caller]) each.close();
  await daemon[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** It answers on both ways in, and nothing went wrong inside. */
async function assertGoesOn(): Promise<void> {
  upstream.script = () => ANSWER;
  const { body, details } = await overGrpc({ path: '/last' });
  assert.equal(body, BODY, `${details} ${daemon.output}`);
  const answer = await fetch(`http://127.0.0.1:${daemon.httpPort}/proxy/api/last`, {
    headers: { 'x-broker-token': token },
  });
  assert.equal(await answer.text(), BODY);
  assert.equal(daemon.child.exitCode ?? daemon.child.signalCode, null, daemon.output);
  const inside = daemon.output.split('\n').filter((line) => line.includes('internal error'));
  assert.deepEqual(inside, []);
}

type Moment = 'sent' | 'head' | 'data';

interface Asked {
  readonly service?: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  /** When the caller gives the call up: at a moment of it, or that many turns of the event loop after it was sent. */
  readonly leaves?: Moment | number;
}

/** One request over gRPC, to its end or to where the caller leaves. */
async function overGrpc({ service = 'api', method = 'GET', path = '/', body, leaves }: Asked) {
  const call = caller.http.request();
  const over = new Promise<{ code: number; details: string }>((resolve) => call.once('status', resolve));
  const parts: Buffer[] = [];
  const happened = (what: Moment): void => {
    if (leaves === what) call.cancel();
  };
  call.on('error', () => undefined);
  call.on('data', ({ head, data }: HttpResponse__Output) => {
    if (data) parts.push(data);
    if (head ?? data) happened(head ? 'head' : 'data');
  });
  call.write({ start: { service, method, path, headers: [], hasBody: body !== undefined } });
  if (body !== undefined) call.write({ data: Buffer.from(body) });
  happened('sent');
  if (body === undefined || leaves === undefined) call.end();
  if (typeof leaves === 'number') {
    await turns(leaves);
    call.cancel();
  }
  const { code, details } = await over;
  return { code, details, body: Buffer.concat(parts).toString() };
}

function request(method: string, body?: string): string {
  const framing = body === undefined ? [] : [`Content-Length: ${body.length}`];
  const head = [`${method} /proxy/api/x HTTP/1.1`, 'Host: 127.0.0.1', `X-Broker-Token: ${token}`, ...framing, '', ''];
  return head.join('\r\n') + (body ?? '');
}

/** Sends the bytes over a connection of its own, and leaves once `moment` has come. */
async function overTcp(bytes: string, moment: (socket: Socket) => Promise<unknown>, reset: boolean): Promise<void> {
  const socket = connect(daemon.httpPort, '127.0.0.1');
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  socket.write(bytes, 'latin1');
  await moment(socket);
  if (reset) socket.resetAndDestroy();
  else socket.destroy();
  await closed;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('a refused request over gRPC is told as such, of a service in use too', async () => {
  upstream.script = () => ANSWER;
  assert.equal((await overGrpc({})).code, 0);
  assert.equal((await overGrpc({ service: 'limited' })).code, 0);
  for (const [refused, said] of [
    [{ path: '/../secret' }, /path is refused/],
    [{ method: 'TRACE' }, /TRACE does not pass/],
    [{ service: 'limited', method: 'DELETE' }, /rule: methods/],
    [{ service: 'limited', path: '/%2e%2e' }, /path is refused/],
    [{ service: 'nope' }, /no service nope/],
  ] as const) {
    const { code, details } = await overGrpc(refused);
    assert.notEqual(code, 0);
    assert.match(details, said);
  }
  await assertGoesOn();
});

test('a caller over gRPC may leave at any moment', async () => {
  const half = ANSWER.slice(0, -10);
  for (const said of [ANSWER, CHUNKED, half]) {
    upstream.script = () => said;
    for (const leaves of ['sent', 'head', 'data'] as const) {
      await overGrpc({ leaves });
      await overGrpc({ method: 'POST', body: 'not all of it', leaves });
    }
    for (let leaves = 0; leaves < 30; leaves++) {
      await Promise.all([overGrpc({ leaves }), overGrpc({ leaves: leaves + 30 })]);
    }
  }
  await assertGoesOn();
});

test('a client over HTTP may leave at any moment', async () => {
  upstream.script = () => ANSWER;
  const post = request('POST', 'a body');
  for (let bytes = 1; bytes < post.length; bytes += 5) {
    for (const reset of [false, true]) await overTcp(post.slice(0, bytes), () => turns(2), reset);
  }
  for (const said of [ANSWER, CHUNKED, ENCODED, ANSWER.slice(0, -10)]) {
    upstream.script = () => said;
    for (let wait = 0; wait < 15; wait++) {
      for (const reset of [false, true]) {
        // The second is on the way when the first is answered.
        await overTcp(request('GET') + request('POST', 'a body'), () => turns(wait), reset);
      }
    }
    await overTcp(request('GET'), (socket) => once(socket, 'data'), true);
  }
  await assertGoesOn();
});

test('a server may break off at any byte of its answer, and between two answers', async () => {
  for (const whole of [ANSWER, CHUNKED, ENCODED]) {
    for (let bytes = 0; bytes <= whole.length; bytes += 3) {
      for (const reset of [false, true]) {
        upstream.script = (_received, socket) => {
          socket.write(whole.slice(0, bytes), 'latin1', () => (reset ? socket.resetAndDestroy() : socket.end()));
          return undefined;
        };
        const asked = fetch(`http://127.0.0.1:${daemon.httpPort}/proxy/api/x`, {
          headers: { 'x-broker-token': token },
        });
        await asked.then((answer) => answer.text()).catch(() => undefined);
      }
    }
  }
  await assertGoesOn();
});
