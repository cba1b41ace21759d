import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { freePorts } from '../../rig/port.ts';
import { CANARY, HttpWorld, Upstream } from '../../support/httpworld.ts';
import { get, rawHttp } from '../../support/rawhttp.ts';
import { refusal } from '../../support/refusal.ts';

/* Where a service may be, how it is reached, and who gets to it. */

let world: HttpWorld;

before(async () => {
  world = await HttpWorld.start();
});
after(() => world[Symbol.asyncDispose]());

async function saying(text: string, secure = false): Promise<Upstream> {
  const { server } = world.certificates;
  const answer: Parameters<typeof Upstream.start>[0] = (request, response) => {
    request.resume();
    response.end(text);
  };
  return await Upstream.start(answer, secure ? server : undefined);
}

async function errorOf(path: string): Promise<{ status: number; code: string; message: string; hint?: string }> {
  const { statusCode, headers, body } = await world.ask(path);
  const { error } = (await body.json()) as { error: { code: string; message: string; hint?: string } };
  assert.equal(headers['x-broker-error'], error.code);
  return { status: statusCode, ...error };
}

test('a private address is refused unless the service says so, however it is spelled', async () => {
  await using upstream = await saying('inside');
  const { port } = upstream;
  for (const [index, host] of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433'].entries()) {
    await world.add(`inside${index}`, `http://${host}:${port}`, { allow_private: false });
    const { status, code } = await errorOf(`inside${index}/`);
    assert.deepEqual([status, code], [403, 'denied'], host);
  }
  assert.equal(upstream.asked.length, 0);
  const [record] = (await world.daemon.audit({ action: 'http.request' })).slice(-1);
  assert.equal(record?.outcome, 'denied');
});

test('metadata services and broker’s own ports are refused also where private addresses are allowed', async () => {
  await world.add('metadata', 'http://169.254.169.254');
  assert.equal((await errorOf('metadata/latest')).code, 'denied');
  await world.add('itself', world.daemon.http);
  assert.match((await errorOf('itself/health')).message, /broker's own/);
});

test('a port that speaks plain HTTP behind an https URL is told as such, with both ways out', async () => {
  await using upstream = await saying('in the clear');
  for (const at of [`https://127.0.0.1:${upstream.port}`, upstream.secure]) {
    await world.add('unencrypted', at);
    const { status, code, message, hint } = await errorOf('unencrypted/');
    assert.deepEqual([status, code], [502, 'upstream_tls']);
    assert.equal(message, 'unencrypted: the server does not speak TLS on this port');
    assert.match(
      hint ?? '',
      /broker service set unencrypted --base-url http:\/\/.* --allow-plaintext.*the port that speaks TLS$/,
    );
  }
  assert.equal(upstream.asked.length, 0);
});

test('a certificate that is not trusted, or is another host’s, is refused, unless it is not to be checked', async () => {
  const { other, wrongHost } = world.certificates;
  for (const pair of [other, wrongHost]) {
    await using upstream = await Upstream.start((_request, response) => void response.end('x'), pair);
    await world.add('tls', upstream.secure);
    const refused = await errorOf('tls/');
    assert.deepEqual([refused.status, refused.code], [502, 'upstream_tls']);
    await (await world.daemon.admin()).services.delete({ name: 'tls' });
    await world.add('tls', upstream.secure, { skip_verify: true });
    assert.equal((await world.ask('tls/')).statusCode, 200);
    await (await world.daemon.admin()).services.delete({ name: 'tls' });
  }
});

test('a WebSocket passes, with the credential and over a verified connection', async () => {
  await using upstream = await saying('no websocket', true);
  const sockets = new WebSocketServer({ server: upstream.server });
  sockets.on('connection', (socket, request) => {
    socket.send(String(request.headers.authorization));
    socket.on('message', (data) => socket.send(`echo ${String(data)}`));
  });
  await world.add('ws', `${upstream.secure}/live`);
  const socket = new WebSocket(`${world.daemon.http.replace('http', 'ws')}/proxy/ws/feed`, {
    headers: { 'x-broker-token': world.token },
  });
  const [first] = await once(socket, 'message');
  assert.equal(String(first), `Bearer ${CANARY}`);
  socket.send('hello');
  const [second] = await once(socket, 'message');
  assert.equal(String(second), 'echo hello');
  const closed = once(socket, 'close');
  socket.close(4_000, 'done');
  assert.equal((await closed)[0], 4_000);
  await using untrusted = await Upstream.start(() => undefined, world.certificates.other);
  await world.add('badws', untrusted.secure);
  const refused = new WebSocket(`${world.daemon.http.replace('http', 'ws')}/proxy/badws/feed`, {
    headers: { 'x-broker-token': world.token },
  });
  const [error] = await once(refused, 'error');
  assert.match(String(error), /502/);
  const records = (await world.daemon.audit({ action: 'http.request' })).filter(({ service }) => service === 'ws');
  assert.deepEqual(
    records.map(({ outcome, detail }) => [outcome, detail?.status]),
    [
      ['intent', undefined],
      ['ok', 101],
    ],
  );
});

test('redirects are passed on, and lead back through the proxy', async () => {
  let location = '';
  await using upstream = await Upstream.start((_request, response) => {
    response.writeHead(302, { Location: location }).end();
  });
  await world.add('moved', `${upstream.plain}/v1`);
  const through = async (given: string): Promise<unknown> => {
    location = given;
    const answer = await world.ask('moved/a/b');
    assert.equal(answer.statusCode, 302);
    await answer.body.dump();
    return answer.headers.location;
  };
  assert.equal(await through(`${upstream.plain}/v1/next?x=1#y`), '/proxy/moved/next?x=1#y');
  assert.equal(await through('/v1/next'), '/proxy/moved/next');
  assert.equal(await through('next'), '/proxy/moved/a/next');
  assert.equal(await through('../../other'), `${upstream.plain}/other`);
  assert.equal(await through('/v10/next'), `${upstream.plain}/v10/next`);
  assert.equal(await through('https://elsewhere.example/v1/x'), 'https://elsewhere.example/v1/x');
  assert.equal(await through('//elsewhere.example/x'), 'http://elsewhere.example/x');
});

test('paths go out as they came in, and what would leave the base path is refused', async () => {
  await using upstream = await saying('x');
  await world.add('raw', `${upstream.plain}/base`);
  const port = Number(new URL(world.daemon.http).port);
  const status = async (path: string): Promise<number> =>
    (await rawHttp(port, get(`/proxy/raw${path}`, 'Host: 127.0.0.1', `X-Broker-Token: ${world.token}`))).status;
  for (const path of ['', '/', '//', '//evil.example/', '/a%2Fb', '/a%3Fb', '/%25', '/x.', '/a?b=%2F..&&c', '?q']) {
    assert.equal(await status(path), 200, path);
    const { path: end } = { path: path === '' || path.startsWith('?') ? `/base${path}` : `/base${path}` };
    assert.equal(upstream.asked.at(-1)?.url, end);
  }
  const before = upstream.asked.length;
  for (const path of ['/..', '/%2e%2e/x', '/a/..%2f..%2fb', '/..;/x', '/%252e%252e/', '/a%0d%0ab'])
    assert.equal(await status(path), 400, path);
  assert.equal(upstream.asked.length, before);
});

test('credentials, forwarding, hop-by-hop and override headers of the client stay here', async () => {
  await using upstream = await saying('x');
  await world.add('clean', upstream.plain, {
    set_headers: ['X-Set: 1'],
    default_headers: ['X-Version: 7', 'X-Mine: 2'],
  });
  const sent = {
    'x-api-key': 'mine',
    'api-key': 'mine',
    cookie: 'a=b',
    via: '1.1 x',
    forwarded: 'for=1.2.3.4',
    'x-forwarded-for': '1.2.3.4',
    'x-real-ip': '1.2.3.4',
    'x-http-method-override': 'DELETE',
    'x-original-url': '/admin',
    'proxy-authorization': 'Basic eA==',
    'x-vault-token': 'x',
    te: 'trailers',
    'x-hop': 'mine',
    'x-set': 'mine',
    'x-mine': 'kept',
  };
  const port = Number(new URL(world.daemon.http).port);
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}`);
  const request = ['GET /proxy/clean/ HTTP/1.1', 'Host: localhost', `Authorization: Bearer ${world.token}`, ...lines];
  await rawHttp(port, `${[...request, 'Connection: close, X-Hop'].join('\r\n')}\r\n\r\n`);
  const headers = upstream.asked.at(-1)?.rawHeaders ?? [];
  const seen = Object.fromEntries(
    headers.flatMap((name, at) => (at % 2 ? [] : [[name.toLowerCase(), headers[at + 1]]])),
  );
  assert.deepEqual(seen, {
    host: `127.0.0.1:${upstream.port}`,
    connection: 'keep-alive',
    'x-mine': 'kept',
    'x-version': '7',
    'x-set': '1',
    authorization: `Bearer ${CANARY}`,
  });
});

test('who may not use a service hears that there is none, and a locked vault asks to come back later', async () => {
  const other = await HttpWorld.start();
  await using _ = other;
  await using upstream = await saying('x');
  await other.add('mine', upstream.plain);
  await other.add('theirs', upstream.plain);
  const token = await other.daemon.proxyToken('narrow', 'mine', ['http']);
  const ask = async (name: string, headers: Record<string, string>): Promise<Response> =>
    await fetch(`${other.daemon.http}/proxy/${name}/`, { headers });
  assert.equal((await ask('mine', { 'x-api-key': token })).status, 200);
  for (const name of ['theirs', 'nothing', 'Mine', '%6dine']) {
    const refused = await ask(name, { authorization: `Bearer ${token}` });
    assert.equal(refused.status, 404, name);
    assert.ok(!(await refused.text()).replace(/\b(no service) theirs/, '$1').includes('theirs'));
  }
  const none = await ask('mine', {});
  assert.deepEqual([none.status, none.headers.get('www-authenticate')?.startsWith('Bearer')], [401, true]);
  await (await other.daemon.admin()).tokens.revoke({ token: 'narrow' });
  assert.equal((await ask('mine', { 'x-api-key': token })).status, 401);
  await other.daemon.instance.daemon.lock();
  const locked = await ask('mine', { 'x-api-key': other.token });
  assert.equal(locked.status, 503);
  assert.ok(Number(locked.headers.get('retry-after')) > 0);
});

test('a new secret is used by the next request, and a session service is not for HTTP', async () => {
  await using upstream = await saying('x');
  await world.add('turning', upstream.plain);
  await (await world.ask('turning/')).body.dump();
  const admin = await world.daemon.admin();
  await admin.services.set({ name: 'turning', secrets: { token: Buffer.from('second-one') } });
  await (await world.ask('turning/')).body.dump();
  assert.deepEqual(
    upstream.asked.map(({ headers }) => headers.authorization),
    [`Bearer ${CANARY}`, 'Bearer second-one'],
  );
});

test('revoking a token breaks off what it has under way', async () => {
  await using upstream = await Upstream.start((_request, response) => void response.write('begun'));
  await world.add('long', upstream.plain);
  const token = await world.daemon.proxyToken('brief', 'long', ['http']);
  const { body } = await fetch(`${world.daemon.http}/proxy/long/`, { headers: { 'x-api-key': token } });
  const reader = body?.getReader();
  await reader?.read();
  await (await world.daemon.admin()).tokens.revoke({ token: 'brief' });
  await assert.rejects(Promise.resolve(reader?.read()));
});

test('a service has a port of its own where it asks for one, with /health there', async () => {
  await using upstream = await saying('own');
  const [port = 0] = await freePorts(1);
  await world.add('ported', `${upstream.plain}/v1`, { listen: `127.0.0.1:${port}` });
  const taken = await refusal(world.add('second', upstream.plain, { listen: `127.0.0.1:${port}` }), 'conflict');
  assert.equal(taken.message, `listen: 127.0.0.1:${port} is the port of ported already`);
  await world.add('ported', `${upstream.plain}/v1`, { listen: `127.0.0.1:${port}` });
  const address = `http://127.0.0.1:${port}`;
  assert.deepEqual(await (await fetch(`${address}/health`)).json(), { status: 'unlocked' });
  assert.equal((await fetch(`${address}/models`)).status, 401);
  const answer = await fetch(`${address}/models?a=b`, { headers: { 'x-api-key': world.token } });
  assert.equal(await answer.text(), 'own');
  assert.equal(upstream.asked.at(-1)?.url, '/v1/models?a=b');
  await world.add('looping', address);
  assert.match((await errorOf('looping/')).message, /broker's own/);
  await (await world.daemon.admin()).services.delete({ name: 'ported' });
  await assert.rejects(fetch(`${address}/health`));
});

test('a port that another program has is told with the service, and tried again by a test of it', async () => {
  const inTheWay = createServer().listen(0, '127.0.0.1');
  await once(inTheWay, 'listening');
  const { port } = inTheWay.address() as AddressInfo;
  await using upstream = await saying('own');
  await world.add('blocked', upstream.plain, { listen: `127.0.0.1:${port}` });
  const admin = await world.daemon.admin();
  const closed = `listen: cannot listen on 127.0.0.1:${port} (EADDRINUSE)`;
  assert.equal((await admin.services.get({ name: 'blocked' })).listenError, closed);
  const listed = (await admin.services.list({})).services.map(({ name, listenError }) => [name, listenError]);
  assert.deepEqual(
    listed.filter(([, listenError]) => listenError),
    [['blocked', closed]],
  );
  const bad = await admin.services.test({ name: 'blocked' });
  assert.deepEqual(bad.hops.at(-1), { name: 'listen', ok: false, detail: closed, took: bad.hops.at(-1)?.took });
  assert.deepEqual([bad.ok, bad.error], [false, `blocked: ${closed}`]);
  assert.match(bad.hint, /broker service test blocked; .*broker service set blocked --listen/);
  inTheWay.close();
  await once(inTheWay, 'close');
  assert.equal((await admin.services.test({ name: 'blocked' })).ok, true);
  assert.equal((await admin.services.get({ name: 'blocked' })).listenError, '');
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
  await admin.services.delete({ name: 'blocked' });
});

test('a jar keeps the cookies of the server, and the client neither sees them nor sends its own', async () => {
  await using upstream = await Upstream.start((request, response) => {
    response.setHeader('Set-Cookie', ['session=1; Path=/', 'theme=dark']);
    response.end(String(request.headers.cookie));
  });
  await world.add('jar', upstream.plain, { session_cookies: true, strip_response_headers: ['none'] });
  const first = await world.ask('jar/', { headers: ['Cookie', 'own=1'] });
  assert.equal(first.headers['set-cookie'], undefined);
  assert.equal(await first.body.text(), 'undefined');
  assert.equal(await (await world.ask('jar/')).body.text(), 'session=1; theme=dark');
});

test('testing a service says how far it gets: connection, certificate, and the credential where a path is named', async () => {
  await using upstream = await Upstream.start((request, response) => {
    response.writeHead(request.headers.authorization === `Bearer ${CANARY}` ? 200 : 401).end();
  }, world.certificates.server);
  const admin = await world.daemon.admin();
  await world.add('tested', upstream.secure, { test_path: '/me' });
  const good = await admin.services.test({ name: 'tested' });
  assert.deepEqual(
    good.hops.map(({ name, ok }) => [name, ok]),
    [
      ['dns', true],
      ['tcp', true],
      ['tls', true],
      ['auth', true],
    ],
  );
  await admin.services.set({ name: 'tested', secrets: { token: Buffer.from('wrong') } });
  const bad = await admin.services.test({ name: 'tested' });
  assert.equal(bad.ok, false);
  assert.match(bad.error, /answered with 401/);
});
