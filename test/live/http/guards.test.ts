import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CANARY, HttpWorld, Upstream } from '../../support/httpworld.ts';
import { rawConnection, rawHttp } from '../../support/rawhttp.ts';
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
  const control = await declined('HTTP/1.1 403 N\0o\r\nContent-Length: 0\r\n\r\n');
  assert.deepEqual([control.status, control.text.includes('\0')], [502, false]);
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

test('whoever used a service before opens it to nobody else: each token is decided for itself', async () => {
  await using upstream = await RawUpstream.start();
  await world.add('decided', upstream.url);
  const admin = await world.daemon.admin();
  const grants = [{ services: 'decided', actions: ['http'], limits: { paths: ['/only'] } }];
  const narrow = (await admin.tokens.create({ name: 'narrow', scope: 'proxy', grants })).text;
  const other = await world.daemon.proxyToken('elsewhere', 'something-else', ['http']);
  const as = async (token: string, path: string): Promise<number> => {
    const answer = await fetch(`${world.daemon.http}/proxy/decided/${path}`, { headers: { 'x-api-key': token } });
    await answer.text();
    return answer.status;
  };
  assert.equal(await as(world.token, 'all'), 200);
  assert.deepEqual([await as(narrow, 'all'), await as(narrow, 'only'), await as(other, 'all')], [403, 200, 404]);
  assert.equal(await as(world.token, 'all'), 200);
});

test('a changed service’s next request goes where it points now, with a request to the old place under way', async () => {
  const [before, later] = [await RawUpstream.start(() => undefined), await RawUpstream.start()];
  try {
    await world.add('moved', before.url);
    const held = world.ask('moved/held').catch(() => undefined);
    while (!before.received.includes('/held')) await new Promise((resolve) => setImmediate(resolve));
    await world.add('moved', later.url, {}, 'bearer', { token: 'canary-for-the-new-place' });
    assert.equal((await asked('moved/next')).text, 'ok');
    assert.match(later.received, /canary-for-the-new-place/);
    assert.doesNotMatch(before.received, /canary-for-the-new-place/);
    for (const socket of before.sockets) socket.destroy();
    await (await held)?.body.dump();
  } finally {
    await before[Symbol.asyncDispose]();
    await later[Symbol.asyncDispose]();
  }
});

test('no query gets on record or into the log, refused or not', async () => {
  await using upstream = await RawUpstream.start();
  await world.add('queried', upstream.url, { paths: ['/good'] });
  for (const path of ['good', 'bad', '%2e%2e/good']) await asked(`queried/${path}?password=canary-in-query`);
  await rawHttp(port, handshake('queried', 'bad?password=canary-in-query'));
  const records = JSON.stringify(await world.daemon.audit());
  assert.match(records, /queried/);
  assert.doesNotMatch(records + world.daemon.log.join(''), /canary-in-query/);
});

test('trailers are held to what headers are, and the 101 of a WebSocket fills the jar', async () => {
  const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\n';
  const late = `X-Sum: ${CANARY}\r\nSet-Cookie: a=1\r\nX-Broker-Error: denied\r\nAlt-Svc: x\r\n\r\n`;
  const switched = 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSet-Cookie: sid=1\r\n\r\n';
  await using upstream = await RawUpstream.start((received, socket) => {
    if (!received.startsWith('GET /x')) return chunks + late;
    setImmediate(() => socket.end());
    return switched;
  });
  await world.add('late', upstream.url, { session_cookies: 'service' });
  const head = `GET /proxy/late/y HTTP/1.1\r\nHost: localhost\r\nX-Broker-Token: ${world.token}\r\nConnection: close\r\n\r\n`;
  const { body } = await rawHttp(port, head);
  assert.equal(body, `2\r\nok\r\n0\r\nX-Sum: ${'*'.repeat(CANARY.length)}\r\n\r\n`);
  assert.doesNotMatch((await rawHttp(port, handshake('late'))).text, /set-cookie/i);
  await rawHttp(port, head);
  assert.match(upstream.received, /^cookie: sid=1\r$/im);
});

test('an upload that its client breaks off does not end for the server as if it were whole', async () => {
  await using upstream = await RawUpstream.start(() => undefined);
  await world.add('cut', upstream.url);
  const socket = await rawConnection(port);
  const lines = ['Host: localhost', `X-Broker-Token: ${world.token}`, 'Transfer-Encoding: chunked'];
  socket.write(`POST /proxy/cut/x HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n4\r\nhalf\r\n`);
  while (!upstream.received.includes('half')) await new Promise((resolve) => setImmediate(resolve));
  const [server] = upstream.sockets;
  const closed = new Promise((resolve) => server?.once('close', resolve));
  socket.destroy();
  await closed;
  assert.doesNotMatch(upstream.received, /half\r\n0\r\n/);
});

async function signingKey(): Promise<string> {
  const { generateKeyPairSync } = await import('node:crypto');
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
