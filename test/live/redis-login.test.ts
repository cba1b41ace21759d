import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createServer } from 'node:tls';
import { inspect } from 'node:util';
import { BrokerError } from '../../src/core/errors.ts';
import type { RedisConfig } from '../../src/drivers/redis/config.ts';
import { testIo } from '../support/io.ts';
import { command, configOf, direct, openLease, transcript } from '../support/redis.ts';
import { rig } from '../support/rig.ts';

/** What a session answers when asked who it is and where. */
async function whoAmI(config: RedisConfig): Promise<string> {
  await using lease = await openLease(config);
  return await transcript(lease.port, 'ACL WHOAMI\r\n');
}

async function failure(config: RedisConfig): Promise<BrokerError> {
  const error = await openLease(config).then(
    () => assert.fail('the driver logged in'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof BrokerError);
  assert.doesNotMatch(inspect(error, { depth: 9 }), /wrong-canary/);
  return error;
}

const DEFAULT = '$7\r\ndefault\r\n';
const APP = '$3\r\napp\r\n';

test('logs in by the default user’s password, in the clear, over TLS and over a unix socket', async () => {
  const { socket, tlsPort, ca } = rig().redis;
  assert.equal(await whoAmI(configOf()), DEFAULT);
  assert.equal(await whoAmI(configOf({ port: tlsPort, ca: ca.cert })), DEFAULT);
  assert.equal(await whoAmI(configOf({ host: socket })), DEFAULT);
});

test('logs in as an ACL user, also as one that may do little, and selects the database', async () => {
  const { app, reader } = rig().redis.logins;
  const asApp = { username: app.user, db: 5 };
  assert.equal(await whoAmI(configOf(asApp, app.password)), APP);
  await using lease = await openLease(configOf(asApp, app.password));
  assert.match(await transcript(lease.port, 'CLIENT INFO\r\n'), / db=5 /);
  await using little = await openLease(configOf({ username: reader.user }, reader.password));
  assert.match(await transcript(little.port, 'SET app:x 1\r\nGET app:nothing\r\n'), /^-NOPERM [^\r]*\r\n\$-1\r\n$/);
});

test('reports the hops it passed', async () => {
  const hops: string[] = [];
  const io = testIo((hop, detail) => hops.push(`${hop}: ${detail}`));
  const { tlsPort, ca, logins } = rig().redis;
  const { user, password } = logins.app;
  await using _ = await openLease(configOf({ port: tlsPort, ca: ca.cert, username: user, db: 2 }, password), { io });
  assert.deepEqual(hops.slice(-2), ['tls: TLSv1.3, verify-full', 'auth: AUTH with user name and password, database 2']);
});

test('a client certificate is presented where the server asks for one', async () => {
  const { tls, redis } = rig();
  const demanding = createServer({ ...tls.server, ca: tls.ca.cert, requestCert: true, rejectUnauthorized: true });
  demanding.on('secureConnection', (client) => {
    const plain = connect(redis.port, redis.host);
    for (const [one, other] of [[client, plain] as const, [plain, client] as const])
      one
        .on('error', () => other.destroy())
        .on('close', () => other.destroy())
        .pipe(other);
  });
  demanding.listen(0, '127.0.0.1');
  await once(demanding, 'listening');
  const address = demanding.address();
  assert(address !== null && typeof address === 'object');
  const fields = { port: address.port, ca: tls.ca.cert };
  assert.equal(await whoAmI(configOf({ ...fields, cert: tls.client.cert }, undefined, tls.client.key)), DEFAULT);
  assert.match((await failure(configOf(fields))).code, /^upstream_/);
  demanding.close();
});

test('a certificate that is not trusted, or for another name, is named; other checks are for who asks for them', async () => {
  const { tlsPort, host } = rig().redis;
  const { ca, otherCa } = rig().tls;
  const untrusted = await failure(configOf({ port: tlsPort, tls: 'verify-full' }));
  assert.deepEqual([untrusted.code, untrusted.hop], ['upstream_tls', 'tls']);
  assert.equal((await failure(configOf({ port: tlsPort, ca: otherCa.cert }))).code, 'upstream_tls');
  const otherName = await failure(configOf({ port: tlsPort, ca: ca.cert, server_name: 'wrong.test' }));
  assert.match(otherName.message, /is for another name/);
  assert.equal(
    await whoAmI(configOf({ host, port: tlsPort, ca: ca.cert, server_name: 'wrong.test', tls: 'verify-ca' })),
    DEFAULT,
  );
  assert.equal(await whoAmI(configOf({ port: tlsPort, tls: 'require' })), DEFAULT);
});

test('a server that speaks TLS where the service says it does not', async () => {
  const error = await failure(configOf({ port: rig().redis.tlsPort, tls: 'disable' }));
  assert.equal(error.code, 'upstream_protocol');
});

test('a wrong password says what was tried and what the server answered', async () => {
  const wrong = await failure(configOf({}, 'wrong-canary'));
  assert.deepEqual([wrong.code, wrong.hop, wrong.upstreamCode], ['upstream_auth', 'auth', 'WRONGPASS']);
  const said = 'WRONGPASS invalid username-password pair or user is disabled.';
  assert(wrong.message.endsWith(`refused the login: AUTH with the password was answered "${said}"`));
  const user = await failure(configOf({ username: 'nobody' }, 'wrong-canary'));
  assert(user.message.endsWith(`AUTH with user name and password was answered "${said}"`));
});

test('a server that asks for a password where none is stored, and one that needs none where one is', async () => {
  assert.match((await failure(configOf({}, ''))).message, /asks for a password, and none is stored$/);
  const open = rig().redisOpen;
  const where = { host: open.host, port: open.port };
  for (const fields of [where, { ...where, username: 'default' }])
    assert.match((await failure(configOf(fields))).message, /needs no password, although one is stored$/);
  assert.equal(await whoAmI(configOf(where, '')), DEFAULT);
});

test('an ACL user with nopass is found out', async () => {
  await direct(command('ACL', 'SETUSER', 'careless', 'on', 'nopass', '~*', '+@all'));
  try {
    assert.match((await failure(configOf({ username: 'careless' }))).message, /needs no password/);
  } finally {
    await direct(command('ACL', 'DELUSER', 'careless'));
  }
});

test('a database that is not there is an error before anything listens', async () => {
  const error = await failure(configOf({ db: 4_000 }));
  assert.equal(error.code, 'upstream_refused');
  assert.match(error.hint ?? '', /--db N/);
});
