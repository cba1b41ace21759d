import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { MASTER, TestDaemon } from '../../support/daemon.ts';
import { HttpWorld, Upstream } from '../../support/httpworld.ts';
import { eventually } from '../../support/sessions.ts';

/* With its connections in a thread of their own, a service is what it was; `.ci/run` has all of the suite that way once. */

let world: HttpWorld;
let upstream: Upstream;
const open: ServerResponse[] = [];

before(async () => {
  world = await HttpWorld.start({ 'http-thread': 'on' });
  upstream = await Upstream.start((request, response) => {
    if (request.url === '/open') {
      open.push(response);
      response.write('begun');
    } else {
      response.writeHead(200, { Trailer: 'X-Sum', 'X-Got': String(request.headers.authorization) });
      request.pipe(response, { end: false });
      request.once('end', () => {
        response.addTrailers({ 'X-Sum': '7' });
        response.end();
      });
    }
  });
  await world.add('api', upstream.plain);
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

async function threads(of: TestDaemon): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${await of.adminToken()}` };
  return /^broker_http_thread (\d)$/m.exec(await (await fetch(`${of.http}/metrics`, { headers })).text())?.[1];
}

/** A request whose answer is under way, at the server too. */
async function underWay() {
  const { body } = await world.ask('api/open');
  await eventually(() => open.length > 0);
  const ended = once(open.pop() ?? assert.fail(), 'close');
  return { body, ended };
}

test('a body of any size passes both ways while it comes, the credential is scrubbed, the trailers come last', async () => {
  const body = new PassThrough();
  const asked = world.ask('api/echo', { method: 'POST', body });
  body.write('first');
  const answer = await asked;
  assert.equal(String((await once(answer.body, 'data'))[0]), 'first');
  const piece = Buffer.alloc(1024 * 1024, 'x');
  let bytes = 0;
  answer.body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const ended = once(answer.body, 'end');
  for (let count = 0; count < 8; count++) if (!body.write(piece)) await once(body, 'drain');
  body.end();
  await ended;
  assert.equal(bytes, 8 * piece.length);
  assert.deepEqual(answer.trailers, { 'x-sum': '7' });
  assert.match(String(answer.headers['x-got']), /^Bearer \*+$/);
  assert.equal(await threads(world.daemon), '1');
});

test('a client that leaves and a lock each end it at the server', async () => {
  const left = await underWay();
  left.body.on('error', () => undefined).destroy();
  await left.ended;
  const locked = await underWay();
  const gone = assert.rejects(locked.body.text());
  const admin = await world.daemon.admin();
  await admin.vault.lock({});
  await Promise.all([gone, locked.ended]);
  await admin.vault.unlock({ password: Buffer.from(MASTER) });
  assert.equal(await (await world.ask('api/echo')).body.text(), '');
});

test('broker’s own ports and metadata services are as far away as ever', async () => {
  await world.add('own', world.daemon.http);
  await world.add('metadata', 'http://169.254.169.254');
  for (const name of ['own', 'metadata']) {
    const { headers, body } = await world.ask(`${name}/`);
    await body.dump();
    assert.equal(headers['x-broker-error'], 'denied', name);
  }
});

test('without it, there is none for a single request; a setting that is neither is refused', async () => {
  await using daemon = await TestDaemon.start({ flags: { 'http-thread': 'auto' } });
  assert.equal(await threads(daemon), '0');
  await assert.rejects(
    TestDaemon.start({ flags: { 'http-thread': 'yes' } }),
    /--http-thread is auto, on or off, not yes/,
  );
});
