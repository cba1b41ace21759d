import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { HttpWorld, Upstream } from '../../support/httpworld.ts';
import { struct } from '../../support/pgservice.ts';

let world: HttpWorld;
let upstream: Upstream;
let other: string;

before(async () => {
  world = await HttpWorld.start();
  other = await world.daemon.proxyToken('other', '*', ['http']);
  upstream = await Upstream.start((request, response) => {
    if (request.url?.startsWith('/login')) response.setHeader('Set-Cookie', ['sid=canary-cookie; Path=/', 'b=2']);
    response.end(JSON.stringify(request.headers.cookie ?? 'none'));
  });
});
after(async () => {
  await upstream[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

async function sent(path: string, headers: string[] = []): Promise<string> {
  const answer = await world.ask(path, { headers });
  assert.equal(answer.headers['set-cookie'], undefined);
  return JSON.parse(await answer.body.text());
}

async function sentByOther(path: string): Promise<string> {
  const headers = ['X-Broker-Token', other];
  const answer = await world.pool.request({ method: 'GET', path: `/proxy/${path}`, headers } as never);
  return JSON.parse(await answer.body.text());
}

test('cookies stay in broker: the client sees none, and its own do not go out', async () => {
  await world.add('site', upstream.plain, { session_cookies: 'service', strip_response_headers: ['x-none'] });
  assert.equal(await sent('site/login', ['Cookie', 'mine=1']), 'none');
  assert.equal(await sent('site/me', ['Cookie', 'mine=1', 'Cookie', 'sid=stolen']), 'sid=canary-cookie; b=2');
  assert.equal(await sentByOther('site/me'), 'sid=canary-cookie; b=2');
});

test('a WebSocket’s handshake brings the jar’s cookies along, and what its answer sets stays in the jar', async () => {
  await using chatty = await Upstream.start(
    (request, response) => void response.end(JSON.stringify(request.headers.cookie ?? 'none')),
  );
  const sockets = new WebSocketServer({ server: chatty.server });
  sockets.on('headers', (headers) => headers.push('Set-Cookie: ws=canary-cookie; Path=/', 'X-Beside: seen'));
  sockets.on('connection', (socket, request) => socket.send(request.headers.cookie ?? 'none'));
  await world.add('chat', chatty.plain, { session_cookies: 'service', strip_response_headers: ['x-none'] });
  for (const expected of ['none', 'ws=canary-cookie']) {
    const socket = new WebSocket(`${world.daemon.http.replace('http', 'ws')}/proxy/chat/x`, {
      headers: { 'x-broker-token': world.token, cookie: 'mine=1' },
    });
    const upgraded = once(socket, 'upgrade');
    const [message] = await once(socket, 'message');
    assert.equal(String(message), expected);
    const [{ headers }] = await upgraded;
    assert.deepEqual([headers['set-cookie'], headers['x-beside']], [undefined, 'seen']);
    socket.close();
    await once(socket, 'close');
  }
  assert.equal(await sent('chat/me'), 'ws=canary-cookie');
});

test('with a jar for each token, one token gets nothing of another’s session', async () => {
  await world.add('own', upstream.plain, { session_cookies: 'token' });
  await sent('own/login');
  assert.equal(await sent('own/me'), 'sid=canary-cookie; b=2');
  assert.equal(await sentByOther('own/me'), 'none');
});

test('without session_cookies none are kept', async () => {
  await world.add('plain', upstream.plain);
  await sent('plain/login');
  assert.equal(await sent('plain/me'), 'none');
});

test('names are listed, values never; clearing and a change of the service forget them', async () => {
  const admin = await world.daemon.admin();
  await world.add('kept', upstream.plain, { session_cookies: 'service' });
  const fill = async () => {
    await sent('kept/login');
    const { cookies } = await admin.services.listCookies({ name: 'kept' });
    assert.deepEqual(cookies.map(({ name }) => name).sort(), ['b', 'sid']);
    assert.doesNotMatch(JSON.stringify(cookies), /canary/);
  };
  await fill();
  assert.equal((await admin.services.clearCookies({ name: 'kept' })).cleared, 2);
  assert.equal(await sent('kept/me'), 'none');
  await fill();
  await admin.services.set({ name: 'kept', config: struct({ rate: 1_000 }) });
  assert.equal(await sent('kept/me'), 'none');
  const [record] = await world.daemon.audit({ action: 'service.clear_cookies' });
  assert.equal(record?.detail?.cookies, 2);
});
