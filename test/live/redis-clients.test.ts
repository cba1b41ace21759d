import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import type { LeaseAddress } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { tlsContext } from '../../src/core/tls.ts';
import { redis } from '../../src/drivers/redis/driver.ts';
import { command, configOf, direct, openLease, RawRedis, shell } from '../support/redis.ts';
import { rig } from '../support/rig.ts';

const TICKET = `it's "one" $ticket\\%`;
const key = (): string => `app:${randomUUID()}`;

interface Login {
  readonly protocol?: 2 | 3;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
}

/** The stock client for Node, with what its users would write, and no retries that hide a failure. */
function ioredis(where: { readonly port: number; readonly host?: string }, login: Login = {}): Redis & Disposable {
  const { host = '127.0.0.1', port } = where;
  const client = new Redis({ host, port, retryStrategy: () => null, ...login });
  return Object.assign(client, { [Symbol.dispose]: () => client.disconnect() });
}

/**
 * A connection that monitors. ioredis notes that it does so behind the chunk that has the OK, and takes what others did to
 * the server meanwhile for an answer (its own race, without broker too): then another one is made.
 */
async function monitoring(where: { readonly port: number; readonly host?: string }, login: Login): Promise<Redis> {
  for (;;) {
    try {
      return await ioredis(where, login).monitor();
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('Command queue state error')) throw error;
    }
  }
}

/** What a client does all day, as one value, to be compared with the same done directly. */
async function daysWork(client: Redis): Promise<unknown> {
  const k = key();
  const pipeline = client.pipeline();
  for (let i = 0; i < 1_000; i++) pipeline.incrby(k, String(i));
  const counted = (await pipeline.exec())?.at(-1);
  const transaction = await client.multi().hset(`${k}:h`, { a: '1', b: '2' }).hgetall(`${k}:h`).exec();
  const members = await client.sadd(`${k}:s`, 'x', 'y');
  const scores = await client.zadd(`${k}:z`, 1.5, 'm').then(() => client.zscore(`${k}:z`, 'm'));
  const wrong = await client.lpush(k, 'x').catch((error: Error) => error.message);
  const script = await client.eval('return {1, {ok="fine"}, ARGV[1]}', 0, 'arg');
  const removed = await client.del(k, `${k}:h`, `${k}:s`, `${k}:z`);
  return { counted, transaction, members, scores, wrong, script, removed };
}

for (const protocol of [2, 3] as const) {
  test(`ioredis with RESP${protocol} works as it does directly, with a password of its own or none`, async () => {
    const { host, port, logins } = rig().redis;
    using straight = ioredis({ host, port }, { password: logins.default.password, protocol });
    const wanted = await daysWork(straight);
    await using lease = await openLease();
    for (const login of [{}, { password: 'dummy' }, { username: 'someone', password: 'dummy', db: 3 }]) {
      using client = ioredis(lease, { protocol, ...login });
      assert.deepEqual(await daysWork(client), wanted);
      assert.equal(await client.acl('WHOAMI'), 'default');
    }
  });

  test(`ioredis with RESP${protocol}: subscriptions, blocking commands and MONITOR, several connections at once`, async () => {
    await using lease = await openLease();
    using subscriber = ioredis(lease, { protocol });
    using publisher = ioredis(lease, { protocol });
    const channel = key();
    await subscriber.subscribe(channel);
    await subscriber.psubscribe(`${channel}*`);
    const heard = once(subscriber, 'message');
    const matched = once(subscriber, 'pmessage');
    assert.equal(await publisher.publish(channel, 'news'), 2);
    assert.deepEqual(await heard, [channel, 'news']);
    assert.deepEqual(await matched, [`${channel}*`, channel, 'news']);
    using blocked = ioredis(lease, { protocol });
    const popped = blocked.blpop(`${channel}:list`, 0);
    await publisher.rpush(`${channel}:list`, 'item');
    assert.deepEqual(await popped, [`${channel}:list`, 'item']);
    const monitor = await monitoring(lease, { protocol });
    const mark = key();
    // MONITOR shows every client of the server, those of tests that run beside this one too.
    const seen = new Promise<void>((resolve) => {
      monitor.on('monitor', (_time: string, args: readonly string[]) => {
        if (args.includes(mark)) resolve();
      });
    });
    await publisher.echo(mark);
    await seen;
    monitor.disconnect();
  });

  test(`ioredis with RESP${protocol} presents the ticket as its password; another is refused in its own words`, async () => {
    await using lease = await openLease(configOf(), { ticket: TICKET });
    using client = ioredis(lease, { protocol, password: TICKET });
    assert.equal(await client.echo('in'), 'in');
    using wrong = ioredis(lease, { protocol, password: 'wrong' });
    const errors: string[] = [];
    wrong.on('error', (error: Error) => errors.push(error.message));
    await assert.rejects(wrong.echo('in'));
    // With RESP3 ioredis drops what HELLO was answered and says "Connection is closed.", directly too.
    if (protocol === 2) assert.match(errors.join('; '), /broker: wrong ticket/);
  });
}

test('redis-cli: interactive input, pipe mode, RESP2 and RESP3, -a and --user, and a pipeline of half a million bytes', async () => {
  await using lease = await openLease();
  const cli = `redis-cli -p ${lease.port}`;
  const k = key();
  assert.equal(
    (await shell(cli, {}, `set ${k} "a b"\nget ${k}\nreset\nget ${k}\nacl whoami\n`)).stdout,
    'OK\na b\nRESET\na b\ndefault\n',
  );
  assert.match((await shell(`${cli} -3 hello`)).stdout, /proto\s3/);
  assert.match((await shell(`${cli} -2 hello`)).stdout, /proto\n2/);
  for (const login of ['-a dummy', '--user u --pass dummy', '-3 -a dummy', '-u redis://u:dummy@127.0.0.1'])
    assert.equal((await shell(`${cli} ${login} --no-auth-warning -p ${lease.port} get ${k}`)).stdout, 'a b\n');
  assert.match((await shell(`${cli} config get requirepass`)).stdout, /CONFIG GET \(denied by broker: /);
  const many = `set ${k} 1\r\n`.repeat(20_000);
  assert.match((await shell(`${cli} --pipe`, {}, many)).stdout, /errors: 0, replies: 20000/);
  assert.match(
    (await shell(`redis-benchmark -p ${lease.port} -n 2000 -P 16 -t get,set -q`)).stdout,
    /GET: .*requests per second/,
  );
});

test('what the hint prints works as printed, with TLS and a ticket of any characters, and without', async () => {
  const { server, ca } = rig().tls;
  for (const secure of [false, true]) {
    const tls = secure ? tlsContext({ cert: server.cert, key: Secret.fromText(server.key) }) : undefined;
    const config = configOf({ db: 3 });
    await using lease = await openLease(config, { ...(tls && { tls, ticket: TICKET }) });
    const where: LeaseAddress = { listen: 'tcp', host: '127.0.0.1', port: lease.port, tls: secure };
    const hint = redis.hint(secure ? { ...where, caFile: ca.certFile, ticket: TICKET } : where, config);
    assert.match((await shell(`${hint.example} client info`)).stdout, / db=3 .*user=default /);
    const byEnv = await shell(
      `redis-cli -h $REDIS_HOST -p $REDIS_PORT ${secure ? `--tls --cacert ${ca.certFile}` : ''} ping`,
      {
        ...hint.env,
      },
    );
    assert.equal(byEnv.stdout, 'PONG\n', byEnv.stderr);
    const url = `${hint.url.replace(/'/g, `'\\''`)}`;
    const byUrl = await shell(`redis-cli -u '${url}' ${secure ? `--cacert ${ca.certFile}` : ''} client info`);
    assert.match(byUrl.stdout, / db=3 /);
    const client = new Redis(hint.url, { retryStrategy: () => null, ...(secure && { tls: { ca: ca.cert } }) });
    assert.equal(await client.ping(), 'PONG');
    client.disconnect();
  }
});

test('a client that reads nothing holds back the server, not broker’s memory', async () => {
  await using lease = await openLease();
  const k = key();
  await direct(command('SET', k, Buffer.alloc(8 * 1024 * 1024)));
  using client = await RawRedis.connect(lease.port);
  client.send('PING\r\n');
  await client.until('+PONG\r\n');
  client.socket.pause();
  global.gc?.();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 20; i++) client.send(command('GET', k));
  using other = await RawRedis.connect(lease.port);
  other.send('PING\r\n');
  await other.until('+PONG\r\n');
  assert(process.memoryUsage().rss - before < 64 * 1024 * 1024);
  client.socket.destroy();
  await direct(command('DEL', k));
});
