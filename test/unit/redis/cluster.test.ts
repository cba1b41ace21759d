import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { RedisServer } from '../../fakes/redis.ts';
import { command, openLease, RawRedis, transcript } from '../../support/redis.ts';

/* Redirects of Cluster and Sentinel are out of scope (docs/kinds/redis.md): what happens to them. */

test('MOVED, ASK and the addresses of other nodes reach the client as the server writes them', async () => {
  await using server = await RedisServer.start();
  const moved = '-MOVED 3999 192.0.2.7:6381\r\n';
  const slots = '*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n192.0.2.7\r\n:6381\r\n';
  const sentinel = '*2\r\n$9\r\n192.0.2.7\r\n$4\r\n6381\r\n';
  server.answers.set('get', moved).set('set', '-ASK 3999 192.0.2.7:6381\r\n');
  server.answers.set('cluster', slots).set('sentinel', sentinel).set('asking', '+OK\r\n');
  await using lease = await openLease(server.config());
  const said = await transcript(
    lease.port,
    command('GET', 'k'),
    command('SET', 'k', 'v'),
    command('ASKING'),
    command('CLUSTER', 'SLOTS'),
    command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster'),
  );
  assert.equal(said, `${moved}-ASK 3999 192.0.2.7:6381\r\n+OK\r\n${slots}${sentinel}`);
});

test('a client that follows a redirect meets a node that asks for a password, and does not have it', async () => {
  await using node = await RedisServer.start();
  await using server = await RedisServer.start();
  server.answers.set('get', `-MOVED 3999 127.0.0.1:${node.port}\r\n`);
  await using lease = await openLease(server.config());
  const client = new Redis({
    host: '127.0.0.1',
    port: lease.port,
    retryStrategy: () => null,
    protocol: 2,
    enableReadyCheck: false,
  });
  const error = await client.get('k').catch((thrown: Error) => thrown.message);
  client.disconnect();
  const port = Number(/:(\d+)$/.exec(String(error))?.[1]);
  assert.equal(port, node.port);
  using past = await RawRedis.connect(port);
  past.send(command('ECHO', 'k'));
  assert.equal(await past.until('\r\n'), '-NOAUTH Authentication required.\r\n');
});
