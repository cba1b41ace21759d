import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { TestDaemon } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';
import { refusal } from '../../support/refusal.ts';
import { rig } from '../../support/rig.ts';

/* Where the HTTP side listens, and what of it can be seen without a token. */

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-http-'));
});

after(() => rm(folder, { recursive: true, force: true }));

test('health says that the daemon runs, ready that it can do its work, and neither needs a token', async () => {
  await using daemon = await TestDaemon.start({ initialized: false });
  const ask = async (path: string): Promise<[number, unknown, string | null]> => {
    const answer = await fetch(daemon.http + path);
    return [answer.status, await answer.json(), answer.headers.get('retry-after')];
  };
  const absent = { code: 'locked', message: 'there is no vault yet', hint: 'to create one: broker up' };
  assert.deepEqual(await ask('/health'), [200, { status: 'absent' }, null]);
  assert.deepEqual(await ask('/ready'), [503, { error: absent }, '5']);
  await daemon.client().vault.initialize({ password: Buffer.from('correct horse battery') });
  assert.deepEqual(await ask('/ready'), [200, { ready: true }, null]);
  await daemon.instance.daemon.lock();
  assert.deepEqual(await ask('/health'), [200, { status: 'locked' }, null]);
  assert.equal((await ask('/ready'))[0], 503);
  assert.equal((await fetch(`${daemon.http}/health`, { method: 'HEAD' })).status, 200);
});

test('the daemon says where it listens, and "off" is nowhere', async () => {
  await using daemon = await TestDaemon.start();
  assert.equal((await daemon.client().vault.status({})).http, daemon.http);
  await using none = await TestDaemon.start({ flags: { http: 'off' } });
  assert.equal(none.instance.httpPort, undefined);
  assert.equal((await none.client().vault.status({})).http, '');
});

test('a port that is taken is a conflict that says what to do, and leaves nothing behind', async () => {
  await using daemon = await TestDaemon.start();
  const home = join(folder, 'late');
  const start = TestDaemon.start({ home, flags: { http: `127.0.0.1:${daemon.instance.httpPort}` } });
  const error = await refusal(start, 'conflict');
  assert.match(`${error.message} ${error.hint}`, /EADDRINUSE.*--http ADDR; none: --http off/);
  await using second = await TestDaemon.start({ home });
  assert.ok(second.instance.httpPort);
  await refusal(TestDaemon.start({ flags: { http: '127.0.0.1' } }), 'invalid_argument');
});

test('no service can be pointed at it', async () => {
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  const config = struct({ host: '127.0.0.1', port: daemon.instance.httpPort ?? 0 });
  await admin.services.put({ name: 'loop', kind: 'redis', config });
  const error = await refusal(admin.sessions.open({ service: 'loop' }), 'denied');
  assert.match(error.message, /is broker's own/);
});

test('beyond loopback there is no listening without TLS', async () => {
  for (const http of ['0.0.0.0:0', '[::]:0', 'example.test:0'])
    assert.match((await refusal(TestDaemon.start({ flags: { http } }), 'invalid_argument')).message, /--http.*clear/);
});

test('beyond loopback it speaks TLS, demands client certificates where it is told to, and loopback stays plain', async () => {
  const { server, ca, client } = rig().tls;
  const tls = { 'tls-cert': server.certFile, 'tls-key': server.keyFile, 'client-ca': ca.certFile };
  await using plain = await TestDaemon.start({ flags: tls });
  assert.equal((await fetch(`${plain.http}/health`)).status, 200);
  await using daemon = await TestDaemon.start({ flags: { ...tls, http: '0.0.0.0:0' } });
  const port = daemon.instance.httpPort ?? 0;
  assert.equal((await daemon.client().vault.status({})).http, `https://0.0.0.0:${port}`);
  const ask = (options: object): Promise<[number | undefined, unknown]> =>
    new Promise((resolve, reject) => {
      const trust = { ca: readFileSync(ca.certFile), servername: 'localhost' };
      const call = tlsRequest({ host: '127.0.0.1', port, path: '/health', ...trust, ...options }, (response) =>
        json(response).then((body) => resolve([response.statusCode, body]), reject),
      );
      call.on('error', reject).end();
    });
  const own = { cert: readFileSync(client.certFile), key: readFileSync(client.keyFile) };
  assert.deepEqual(await ask(own), [200, { status: 'unlocked' }]);
  assert.equal((await ask({ ...own, headers: { host: 'evil.example' } }))[0], 403);
  await assert.rejects(ask({}));
});

test('on a unix socket it is as private as the control socket', async () => {
  const path = join(folder, 'http.sock');
  await using daemon = await TestDaemon.start({ flags: { http: `unix:${path}` } });
  assert.equal((statSync(path).mode & 0o777).toString(8), '600');
  assert.equal((await daemon.client().vault.status({})).http, `unix:${path}`);
  const status = await new Promise((resolve, reject) => {
    const call = request({ socketPath: path, path: '/health', headers: { host: 'broker' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('error', reject).end();
  });
  assert.equal(status, 200);
});
