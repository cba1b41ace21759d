import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { after, before, test } from 'node:test';
import { CANARY, HttpWorld, Upstream } from '../../support/httpworld.ts';

/* Services that are reached through a proxy. */

let world: HttpWorld;

before(async () => {
  world = await HttpWorld.start();
});
after(() => world[Symbol.asyncDispose]());

const through = (): Promise<Upstream> =>
  Upstream.start((_request, response) => void response.end('through'), world.certificates.server);

/** A proxy that leads to `port` whatever is asked for; `asked` are the heads of the requests. */
async function proxyTo(port: number): Promise<{ readonly asked: string[]; readonly url: string; close(): void }> {
  const asked: string[] = [];
  const proxy = createServer((client) => {
    client.on('error', () => client.destroy());
    client.once('data', (head: Buffer) => {
      asked.push(head.toString());
      const there = dial(port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n');
        client.pipe(there).pipe(client);
      });
      there.on('error', () => client.destroy());
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return { asked, url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, close: () => proxy.close() };
}

test('an upstream proxy gets a CONNECT with its own credentials, and the tunnel is used again', async () => {
  await using upstream = await through();
  const proxy = await proxyTo(upstream.port);
  const { asked } = proxy;
  const via = { http_proxy: proxy.url, http_proxy_user: 'me' };
  await world.add('far', upstream.secure, via, 'bearer', { token: CANARY, http_proxy_password: 'pw' });
  for (const _ of [1, 2, 3]) assert.equal(await (await world.ask('far/')).body.text(), 'through');
  assert.equal(asked.length, 1);
  const login = Buffer.from('me:pw').toString('base64');
  assert.equal(
    asked[0],
    `CONNECT localhost:${upstream.port} HTTP/1.1\r\nHost: localhost:${upstream.port}\r\nProxy-Authorization: Basic ${login}\r\n\r\n`,
  );
  await world.add('near', upstream.secure, { ...via, allow_private: false });
  assert.equal((await world.ask('near/')).headers['x-broker-error'], 'denied');
  proxy.close();
  await (await world.daemon.admin()).services.delete({ name: 'far' });
});

test('a caller that leaves takes nothing of the way through the proxy from those who still use it', async () => {
  await using upstream = await through();
  const proxy = await proxyTo(upstream.port);
  const via = { http_proxy: proxy.url, http_proxy_user: 'me' };
  await world.add('shared', upstream.secure, via, 'bearer', { token: CANARY, http_proxy_password: 'pw' });
  // The connections are made with what the first caller was let in with.
  const first = await world.daemon.proxyToken('first', 'shared', ['http']);
  const asked = await fetch(`${world.daemon.http}/proxy/shared/`, { headers: { 'x-api-key': first } });
  assert.equal(await asked.text(), 'through');
  assert.equal(await (await world.ask('shared/')).body.text(), 'through');
  const admin = await world.daemon.admin();
  await admin.tokens.revoke({ token: 'first' });
  const closed = [...upstream.sockets].map((socket) => once(socket, 'close'));
  for (const socket of upstream.sockets) socket.destroy();
  await Promise.all(closed);
  assert.equal(await (await world.ask('shared/')).body.text(), 'through');
  assert.equal(proxy.asked.length, 2);
  assert.equal(proxy.asked[1], proxy.asked[0]);
  proxy.close();
  await admin.services.delete({ name: 'shared' });
});
