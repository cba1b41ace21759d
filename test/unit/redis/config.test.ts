import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseAddress } from '../../../src/core/driver.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { describe, redisConfig, verifyOf } from '../../../src/drivers/redis/config.ts';
import { redis } from '../../../src/drivers/redis/driver.ts';

const verify = (fields: JsonObject): string => verifyOf(redisConfig.preview({ host: 'cache.test', ...fields }));

test('TLS is checked in full, unless the server is on this machine or it is said otherwise', () => {
  assert.equal(verify({}), 'verify-full');
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]', '/run/redis/redis.sock'])
    assert.equal(verify({ host }), 'disable', host);
  for (const host of ['127.0.0.1.evil.test', 'localhost.evil.test', '10.0.0.1', '::2', '1127.0.0.1'])
    assert.equal(verify({ host }), 'verify-full', host);
  assert.equal(verify({ tls: 'disable' }), 'disable');
  assert.equal(verify({ host: 'localhost', ca: 'PEM' }), 'verify-full');
  assert.equal(verify({ host: 'localhost', tls: 'verify-ca' }), 'verify-ca');
});

for (const [what, fields, secrets, problem] of [
  ['no host', { port: 6379 }, [], /^host is required/],
  ['a username without password', { username: 'app' }, [], /^password is required where username is given/],
  ['a certificate without key', { cert: 'PEM' }, [], /^key is required/],
  ['a key without certificate', {}, ['key'], /^cert is required/],
  ['a CA without TLS', { tls: 'disable', ca: 'PEM' }, [], /^ca has no meaning without TLS/],
  ['a CA on a unix socket', { host: '/x', ca: 'PEM' }, [], /^ca has no meaning without TLS/],
  ['a negative database', { db: -1 }, [], /^db must be between/],
  ['the seeds’ spelling of TLS', { tls: 'true' }, [], /it is spelled verify-full/],
  ['a URL for a host', { host: 'redis://cache' }, [], /^host must be a name or an address/],
  ['a command with a space', { deny_commands: ['CONFIG SET'] }, [], /^deny_commands has an entry .* "CONFIG SET"$/],
  ['a wildcard before a subcommand', { allow_commands: ['*|get'] }, [], /^allow_commands has an entry/],
  ['a field of another kind', { user: 'app' }, [], /^user is not a field/],
] as const) {
  test(`refuses ${what}`, () => {
    const all = what === 'no host' ? fields : { host: 'cache.test', ...fields };
    assert.throws(() => redisConfig.validate(all as JsonObject, secrets), {
      code: 'invalid_argument',
      message: problem,
    });
  });
}

test('whatever could send the secret elsewhere drops it', () => {
  assert.deepEqual([...redisConfig.redirects].sort(), ['ca', 'host', 'port', 'server_name', 'tls', 'via']);
});

test('it says where it connects to', () => {
  assert.equal(describe(redisConfig.preview({ host: 'cache' })), 'Redis at cache:6379');
  assert.equal(describe(redisConfig.preview({ host: '/run/redis.sock' })), 'Redis at /run/redis.sock');
});

const tcp: LeaseAddress = { listen: 'tcp', host: '127.0.0.1', port: 4711, tls: false };
const unix: LeaseAddress = { ...tcp, listen: 'unix', host: '/run/b c', port: 0, path: '/run/b c/redis.sock' };

for (const [what, address, db, url, example] of [
  ['in the clear', tcp, 0, 'redis://127.0.0.1:4711/0', 'redis-cli -p 4711'],
  ['with a database', tcp, 3, 'redis://127.0.0.1:4711/3', 'redis-cli -p 4711 -n 3'],
  [
    'with a ticket',
    { ...tcp, ticket: "a/b'c" },
    0,
    "redis://:a%2Fb'c@127.0.0.1:4711/0",
    `REDISCLI_AUTH='a/b'\\''c' redis-cli -p 4711`,
  ],
  [
    'over TLS',
    { ...tcp, host: '::1', tls: true, caFile: '/run/ca.pem' },
    0,
    'rediss://[::1]:4711/0',
    'redis-cli -h ::1 -p 4711 --tls --cacert /run/ca.pem',
  ],
  ['on a unix socket', unix, 2, 'unix:///run/b%20c/redis.sock?db=2', `redis-cli -s '/run/b c/redis.sock' -n 2`],
] as const) {
  test(`hint ${what}`, () => {
    const hint = redis.hint(address, redisConfig.preview({ host: 'cache', db }));
    assert.deepEqual([hint.url, hint.example, hint.env.REDIS_URL], [url, example, url]);
    assert.equal(hint.unset.includes('REDISCLI_AUTH'), !('ticket' in address));
    assert.equal(hint.env.REDIS_PORT, address.listen === 'tcp' ? '4711' : undefined);
  });
}
