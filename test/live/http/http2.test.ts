import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { CANARY, HttpWorld } from '../../support/httpworld.ts';

let world: HttpWorld;

before(async () => {
  world = await HttpWorld.start();
});
after(() => world[Symbol.asyncDispose]());

test('HTTP/2 is spoken where the server has it, with body, trailers and head as they are', async () => {
  const { server: pair } = world.certificates;
  const server = createSecureServer({ ...pair, allowHTTP1: false });
  const seen: string[] = [];
  server.on('stream', (stream, headers) => {
    seen.push(`${headers[':method']} ${headers[':path']} ${headers.authorization} ${headers['x-mine']}`);
    let body = '';
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    stream.on('end', () => {
      stream.respond({ ':status': 201, 'x-two': '2', 'set-cookie': ['a=b'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
      stream.end(`got ${body}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await world.add('two', `https://localhost:${port}/v2`);
  const { statusCode, headers, body, trailers } = await world.ask('two/x?y=%2F', {
    method: 'POST',
    headers: ['X-Mine', 'yes'],
    body: 'hello',
  });
  assert.equal(statusCode, 201);
  assert.equal(headers['x-two'], '2');
  assert.equal(headers['set-cookie'], undefined);
  assert.equal(await body.text(), 'got hello');
  assert.equal(trailers['x-sum'], '42');
  assert.deepEqual(seen, [`POST /v2/x?y=%2F Bearer ${CANARY} yes`]);
  const many = await Promise.all(Array.from({ length: 20 }, (_, at) => world.ask(`two/${at}`)));
  assert.deepEqual(new Set(many.map((answer) => answer.statusCode)), new Set([201]));
  await Promise.all(many.map((answer) => answer.body.dump()));
  await (await world.daemon.admin()).services.delete({ name: 'two' });
  await new Promise((resolve) => server.close(resolve));
});

test('a client that goes away resets its stream, and no other', async () => {
  const { server: pair } = world.certificates;
  const server = createSecureServer({ ...pair, allowHTTP1: false });
  const begun = new Map<string, ServerHttp2Stream>();
  server.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200 });
    stream.write('begun');
    begun.set(String(headers[':path']), stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await world.add('reset', `https://localhost:${port}`);
  const stays = await world.ask('reset/stays');
  const goes = await world.ask('reset/goes');
  const stream = begun.get('/goes');
  assert.ok(stream);
  const closed = once(stream, 'close');
  goes.body.on('error', () => undefined).destroy();
  // The server has not ended it: without a reset it would stay open.
  await closed;
  begun.get('/stays')?.end(' and ended');
  assert.equal(await stays.body.text(), 'begun and ended');
  await (await world.daemon.admin()).services.delete({ name: 'reset' });
  await new Promise((resolve) => server.close(resolve));
});
