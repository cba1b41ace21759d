import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CANARY, HttpWorld, Upstream } from '../../support/httpworld.ts';

let world: HttpWorld;

before(async () => {
  world = await HttpWorld.start();
});
after(() => world[Symbol.asyncDispose]());

test('a request reaches the base URL with the credential, and the token of broker does not', async () => {
  await using upstream = await Upstream.start(
    (_request, response) => void response.end('hello'),
    world.certificates.server,
  );
  await world.add('api', `${upstream.secure}/v1`);
  const answer = await world.ask('api/models?limit=2', { headers: ['X-Mine', 'yes'] });
  assert.equal(answer.statusCode, 200);
  assert.equal(await answer.body.text(), 'hello');
  const [asked] = upstream.asked;
  assert.equal(asked?.url, '/v1/models?limit=2');
  assert.equal(asked?.headers.authorization, `Bearer ${CANARY}`);
  assert.equal(asked?.headers.host, `localhost:${upstream.port}`);
  assert.equal(asked?.headers['x-mine'], 'yes');
  const [record] = await world.daemon.audit({ action: 'http.request' });
  assert.equal(record?.outcome, 'ok');
  assert.deepEqual(record?.detail, { method: 'GET', path: '/models', secrets: 'token', status: 200 });
  assert.equal(record?.service, 'api');
  assert.equal(record?.bytesDown, 5);
  assert.equal(record?.caller.token, 'web');
});
