import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Caller } from '../../../../src/daemon/caller.ts';
import type { Route } from '../../../../src/daemon/http/routes.ts';
import { get, parseAnswer, rawConnection, rawHttp } from '../../../support/rawhttp.ts';
import { password } from '../../vault/home.ts';
import { PROXY, plain } from '../tokenscene.ts';
import { stage } from './stage.ts';

/* The HTTP side's port, with routes of this test's own behind it. */

const HOST = 'Host: 127.0.0.1';
const say: Route['handle'] = (_request, response, { token }, rest) => void response.end(`${token?.name} at ${rest}`);
const THING: Route = { path: '/thing/', auth: 'token', handle: say };

test('a route that wants a token runs with the caller, and with the rest of the raw target', async (t) => {
  const { url, token } = await stage(t, [THING]);
  const answer = await fetch(`${url}/thing/a%2Fb?key=${token}&c=%20`, { headers: { 'x-api-key': token } });
  assert.deepEqual([answer.status, await answer.text()], [200, 'agent at a%2Fb?c=%20']);
});

test('no token, a wrong one and a foreign key are refused by words, on record, and with the way in', async (t) => {
  const { url, token, refused } = await stage(t, [THING]);
  const wrong = `${token.slice(0, -4)}AAAA`;
  for (const [headers, message] of [
    [{}, /^this needs a broker token$/],
    [{ 'x-api-key': 'sk-real' }, /^what came in x-api-key is not a broker token$/],
    [{ authorization: `Bearer ${wrong}` }, /^the token is not known/],
  ] as const) {
    const answer = await fetch(`${url}/thing/x`, { headers });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get('x-broker-error'), 'unauthenticated');
    assert.match(answer.headers.get('www-authenticate') ?? '', /Bearer realm="broker".*Basic realm="broker"/);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const { error } = (await answer.json()) as { error: Record<string, string> };
    assert.match(error.message ?? '', message);
    assert.ok(error.hint && error.code === 'unauthenticated');
  }
  assert.equal(refused.length, 3);
  assert.ok(refused.every((line) => line.startsWith(`/thing/ uid:${process.getuid?.()}: `)));
});

test('two different tokens are no caller', async (t) => {
  const { url, token, tokens } = await stage(t, [THING]);
  const other = plain((await tokens.create({ ...PROXY, name: 'other' })).token);
  const headers = { authorization: `Bearer ${token}`, 'x-api-key': other };
  assert.equal((await fetch(`${url}/thing/x`, { headers })).status, 400);
});

test('a token ends on a connection that it was good on: revoked, expired, or the vault locked', async (t) => {
  const { port, token, tokens, clock, vault } = await stage(t, [THING]);
  const socket = await rawConnection(port);
  t.after(() => socket.destroy());
  const ask = async (presented: string): Promise<number> => {
    socket.write(`GET /thing/x HTTP/1.1\r\n${HOST}\r\nX-Broker-Token: ${presented}\r\n\r\n`);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return parseAnswer(bytes.toString('latin1')).status;
  };
  const short = plain((await tokens.create({ ...PROXY, name: 'short', ttlMs: 1_000 })).token);
  assert.deepEqual([await ask(token), await ask(token), await ask(short)], [200, 200, 200]);
  clock.advance(1_001);
  assert.equal(await ask(short), 401);
  assert.equal(await ask(token), 200);
  vault.lock();
  assert.equal(await ask(token), 503);
  await vault.unlock(password(), 'test', AbortSignal.timeout(20_000));
  assert.equal(await ask(token), 200);
  await tokens.revoke('agent');
  assert.equal(await ask(token), 401);
});

test('a token that is bound to another uid is refused', async (t) => {
  const { url, tokens } = await stage(t, [THING]);
  const uid = process.getuid?.() ?? 0;
  for (const [boundUid, status] of [
    [uid, 200],
    [uid + 1, 401],
  ] as const) {
    const { token } = await tokens.create({ ...PROXY, name: `of-${boundUid}`, boundUid });
    assert.equal((await fetch(`${url}/thing/x`, { headers: { 'x-api-key': plain(token) } })).status, status);
  }
});

test('an admin route takes admins, and an open one takes nobody for anybody', async (t) => {
  const routes: Route[] = [
    { path: '/admin', auth: 'admin', handle: say },
    { path: '/open', auth: 'open', methods: ['GET'], handle: say },
  ];
  const { url, token, tokens } = await stage(t, routes);
  const admin = plain((await tokens.create({ name: 'root', scope: 'admin', grants: [] })).token);
  const ask = async (path: string, key: string): Promise<[number, string]> => {
    const answer = await fetch(url + path, { headers: { 'x-api-key': key } });
    return [answer.status, answer.headers.get('x-broker-error') ?? (await answer.text())];
  };
  assert.deepEqual(await ask('/admin', token), [403, 'denied']);
  assert.deepEqual(await ask('/admin', admin), [200, 'root at ']);
  assert.deepEqual(await ask('/open', admin), [200, 'undefined at ']);
  const posted = await fetch(`${url}/open`, { method: 'POST', body: 'x' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET']);
  assert.deepEqual(await ask('/nowhere', admin), [404, 'not_found']);
});

test('who calls is looked up once for each connection', async (t) => {
  const callers: Caller[] = [];
  const seen: Route = {
    path: '/seen',
    auth: 'token',
    handle: (_request, response, caller) => {
      callers.push(caller);
      response.end();
    },
  };
  const { port, token } = await stage(t, [seen]);
  const socket = await rawConnection(port);
  t.after(() => socket.destroy());
  for (let asked = 0; asked < 3; asked++) {
    socket.write(`GET /seen HTTP/1.1\r\n${HOST}\r\nX-Broker-Token: ${token}\r\n\r\n`);
    await once(socket, 'data');
  }
  assert.equal(callers.length, 3);
  assert.equal(callers[0]?.peer?.uid, process.getuid?.());
  assert.ok(callers.every((caller) => caller === callers[0]));
  assert.equal(callers[0]?.transport, 'http');
});

test('a page that had its name resolve to us gets nothing, whatever it knows', async (t) => {
  const { port, token } = await stage(t, [THING]);
  const key = `X-Broker-Token: ${token}`;
  for (const [head, status] of [
    [get('/thing/x', 'Host: evil.example', key), 403],
    [get('/thing/x', HOST, 'Origin: http://evil.example', key), 403],
    [get('/thing/x', HOST, 'Host: 127.0.0.1', key), 400],
    [get('/thing/x', key), 400],
    [get('http://evil.example/thing/x', HOST, key), 400],
    [get('http://127.0.0.1/thing/x', HOST, key), 400],
    [get('/thing/x', HOST, 'Origin: http://127.0.0.1', key), 200],
  ] as const)
    assert.equal((await rawHttp(port, head)).status, status, head);
});

test('a handler that throws answers with what may be told of it; after the head, the connection breaks', async (t) => {
  const routes: Route[] = [
    { path: '/early', auth: 'open', handle: () => Promise.reject(new Error('canary-early')) },
    {
      path: '/late',
      auth: 'open',
      handle: async (_request, response) => {
        response.writeHead(200, { 'Content-Length': 100 });
        response.write('half');
        throw new Error('canary-late');
      },
    },
    {
      path: '/chunked',
      auth: 'open',
      handle: async (_request, response) => {
        await new Promise((resolve) => response.write('half', resolve));
        throw new Error('canary-chunked');
      },
    },
  ];
  const { port, logged } = await stage(t, routes);
  const early = await rawHttp(port, get('/early', HOST));
  assert.equal(early.status, 500);
  const late = await rawHttp(port, get('/late', HOST));
  assert.equal(late.body.includes('error'), false);
  assert.equal(late.body.length < 100, true);
  const chunked = await rawHttp(port, get('/chunked', HOST));
  assert.match(chunked.text, /half\r\n$/);
  assert.doesNotMatch(early.text + late.text + chunked.text + logged.join(), /canary/);
  assert.equal(logged.length, 3);
});

test('a refusal is read also by who is still sending, and does not wait for all of it', async (t) => {
  const { port, url } = await stage(t, [THING]);
  const posted = await fetch(`${url}/thing/x`, { method: 'POST', body: Buffer.alloc(512 * 1024) });
  assert.equal(posted.status, 401);
  await posted.text();
  const socket = await rawConnection(port);
  socket.on('error', () => undefined);
  socket.write(`POST /thing/x HTTP/1.1\r\n${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')]);
  const pour = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', pour);
  const [answer] = (await Promise.all([once(socket, 'data'), Promise.resolve(pour())]))[0] as [Buffer];
  assert.equal(parseAnswer(answer.toString('latin1')).status, 401);
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
});

test('Expect: 100-continue is answered once the caller is known, and refused without a 100', async (t) => {
  const echo: Route = {
    path: '/echo',
    auth: 'token',
    handle: async (request, response) => {
      response.end(await text(request));
    },
  };
  const { port, token } = await stage(t, [echo]);
  const ask = (key: string) =>
    new Promise<{ continued: boolean; status: number | undefined; connection: string | undefined }>(
      (resolve, reject) => {
        let continued = false;
        const headers = { expect: '100-continue', 'content-length': 4, 'x-api-key': key };
        const call = httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/echo', headers });
        call.on('continue', () => {
          continued = true;
          call.end('body');
        });
        call.on('response', (response) => {
          response.resume();
          resolve({ continued, status: response.statusCode, connection: response.headers.connection });
          call.destroy();
        });
        call.on('error', reject);
        call.flushHeaders();
      },
    );
  assert.deepEqual(await ask(token), { continued: true, status: 200, connection: 'keep-alive' });
  assert.deepEqual(await ask('wrong'), { continued: false, status: 401, connection: 'close' });
});

test('an upgrade goes to the route that has one, with its caller; elsewhere it is refused', async (t) => {
  const upgradable: Route = {
    ...THING,
    upgrade: (_request, socket, head, { token }, rest) => {
      socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${token?.name} ${rest} ${head.toString()}`);
    },
  };
  const { port, token } = await stage(t, [upgradable, { path: '/plain', auth: 'token', handle: say }]);
  const ask = (path: string, key: string) =>
    rawHttp(
      port,
      `GET ${path} HTTP/1.1\r\n${HOST}\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX-Api-Key: ${key}\r\n\r\nfirst`,
    );
  const done = await ask('/thing/a%2F', token);
  assert.deepEqual([done.status, done.body], [101, 'agent a%2F first']);
  const refused = await ask('/thing/a', 'wrong');
  assert.deepEqual([refused.status, refused.headers['x-broker-error']], [401, 'unauthenticated']);
  assert.equal((await ask('/plain', token)).status, 400);
});

test('stopping lets an answer in progress end, and breaks off what does not', async (t) => {
  let release: (() => void) | undefined;
  const slow: Route = {
    path: '/slow',
    auth: 'open',
    handle: async (_request, response) => {
      response.write('begun');
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      response.end(' and ended');
    },
  };
  const { port, listener } = await stage(t, [slow]);
  const socket = await rawConnection(port);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(`GET /slow HTTP/1.1\r\n${HOST}\r\n\r\n`);
  await once(socket, 'data');
  const stopped = listener[Symbol.asyncDispose]();
  release?.();
  await Promise.all([stopped, once(socket, 'close')]);
  assert.match(Buffer.concat(chunks).toString('latin1'), /begun.* and ended/s);
  await assert.rejects(rawConnection(port), /ECONNREFUSED/);
});
