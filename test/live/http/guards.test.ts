import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CANARY, HttpWorld, Upstream } from '../../support/httpworld.ts';
import { rawHttp } from '../../support/rawhttp.ts';
import { OK, RawUpstream } from '../../support/rawupstream.ts';

/* Refusals and limits of the proxy that nothing else would notice the lack of: each was taken out once, and this went red. */

let world: HttpWorld;
let port: number;

before(async () => {
  world = await HttpWorld.start();
  port = Number(new URL(world.daemon.http).port);
});
after(() => world[Symbol.asyncDispose]());

async function asked(path: string, options: Parameters<HttpWorld['ask']>[1] = {}) {
  const { statusCode, headers, body } = await world.ask(path, options);
  return { status: statusCode, code: headers['x-broker-error'], text: await body.text() };
}

function handshake(name: string, path = 'x', method = 'GET', ...lines: readonly string[]): string {
  const head = [`${method} /proxy/${name}/${path} HTTP/1.1`, 'Host: localhost', `X-Broker-Token: ${world.token}`];
  const websocket = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAA',
  ];
  return `${[...head, ...websocket, ...lines].join('\r\n')}\r\n\r\n`;
}

test('TRACE is refused, on a WebSocket’s way too, and never leaves', async () => {
  await using upstream = await RawUpstream.start();
  await world.add('traced', upstream.url);
  const lines = `Host: localhost\r\nX-Broker-Token: ${world.token}\r\nConnection: close\r\n\r\n`;
  const answer = await rawHttp(port, `TRACE /proxy/traced/x HTTP/1.1\r\n${lines}`);
  assert.deepEqual([answer.status, answer.headers['x-broker-error']], [400, 'invalid_argument']);
  for (const method of ['TRACE', 'POST', 'HEAD'])
    assert.equal((await rawHttp(port, handshake('traced', 'x', method))).status, 400, method);
  assert.equal(upstream.received, '');
});

test('a WebSocket is held to methods, paths and concurrency like any request', async () => {
  await using upstream = await RawUpstream.start(
    () => 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  );
  await world.add('narrow', upstream.url, { paths: ['/live/*'] });
  await world.add('posts', upstream.url, { methods: ['POST'] });
  for (const [name, path] of [
    ['narrow', 'dead'],
    ['narrow', 'live/a%2Fb'],
    ['posts', 'x'],
  ] as const) {
    const { status, headers } = await rawHttp(port, handshake(name, path));
    assert.deepEqual([status, headers['x-broker-error']], [403, 'denied'], `${name} ${path}`);
  }
  for (const path of ['live/..', '%2e%2e/x', 'live\\..\\x'])
    assert.equal((await rawHttp(port, handshake('narrow', path))).status, 400, path);
  assert.equal(upstream.received, '');
});

test('the answer that declines a WebSocket is searched, bounded, and not taken compressed', async () => {
  let answer = '';
  await using upstream = await RawUpstream.start((_received, socket) => {
    socket.end(Buffer.from(answer, 'latin1'));
    return undefined;
  });
  await world.add('declined', upstream.url);
  const declined = async (text: string) => {
    answer = text;
    return await rawHttp(port, handshake('declined'));
  };
  const echo = await declined(`HTTP/1.1 403 No\r\nX-A: ${CANARY}\r\n\r\nyou sent ${CANARY}`);
  assert.deepEqual([echo.status, echo.body], [403, `you sent ${'*'.repeat(CANARY.length)}`]);
  assert.ok(!echo.text.includes(CANARY));
  const packed = gzipSync(CANARY).toString('latin1');
  assert.equal((await declined(`HTTP/1.1 403 No\r\nContent-Encoding: gzip\r\n\r\n${packed}`)).status, 502);
  assert.equal((await declined(`HTTP/1.1 403 No\r\n\r\n${'x'.repeat(1024 * 1024 + 1)}`)).status, 502);
});

test('a client’s own field of the credential’s name is replaced, whatever its name is', async () => {
  await using upstream = await RawUpstream.start();
  await world.add('named', upstream.url, { header_name: 'X-Tenant-Key' }, 'header', { header_value: CANARY });
  await asked('named/', { headers: ['x-tenant-key', 'theirs', 'X-TENANT-KEY', 'again'] });
  const fields = upstream.received.match(/^x-tenant-key: .*$/gim);
  assert.deepEqual(fields, [`X-Tenant-Key: ${CANARY}`]);
});

test('a cookie that is set below a key in the URL goes back there, and no list shows the key', async () => {
  await using upstream = await RawUpstream.start(() => OK.replace('\r\n\r\n', '\r\nSet-Cookie: sid=1\r\n\r\n'));
  await world.add('keyed', `${upstream.url}/bot{token}`, { session_cookies: 'service' }, 'url', {
    token: 'canary-in-url',
  });
  await asked('keyed/a/b');
  await asked('keyed/a/c');
  assert.match(upstream.received, /GET \/botcanary-in-url\/a\/c [\s\S]*^cookie: sid=1\r$/im);
  const { cookies } = await (await world.daemon.admin()).services.listCookies({ name: 'keyed' });
  assert.equal(cookies.length, 1);
  assert.ok(!JSON.stringify(cookies).includes('canary-in-url'));
});

test('a 401 whose body never ends does not hold up the second try', async () => {
  let count = 0;
  await using upstream = await Upstream.start((_request, response) => {
    count += 1;
    if (count > 1) return void response.end('good');
    response.statusCode = 401;
    const more = (): boolean => !response.destroyed && response.write(Buffer.alloc(65_536), () => setImmediate(more));
    more();
  });
  const key = await signingKey();
  await world.add('endless', upstream.plain, { issuer: 'broker' }, 'jwt', { private_key: key });
  assert.equal((await asked('endless/')).text, 'good');
});

test('a body that has to be held to be signed is bounded', async () => {
  await using upstream = await RawUpstream.start();
  const fields = { access_key_id: 'AKIA', region: 'eu-central-1', service: 'dynamodb' };
  await world.add('signed', upstream.url, fields, 'aws_sigv4', { secret_access_key: CANARY });
  const body = Buffer.alloc(10 * 1024 * 1024 + 1);
  const answer = await asked('signed/', { method: 'POST', body }).catch(() => undefined);
  if (answer) assert.deepEqual([answer.status, answer.code], [413, 'too_large']);
  assert.equal(upstream.received, '');
});

test('a server that takes the connection and says nothing of TLS is a timeout', async () => {
  await using mute = await RawUpstream.start(() => undefined);
  await world.add('mute', mute.url.replace('http:', 'https:'), { connect_timeout: 1 });
  assert.equal((await asked('mute/')).code, 'upstream_timeout');
});

/** A proxy that says `text` to a CONNECT. */
async function proxying(
  text: string,
): Promise<AsyncDisposable & { readonly url: string; readonly closed: Promise<unknown> }> {
  let over: (value: unknown) => void = () => undefined;
  const closed = new Promise((resolve) => {
    over = resolve;
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', over);
    socket.once('data', () => socket.write(text, 'latin1'));
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    closed,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('what a proxy says besides yes is an error, and ends the connection to it', async () => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
  const cases: readonly (readonly [text: string, code: string])[] = [
    [`HTTP/1.1 407 Login\r\n\r\n${poison}`, 'upstream_refused'],
    [`HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n`, 'upstream_refused'],
    // Bytes behind the yes are nobody's answer to a request that was not sent yet.
    [`HTTP/1.1 200 Yes\r\n\r\n${poison}`, 'upstream_protocol'],
    [`HTTP/1.1 200 Yes\r\n${'X-A: 1\r\n'.repeat(200)}`, 'upstream_protocol'],
    ['SSH-2.0-OpenSSH\r\n\r\n', 'upstream_protocol'],
  ];
  for (const [index, [text, code]] of cases.entries()) {
    await using proxy = await proxying(text);
    await world.add(`proxied${index}`, 'http://127.0.0.1:9', { http_proxy: proxy.url, connect_timeout: 5 });
    const answer = await asked(`proxied${index}/`);
    assert.deepEqual([answer.status, answer.code], [502, code], text.slice(0, 40));
    assert.ok(!answer.text.includes('poison'));
    await proxy.closed;
  }
});

test('through a proxy, too, all addresses of the target’s name are judged', async () => {
  await using proxy = await proxying('HTTP/1.1 200 Yes\r\n\r\n');
  const real = dns.lookup;
  const found = [
    { address: '1.1.1.1', family: 4 },
    { address: '127.0.0.1', family: 4 },
  ];
  Object.assign(dns, {
    lookup: async (host: string) => (host === 'mixed.example' ? found : await real(host, { all: true })),
  });
  syncBuiltinESMExports();
  try {
    await world.add('mixed', 'http://mixed.example', { http_proxy: proxy.url, allow_private: false });
    assert.equal((await asked('mixed/')).code, 'denied');
  } finally {
    Object.assign(dns, { lookup: real });
    syncBuiltinESMExports();
  }
});

async function signingKey(): Promise<string> {
  const { generateKeyPairSync } = await import('node:crypto');
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
