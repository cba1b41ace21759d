import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { freePorts } from '../../rig/port.ts';
import { Canary } from '../../support/canary.ts';
import { CANARY, HttpWorld, Upstream } from '../../support/httpworld.ts';
import { RawUpstream } from '../../support/rawupstream.ts';
import { refusal } from '../../support/refusal.ts';

/* Hostile names, redirects, cookies, configurations, issuers and WebSocket servers. */

let world: HttpWorld;

before(async () => {
  world = await HttpWorld.start();
});
after(() => world[Symbol.asyncDispose]());

async function codeOf(path: string): Promise<string> {
  const { headers, body } = await world.ask(path);
  await body.dump();
  return String(headers['x-broker-error']);
}

test('metadata services and broker’s own ports are out of reach in every spelling, with allow_private too', async () => {
  const metadata = ['169.254.169.254', '0xa9.254.169.254', '2852039166', '0251.0376.0251.0376', '169.254.43518'];
  const inSix = [
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a9fe:a9fe]',
    '[2002:a9fe:a9fe::]',
    '[fd00:ec2::254]',
    '[fe80::1]',
  ];
  const hosts = [...metadata, ...inSix, '100.100.100.200', '168.63.129.16', '0.0.0.0:80', '[::]:80'];
  for (const [index, host] of hosts.entries()) {
    await world.add(`meta${index}`, `http://${host}`);
    assert.equal(await codeOf(`meta${index}/`), 'denied', host);
  }
  const [own = 0] = await freePorts(1);
  await world.add('ported', 'http://127.0.0.1:9', { listen: `127.0.0.1:${own}` });
  const { httpPort = 0, port = 0 } = world.daemon.instance;
  for (const [index, each] of [httpPort, port, own].entries()) {
    for (const [at, host] of ['127.0.0.1', '127.0.0.2', 'localhost', '[::ffff:7f00:1]'].entries()) {
      await world.add(`own${index}${at}`, `http://${host}:${each}`);
      assert.equal(await codeOf(`own${index}${at}/`), 'denied', `${host}:${each}`);
      const through = { http_proxy: `http://${host}:${each}` };
      await world.add(`via${index}${at}`, 'http://127.0.0.1:9', through);
      assert.equal(await codeOf(`via${index}${at}/`), 'denied', `via ${host}:${each}`);
    }
  }
});

test('on a port of its own no Location becomes one that leads away', async () => {
  let location = '';
  await using upstream = await Upstream.start((_request, response) => {
    response.writeHead(302, { Location: location }).end();
  });
  const [port = 0] = await freePorts(1);
  await world.add('away', `${upstream.plain}/v1`, { listen: `127.0.0.1:${port}` });
  const own = `http://127.0.0.1:${port}`;
  for (const path of [
    '//evil.example/x',
    '/\\evil.example',
    '/\t/evil.example',
    '\\/evil.example',
    '///evil.example',
  ]) {
    location = `${upstream.plain}/v1${path}`;
    const answer = await fetch(`${own}/a`, { headers: { 'x-api-key': world.token }, redirect: 'manual' });
    const given = answer.headers.get('location') ?? '';
    assert.equal(new URL(given, own).host === 'evil.example', false, `${path}: ${given}`);
  }
  location = '/v1/next';
  const answer = await fetch(`${own}/a`, { headers: { 'x-api-key': world.token }, redirect: 'manual' });
  assert.equal(answer.headers.get('location'), '/next');
  location = 'https://elsewhere.example/latest';
  const before = upstream.asked.length;
  const passed = await world.ask('away/a');
  assert.equal(passed.headers.location, location);
  assert.equal(upstream.asked.length, before + 1);
});

test('a jar ends with its token and at lock, and there is one Cookie field, the configured cookies first', async () => {
  await using upstream = await Upstream.start((request, response) => {
    response.setHeader('Set-Cookie', ['sid=jar', 'more=1']);
    const fields = request.rawHeaders.filter((_, at, all) => at % 2 === 1 && all[at - 1]?.toLowerCase() === 'cookie');
    response.end(JSON.stringify(fields));
  });
  const admin = await world.daemon.admin();
  const asked = async (path: string, token = world.token): Promise<unknown> =>
    await (await fetch(`${world.daemon.http}/proxy/${path}`, { headers: { 'x-api-key': token } })).json();
  await world.add('pinned', upstream.plain, { session_cookies: 'service', set_headers: ['Cookie: sid=set; own=1'] });
  await asked('pinned/');
  assert.deepEqual(await asked('pinned/'), ['sid=set; own=1; more=1']);
  const named = { session_cookies: 'service', header_name: 'Cookie' };
  await world.add('credential', upstream.plain, named, 'header', { header_value: `sid=${CANARY}` });
  await asked('credential/');
  // The whole of the injected value is overwritten in the answer, its name too.
  assert.deepEqual(await asked('credential/'), [`${'*'.repeat(CANARY.length + 4)}; more=1`]);

  await world.add('each', upstream.plain, { session_cookies: 'token' });
  const brief = await world.daemon.proxyToken('jarred', 'each', ['http']);
  await asked('each/', brief);
  await asked('each/');
  assert.equal((await admin.services.listCookies({ name: 'each' })).cookies.length, 4);
  await admin.tokens.revoke({ token: 'jarred' });
  assert.equal((await admin.services.listCookies({ name: 'each' })).cookies.length, 2);
  const { jars } = world.daemon.instance.daemon;
  assert.equal(jars.list('pinned').length, 2);
  await world.daemon.instance.daemon.lock();
  assert.deepEqual([...jars.list('pinned'), ...jars.list('each')], []);
  await world.daemon.client().vault.unlock({ password: Buffer.from('correct horse battery') });
});

test('a configuration cannot write a header, another host or another path', async () => {
  const at = 'https://api.example.com';
  const bad: readonly (readonly [
    kind: string,
    base: string,
    fields: Record<string, unknown>,
    secrets: Record<string, string>,
  ])[] = [
    ['bearer', at, {}, { token: 'a\r\nX-Evil: 1' }],
    ['bearer', at, {}, { token: 'a\nb' }],
    ['bearer', at, { set_headers: ['X-A: 1\r\nX-Evil: 1'] }, { token: 'a' }],
    ['bearer', at, { default_headers: ['Host: evil'] }, { token: 'a' }],
    ['bearer', at, { set_headers: ['Transfer-Encoding: chunked'] }, { token: 'a' }],
    ['header', at, { header_name: 'X-A\r\nX-Evil' }, { header_value: 'a' }],
    ['header', at, { header_name: 'X-A' }, { header_value: 'a\r\nX-Evil: 1' }],
    ['header', at, { header_name: 'X-A' }, { header_value: 'a\0' }],
    ['header', at, { header_name: 'X-A', header_prefix: 'a\r\nb' }, { header_value: 'a' }],
    ['header', at, { header_name: 'Content-Length' }, { header_value: '0' }],
    ['basic', at, { username: 'a:b' }, { password: 'a' }],
    ['bearer', 'https://user:pw@api.example.com', {}, { token: 'a' }],
    ['bearer', 'https://api.example.com\\@evil.example', {}, { token: 'a' }],
    ['bearer', 'https://api.example.com/a\u0001', {}, { token: 'a' }],
    ['bearer', 'https://api.example.com/a\r\nX: 1', {}, { token: 'a' }],
    ['bearer', 'https://api.example.com/a/%2e%2e/b', {}, { token: 'a' }],
    ['bearer', at, { http_proxy: 'http://127.0.0.1:3128', http_proxy_user: 'a:b' }, { token: 'a' }],
    ['query', at, { query_name: 'a=b&c' }, { query_value: 'a' }],
    ['url', `${at}/bot/{token}/x`, {}, { token: '..' }],
    ['url', `${at}/bot/{token}/x`, {}, { token: '%2e%2e' }],
    ['url', `${at}/bot{token}/x`, {}, { token: 'a/../../b' }],
    ['url', `${at}/.{token}/x`, {}, { token: '.' }],
    ['url', 'https://{token}.example.com/x', {}, { token: 'evil' }],
  ];
  for (const [kind, base, fields, secrets] of bad)
    await refusal(world.add('bad', base, fields, kind, secrets), 'invalid_argument').catch((error: unknown) => {
      throw new Error(`${kind} ${base} ${JSON.stringify(fields)} ${JSON.stringify(secrets)} was taken`, {
        cause: error,
      });
    });
  await using upstream = await RawUpstream.start();
  const token = 'a/b//@evil.example/?#;\\ ü';
  await world.add('escaped', `${upstream.url}/bot{token}/x`, {}, 'url', { token });
  await (await world.ask('escaped/me?q=1')).body.dump();
  assert.deepEqual(upstream.requests, [`GET /bot${encodeURIComponent(token)}/x/me?q=1 HTTP/1.1`]);
});

test('a WebSocket: no page’s Origin, the subprotocol kept, nothing leaked in the 101, and no silence for ever', async () => {
  const accept = (protocol: string) =>
    `HTTP/1.1 101 ${CANARY}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n${protocol}X-Echo: Bearer ${CANARY}\r\nSet-Cookie: a=${encodeURIComponent(CANARY)}\r\n\r\n`;
  const { createHash } = await import('node:crypto');
  await using upstream = await RawUpstream.start((received) => {
    if (!received.includes('\r\n\r\n') || received.includes('/mute')) return undefined;
    const key = /sec-websocket-key: *(\S+)/i.exec(received)?.[1] ?? '';
    const sum = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    return accept('Sec-WebSocket-Protocol: chat.v2\r\n').replace('ACCEPT', sum);
  });
  await world.add('live', upstream.url, { header_timeout: 1, idle_timeout: 1, strip_response_headers: ['none'] });
  const open = (path: string, headers: Record<string, string> = {}) =>
    new WebSocket(`${world.daemon.http.replace('http', 'ws')}/proxy/live/${path}`, ['chat.v1', 'chat.v2'], {
      headers: { 'x-broker-token': world.token, ...headers },
    });
  const [foreign] = await once(open('x', { origin: 'https://evil.example' }), 'error');
  assert.match(String(foreign), /403/);
  assert.equal(upstream.received, '');
  const [mute] = await once(open('mute'), 'error');
  assert.match(String(mute), /504/);
  const socket = open('x');
  const canary = new Canary();
  canary.secret('credential', CANARY);
  socket.once('upgrade', (answer) => canary.saw('101', `${answer.statusMessage} ${answer.rawHeaders.join('\n')}`));
  await once(socket, 'open');
  assert.equal(socket.protocol, 'chat.v2');
  assert.deepEqual(canary.leaks(), []);
  assert.equal((await once(socket, 'close'))[0], 1_006);
  const broken = open('x');
  await once(broken, 'open');
  const closed = once(broken, 'close');
  for (const each of upstream.sockets) each.resetAndDestroy();
  await closed;
  const last = (await world.daemon.audit({ action: 'http.request' })).filter(({ service }) => service === 'live');
  assert.ok(last.some(({ code }) => code === 'upstream_timeout'));
});
