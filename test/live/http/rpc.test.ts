import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { PgServer } from '../../fakes/pgserver.ts';
import { MASTER, TestDaemon } from '../../support/daemon.ts';
import { fakePostgres } from '../../support/pgservice.ts';
import { rawConnection } from '../../support/rawhttp.ts';
import { refusal } from '../../support/refusal.ts';
import { otherUid, postAs } from '../../support/user.ts';

/* The control API as JSON. Who may call what is in api/access.test.ts, the mapping itself in unit/daemon/http/rpc. */

let server: PgServer;
let daemon: TestDaemon;
let admin: string;

before(async () => {
  server = await PgServer.start('app password');
  daemon = await TestDaemon.start();
  admin = await daemon.adminToken();
  await (await daemon.admin()).services.put(fakePostgres('mine', server));
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

function post(
  method: string,
  body: string | Buffer,
  token = admin,
  headers: Record<string, string> = {},
): Promise<Response> {
  const auth: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  return fetch(`${daemon.http}/rpc/broker.v1.${method}`, { method: 'POST', body, headers: { ...auth, ...headers } });
}

test('what curl sends and gets: plain JSON, both spellings of a name, an empty body', async () => {
  const opened = await post(
    'Sessions/Open',
    JSON.stringify({ service: 'mine', accept_timeout: '5s', idleTimeout: '60s' }),
  );
  assert.equal(opened.headers.get('content-type'), 'application/json');
  assert.equal(opened.headers.get('cache-control'), 'no-store');
  const session = (await opened.json()) as {
    id: string;
    port: number;
    state: string;
    acceptUntil: string;
    bytesUp: string;
  };
  assert.equal(session.state, 'STATE_WAITING');
  assert.ok(session.port > 0 && session.bytesUp === '0');
  assert.ok(Date.parse(session.acceptUntil) > Date.now());
  const closed = await post('Sessions/Close', JSON.stringify({ id: session.id }));
  assert.equal(((await closed.json()) as { endReason: string }).endReason, 'closed');
  const listed = await post('Services/List', '');
  assert.equal(((await listed.json()) as { services: object[] }).services.length, 1);
});

test('a service made over HTTP is the one that gRPC shows, and its secret comes back from neither', async () => {
  const config = { host: '127.0.0.1', port: server.port, user: 'u', tls: 'disable', min_auth: 'md5' };
  const secrets = { password: Buffer.from('canary-password').toString('base64') };
  const put = await post('Services/Put', JSON.stringify({ name: 'made', kind: 'postgres', config, secrets }));
  const text = await put.text();
  assert.equal(put.status, 200, text);
  const service = JSON.parse(text) as { config: typeof config; secretsSet: string[]; createdAt: string };
  assert.equal(service.config.port, server.port);
  assert.deepEqual(service.secretsSet, ['password']);
  assert.match(service.createdAt, /^\d{4}-.*Z$/);
  assert.doesNotMatch(text, /canary|Y2FuYXJ5/);
  assert.equal(
    (await (await daemon.admin()).services.get({ name: 'made' })).target,
    `PostgreSQL at 127.0.0.1:${server.port}`,
  );
});

test('errors have their code, hint and status, and a call that failed is on record as one over http', async () => {
  const missing = await post('Services/Get', '{"name":"nothing"}', await daemon.proxyToken('lost', 'mine'));
  assert.deepEqual([missing.status, missing.headers.get('x-broker-error')], [404, 'not_found']);
  const { error } = (await missing.json()) as { error: { code: string; hint: string } };
  assert.equal(error.code, 'not_found');
  assert.match(error.hint, /you may use: mine/);
  const records = await daemon.audit({ action: 'service.get' });
  assert.deepEqual(
    records.map(({ caller }) => [caller.transport, caller.uid]),
    [['http', process.getuid?.()]],
  );
  const put = await post('Services/Put', '{"name":"x","kind":"postgres","config":{"hots":"h"}}');
  assert.deepEqual([put.status, /hots/.test(await put.text())], [400, true]);
});

test('a stream is a line of JSON for each message, and its failure the last line', async () => {
  const backup = await post('Vault/Backup', '{}');
  assert.equal(backup.headers.get('content-type'), 'application/x-ndjson');
  const lines = (await backup.text()).trimEnd().split('\n');
  const bytes = Buffer.concat(lines.map((line) => Buffer.from((JSON.parse(line) as { data: string }).data, 'base64')));
  assert.equal(bytes.subarray(0, 8).toString(), 'BRKVAULT');
  const refused = await post('Audit/Query', '{}', await daemon.proxyToken('nosy'));
  assert.equal(refused.status, 403);
});

test('a stream tells as it goes, ends for the daemon when the client leaves, and says why when the token ends', async () => {
  const token = await daemon.proxyToken('watcher', 'mine');
  const leaving = new AbortController();
  const watch = (signal: AbortSignal) =>
    fetch(`${daemon.http}/rpc/broker.v1.Sessions/Watch`, { method: 'POST', headers: { 'x-api-key': token }, signal });
  // Answers with its head though there is nothing to tell yet.
  const left = await watch(leaving.signal);
  const agent = daemon.tcp(token);
  const { id } = await agent.sessions.open({ service: 'mine' });
  const reader = left.body?.getReader();
  const first = await reader?.read();
  assert.equal((JSON.parse(Buffer.from(first?.value ?? []).toString()) as { id: string }).id, id);
  leaving.abort();
  await assert.rejects(reader?.read() ?? Promise.resolve(), { name: 'AbortError' });
  await agent.sessions.close({ id });
});

test('who is on the other end is the kernel’s word, whatever the way in', async () => {
  const bound = await (await daemon.admin()).tokens.create({
    name: 'bound',
    scope: 'proxy',
    grants: [{ services: '*', actions: ['open'] }],
  });
  assert.equal((await post('Services/List', '{}', bound.text)).status, 200);
  const free = await (await daemon.admin()).tokens.create({
    name: 'free',
    scope: 'proxy',
    grants: [{ services: '*', actions: ['open'] }],
    anyUid: true,
  });
  const url = `${daemon.http}/rpc/broker.v1.Services/List`;
  assert.equal(await postAs(otherUid(), url, bound.text), 401);
  assert.equal(await postAs(otherUid(), url, free.text), 200);
  const refused = (await daemon.audit({ action: 'rpc.refuse' })).find(({ caller }) => caller.uid === otherUid());
  assert.equal(refused?.caller.transport, 'http');
});

test('elevation over HTTP is for the user who asked, and its token is worth nothing after the lock', async () => {
  const asked = await post('Vault/Elevate', JSON.stringify({ password: Buffer.from(MASTER).toString('base64') }), '');
  const { token } = (await asked.json()) as { token: string };
  assert.equal((await post('Audit/Verify', '', token)).status, 200);
  const wrong = await post(
    'Vault/Elevate',
    JSON.stringify({ password: Buffer.from('wrong one').toString('base64') }),
    '',
  );
  assert.equal(wrong.status, 403);
  await daemon.instance.daemon.lock();
  const locked = await post('Audit/Verify', '', token);
  assert.deepEqual([locked.status, locked.headers.get('retry-after')], [503, '5']);
  await daemon.client().vault.unlock({ password: Buffer.from(MASTER) });
  assert.equal((await post('Audit/Verify', '', token)).status, 401);
  assert.equal((await post('Audit/Verify', '')).status, 200);
});

test('only the socket has an owner: over HTTP the daemon’s own user is anybody', async () => {
  for (const method of ['Daemon/Shutdown', 'Audit/Query']) assert.equal((await post(method, '{}', '')).status, 401);
  await refusal(daemon.tcp().daemon.shutdown({}), 'unauthenticated');
});

test('bodies that are not JSON, not ours, or too large are refused in words without a word of theirs', async () => {
  const big = JSON.stringify({ service: 'x'.repeat(1024 * 1024) });
  for (const [body, headers, status] of [
    ['canary', {}, 400],
    ['{"service":"canary"', {}, 400],
    [Buffer.from([0x22, 0xff, 0x22]), {}, 400],
    ['[]', {}, 400],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, {}, 400],
    [big, {}, 413],
    ['{}', { 'content-type': 'application/json', 'content-encoding': 'gzip' }, 415],
  ] as const) {
    const answer = await post('Sessions/Open', body, admin, headers);
    const text = await answer.text();
    assert.equal(answer.status, status, text);
    assert.doesNotMatch(text, /canary/);
  }
  assert.equal((await fetch(`${daemon.http}/rpc/broker.v1.Vault/Status`)).status, 405);
  for (const path of [
    'broker.v1.Vault/status',
    'broker.v1.Vault/Status/',
    'broker.v2.Vault/Status',
    'grpc.health.v1.Health/Check',
  ])
    assert.equal((await fetch(`${daemon.http}/rpc/${path}`, { method: 'POST' })).status, 404);
});

test('a call whose client is gone is cancelled', async () => {
  const socket = await rawConnection(daemon.instance.httpPort ?? 0);
  const head = [
    'POST /rpc/broker.v1.Audit/Query HTTP/1.1',
    'Host: 127.0.0.1',
    `X-Broker-Token: ${admin}`,
    'Content-Length: 15',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n{"follow":true}`);
  await once(socket, 'data');
  const cancelled = new Promise<void>((resolve) => {
    const look = setInterval(() => {
      if (!daemon.log.some((line) => line.includes('Audit/Query') && line.includes('cancelled'))) return;
      clearInterval(look);
      resolve();
    }, 10);
  });
  socket.destroy();
  await cancelled;
});
