import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { PgServer } from '../../fakes/pgserver.ts';
import { freePorts } from '../../rig/port.ts';
import { HttpWorld, Upstream } from '../../support/httpworld.ts';
import { fakePostgres } from '../../support/pgservice.ts';

/* A server that sends the client on to broker itself: with the client's token, to another service or a session. */

let world: HttpWorld;
let upstream: Upstream;
let location = '';
/** A port of a service, and one of a session. */
let own = 0;
let lease = 0;

before(async () => {
  world = await HttpWorld.start();
  upstream = await Upstream.start((_request, response) => {
    response.writeHead(307, { Location: location }).end('moved');
  });
  [own = 0] = await freePorts(1);
  await world.add('evil', `${upstream.plain}/v1`);
  await world.add('other', `${upstream.plain}/other`, { listen: `127.0.0.1:${own}` });
  const server = await PgServer.start('password');
  after(() => server[Symbol.asyncDispose]());
  const admin = await world.daemon.admin();
  await admin.services.put(fakePostgres('db', server));
  lease = (await admin.sessions.open({ service: 'db', connections: 0 })).port;
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

/** Where a client that follows redirects as browsers and fetch do would be sent; the code of a refusal otherwise. */
async function sentTo(given: string): Promise<string> {
  location = given;
  const { statusCode, headers, body } = await world.ask('evil/a/b');
  await body.dump();
  if (statusCode !== 307) return `${statusCode} ${headers['x-broker-error']}`;
  return new URL(String(headers.location), `${world.daemon.http}/proxy/evil/a/b`).href;
}

test('no Location leads to another path of broker’s, however it is spelled', async () => {
  const { httpPort: http } = world.daemon.instance;
  for (const given of [
    `${world.daemon.http}/proxy/other/x`,
    `${world.daemon.http}/rpc/broker.v1.Vault/Lock`,
    `${world.daemon.http}/proxy/evil/../other/x`,
    `${world.daemon.http}/proxy/evil%2f..%2fother/../../other`,
    `${world.daemon.http}/proxy/evilother/x`,
    `//127.0.0.1:${http}/proxy/other/x`,
    `http:\\\\127.0.0.1:${http}\\proxy\\other`,
    `http:/\\127.0.0.1:${http}/proxy/other`,
    `http://localhost:${http}/proxy/other/x`,
    `http://LOCALHOST.:${http}/proxy/other/x`,
    `http://a.localhost:${http}/proxy/other/x`,
    `http://127.1:${http}/proxy/other/x`,
    `http://2130706433:${http}/proxy/other/x`,
    `http://0.0.0.0:${http}/proxy/other/x`,
    `http://[::1]:${http}/proxy/other/x`,
    `http://[::ffff:127.0.0.1]:${http}/proxy/other/x`,
    `http://user:pw@127.0.0.1:${http}/proxy/other/x`,
    `https://127.0.0.1:${http}/proxy/other/x`,
    `http://127.0.0.1:${own}/x`,
    `http://127.0.0.1:${lease}/x`,
    `http://127.0.0.1:${world.daemon.instance.port}/`,
    'http://169.254.169.254/latest/meta-data',
  ]) {
    assert.equal(await sentTo(given), '502 upstream_protocol', given);
  }
});

test('what only looks like it is taken for what it is: a path of the server’s own', async () => {
  for (const [given, expected] of [
    ['http:/proxy/other/x', `${upstream.plain}/proxy/other/x`],
    ['http:proxy/other', `${world.daemon.http}/proxy/evil/a/proxy/other`],
    ['/proxy/other/x', `${upstream.plain}/proxy/other/x`],
    ['/v1/../../proxy/other/x', `${upstream.plain}/proxy/other/x`],
    [`${upstream.plain}/v1/../../proxy/other/x`, `${upstream.plain}/proxy/other/x`],
    ['/v1/%2e%2e/%2E%2E/proxy/other/x', `${upstream.plain}/proxy/other/x`],
    ['/v1\\..\\..\\proxy\\other', `${upstream.plain}/proxy/other`],
    ['\\proxy\\other', `${upstream.plain}/proxy/other`],
    ['../../../proxy/other/x', `${upstream.plain}/proxy/other/x`],
    ['/v1/next', `${world.daemon.http}/proxy/evil/next`],
    [`${world.daemon.http}/proxy/evil/next?x=1`, `${world.daemon.http}/proxy/evil/next?x=1`],
    ['https://elsewhere.example:8390/proxy/other', 'https://elsewhere.example:8390/proxy/other'],
  ] as const) {
    assert.equal(await sentTo(given), expected, given);
  }
});

test('the same holds on a port of its own and in the answer to a WebSocket’s handshake', async () => {
  const ask = async (path: string): Promise<Response> =>
    await fetch(`http://127.0.0.1:${own}${path}`, { headers: { 'x-api-key': world.token }, redirect: 'manual' });
  location = `${world.daemon.http}/proxy/evil/x`;
  assert.equal((await ask('/a')).status, 502);
  location = '/other/../../proxy/evil';
  assert.equal((await ask('/a')).headers.get('location'), `${upstream.plain}/proxy/evil`);
  location = `${world.daemon.http}/proxy/other/x`;
  const socket = new WebSocket(`${world.daemon.http.replace('http', 'ws')}/proxy/evil/a`, {
    headers: { 'x-broker-token': world.token },
  });
  const [error] = await once(socket, 'error');
  assert.match(String(error), /502/);
});

test('a session’s port is no place for a service or a proxy', async () => {
  await world.add('leased', `http://127.0.0.1:${lease}`);
  assert.equal((await world.ask('leased/x')).headers['x-broker-error'], 'denied');
  await world.add('through', 'http://127.0.0.1:9', { http_proxy: `http://127.0.0.1:${lease}` });
  assert.equal((await world.ask('through/x')).headers['x-broker-error'], 'denied');
});

test('what was refused is on record', async () => {
  const records = await world.daemon.audit({ action: 'http.request' });
  const refused = records.filter(({ code }) => code === 'upstream_protocol');
  assert.ok(refused.length > 20);
  assert.match(refused[0]?.message ?? '', /redirects to broker/);
});
