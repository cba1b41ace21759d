import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dial, formatHostPort } from '../../src/core/dial.ts';
import { BrokerError } from '../../src/core/errors.ts';

const pass = () => undefined;
const never = new AbortController().signal;

test('dials an address and a unix socket, and reports each hop', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'broker-dial-'));
  for (const path of [undefined, join(folder, 's')]) {
    const server = createServer((socket) => socket.end('hi'));
    server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
    await once(server, 'listening');
    const address = server.address();
    const target =
      typeof address === 'object' && address !== null
        ? { host: 'localhost', port: address.port }
        : { host: path ?? '', port: 0 };
    const hops: string[] = [];
    const { conn, address: dialled } = await dial(target, pass, (hop) => hops.push(hop), never);
    assert.equal(String(await conn.exactly(2, never)), 'hi');
    assert.deepEqual(hops, path === undefined ? ['dns', 'tcp'] : ['tcp']);
    assert.ok(path !== undefined || dialled.host !== 'localhost', 'the address that answered is what a cancel needs');
    conn.destroy();
    server.close();
  }
  await rm(folder, { recursive: true });
});

test('asks the guard about the resolved address before it is dialled', async () => {
  const asked: string[] = [];
  const guard = (address: string, port: number) => {
    asked.push(`${address} ${port}`);
    return new BrokerError('denied', 'not there');
  };
  await assert.rejects(dial({ host: '[::1]', port: 9 }, guard, pass, never), { code: 'denied' });
  assert.deepEqual(asked, ['::1 9']);
});

test('says which hop failed and how', async () => {
  await assert.rejects(dial({ host: '127.0.0.1', port: 1 }, pass, pass, never), {
    code: 'upstream_unreachable',
    hop: 'tcp',
    message: 'cannot connect to 127.0.0.1:1 (ECONNREFUSED)',
  });
  await assert.rejects(dial({ host: 'broker.invalid', port: 1 }, pass, pass, never), {
    code: 'upstream_unreachable',
    hop: 'dns',
  });
  await assert.rejects(dial({ host: '/nonexistent/s', port: 1 }, pass, pass, never), {
    message: 'cannot connect to /nonexistent/s (ENOENT)',
  });
});

test('an abort ends the wait for a resolver and for an address with its own reason', async () => {
  for (const host of ['broker.invalid', '127.0.0.1', '/nonexistent/s']) {
    const stop = new AbortController();
    const dialling = dial({ host, port: 1 }, pass, pass, stop.signal);
    stop.abort(new BrokerError('ended', 'revoked'));
    await assert.rejects(dialling, { code: 'ended', message: 'revoked' }, host);
  }
});

test('writes an IPv6 address in brackets', () => {
  assert.deepEqual(
    ['::1', '127.0.0.1', 'db', '/run/s'].map((host) => formatHostPort(host, 5)),
    ['[::1]:5', '127.0.0.1:5', 'db:5', '/run/s'],
  );
});
