import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import type { Dispatcher } from 'undici';
import { fromMillis } from '../../../src/core/rpc.ts';
import { HttpWorld, Upstream } from '../../support/httpworld.ts';

let world: HttpWorld;
let upstream: Upstream;

before(async () => {
  world = await HttpWorld.start();
  upstream = await Upstream.start((request, response) => {
    request.resume();
    request.once('end', () => response.end('ok'));
  });
});
after(async () => {
  await upstream[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

interface Told {
  readonly status: number;
  readonly code: string | undefined;
  readonly message: string;
  readonly retryAfter: unknown;
}

async function told(answer: Dispatcher.ResponseData): Promise<Told> {
  const text = await answer.body.text();
  const parsed = text.startsWith('{') ? (JSON.parse(text) as { error: { code: string; message: string } }) : undefined;
  return {
    status: answer.statusCode,
    code: parsed?.error.code,
    message: parsed?.error.message ?? text,
    retryAfter: answer.headers['retry-after'],
  };
}

test('a method or path that the service does not allow is refused by name of the rule, and never leaves', async () => {
  await world.add('narrow', upstream.plain, { methods: ['GET'], paths: ['/v1/*'] });
  const before = upstream.asked.length;
  const post = await told(await world.ask('narrow/v1/x', { method: 'POST', body: 'x' }));
  assert.deepEqual([post.status, post.code], [403, 'denied']);
  assert.match(post.message, /^narrow does not allow this method, only GET \(rule: methods\)$/);
  for (const path of ['v2/x', 'v1/x/y', 'v1/x%2Fy', 'v1/x%252Fy', 'v1/x\\y', 'v1//x', 'v1', '', 'v1/']) {
    const answer = await told(await world.ask(`narrow/${path}`));
    assert.equal(answer.status, 403, path);
    assert.match(answer.message, /\(rule: paths\)$/, path);
  }
  assert.equal(upstream.asked.length, before);
  assert.equal((await told(await world.ask('narrow/v1/x?y=/../z'))).status, 200);
  const records = await world.daemon.audit({ action: 'http.request' });
  assert.ok(records.some(({ outcome, detail }) => outcome === 'denied' && detail?.rule === 'methods'));
});

test('a body over the limit is 413, whether it says so ahead or turns out to be', async () => {
  await world.add('small', upstream.plain, { max_body: 10 });
  assert.equal((await told(await world.ask('small/', { method: 'POST', body: '0123456789' }))).status, 200);
  const ahead = await told(await world.ask('small/', { method: 'POST', body: '0123456789a' }));
  assert.deepEqual([ahead.status, ahead.code], [413, 'too_large']);
  async function* pieces() {
    yield Buffer.from('01234');
    yield Buffer.from('56789a');
  }
  const { Readable } = await import('node:stream');
  const stream = await told(await world.ask('small/', { method: 'POST', body: Readable.from(pieces()) }));
  assert.deepEqual([stream.status, stream.code], [413, 'too_large']);
  assert.match(stream.message, /small allows request bodies of 10 bytes at most \(rule: max_body\)/);
});

test('requests over the rate are 429 with the time until there is room', async () => {
  await world.add('slow', upstream.plain, { rate: 2 });
  for (let round = 0; round < 2; round++) assert.equal((await told(await world.ask('slow/'))).status, 200);
  const over = await told(await world.ask('slow/'));
  assert.deepEqual([over.status, over.code], [429, 'exhausted']);
  assert.match(over.message, /\(rule: rate\)$/);
  const seconds = Number(over.retryAfter);
  assert.ok(seconds > 50 && seconds <= 60, `${seconds}`);
});

test('requests over the concurrency are 429, and the end of one makes room', async () => {
  await using held = await Upstream.start(() => {});
  await world.add('busy', held.plain, { concurrency: 1 });
  const asked = once(held.server, 'request');
  const first = world.ask('busy/');
  const [, response] = await asked;
  const second = await told(await world.ask('busy/'));
  assert.deepEqual([second.status, second.code], [429, 'exhausted']);
  assert.match(second.message, /\(rule: concurrency\)$/);
  response.end('done');
  await (await first).body.text();
  const again = once(held.server, 'request');
  const third = world.ask('busy/');
  (await again)[1].end('ok');
  assert.equal((await third).statusCode, 200);
});

test('a token is held to its own limits, and one that it makes to both', async () => {
  await world.add('api', upstream.plain);
  const admin = await world.daemon.admin();
  const limits = { methods: ['GET'], paths: ['/v1/**'], rate: 3 };
  const grants = [{ services: 'api', actions: ['http'], limits }];
  const parent = await admin.tokens.create({
    name: 'reader',
    scope: 'proxy',
    grants,
    ttl: fromMillis(60_000),
    anyUid: true,
  });
  const open = [{ services: 'api', actions: ['http'] }];
  const maker = world.daemon.client(parent.text);
  const child = await maker.tokens.create({ name: 'kid', scope: 'proxy', grants: open, ttl: fromMillis(60_000) });
  const as = async (token: string, path: string, method = 'GET') =>
    await told(
      await world.pool.request({ method, path: `/proxy/api${path}`, headers: ['X-Broker-Token', token] } as never),
    );
  assert.match(
    (await as(child.text, '/v2')).message,
    /the token reader does not allow this path.*\(rule: token\.paths\)/,
  );
  assert.match((await as(child.text, '/v1', 'DELETE')).message, /\(rule: token\.methods\)/);
  assert.equal((await as(child.text, '/v1/a')).status, 200);
  assert.equal((await as(parent.text, '/v1/a')).status, 200);
  assert.equal((await as(child.text, '/v1/a')).status, 200);
  // The fourth, whoever sends it: a child adds nothing to what its maker has.
  for (const token of [child.text, parent.text]) {
    const over = await as(token, '/v1/a');
    assert.equal(over.status, 429);
    assert.match(over.message, /^the token reader has had its 3 requests of this minute/);
  }
});
