import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Hop } from '../../src/core/errors.ts';
import { BrokerError } from '../../src/core/errors.ts';
import { postgres } from '../../src/drivers/postgres/driver.ts';
import type { PostgresName } from '../rig/table.ts';
import { testIo } from '../support/io.ts';
import { configOf, openLease, psql, type Stored, viaLease } from '../support/postgres.ts';
import { rig } from '../support/rig.ts';

const never = new AbortController().signal;
const { logins, databases } = rig().postgres;

/** Logs in and says by which method, as `service test` would print it. */
async function method(stored: Stored, server: PostgresName = 'postgres'): Promise<string | undefined> {
  const hops = new Map<Hop, string>();
  const io = testIo((hop, detail) => hops.set(hop, detail));
  await using upstream = await postgres.open(configOf(stored, server), new Map(), io, never);
  assert.equal(await upstream.alive(never), true);
  return hops.get('auth');
}

async function failure(stored: Stored, server: PostgresName = 'postgres'): Promise<BrokerError> {
  try {
    await using upstream = await postgres.open(configOf(stored, server), new Map(), testIo(), never);
    return assert.fail(`logged in: ${upstream.facts.parameters.size}`);
  } catch (error) {
    assert.ok(error instanceof BrokerError, String(error));
    return error;
  }
}

test('binds SCRAM to the TLS channel where there is one', async () => {
  assert.equal(await method({}), 'SCRAM-SHA-256-PLUS');
});

test('logs in with SCRAM without TLS', async () => {
  assert.equal(await method({ fields: { tls: 'disable' } }), 'SCRAM-SHA-256');
});

test('logs in to PostgreSQL 18, too', async () => {
  assert.equal(await method({ fields: { tls: 'disable' } }, 'postgres18'), 'SCRAM-SHA-256');
  assert.equal(await method({}, 'postgres18'), 'SCRAM-SHA-256-PLUS');
});

test('logs in over a unix socket, where TLS does not apply', async () => {
  assert.equal(await method({ fields: { host: rig().postgres.socketDirectory } }), 'SCRAM-SHA-256');
});

test('checks the name only with verify-full, the chain only with verify-ca, nothing with require', async () => {
  const wrongName = { server_name: 'elsewhere.test' };
  assert.equal(await method({ fields: { tls: 'verify-ca', ...wrongName } }), 'SCRAM-SHA-256-PLUS');
  const otherCa = { ca: rig().tls.otherCa.cert };
  assert.equal(await method({ fields: { tls: 'require', ...otherCa } }), 'SCRAM-SHA-256-PLUS');
  const name = await failure({ fields: wrongName });
  assert.equal(name.code, 'upstream_tls');
  assert.match(name.message, /^the certificate of elsewhere\.test is for another name .*its certificate is "/);
  for (const tls of ['verify-full', 'verify-ca']) {
    const chain = await failure({ fields: { tls, ...otherCa } });
    assert.equal(chain.code, 'upstream_tls');
    assert.match(chain.message, /is not trusted .*issued by ".*SHA-256 [0-9A-F:]{95}/);
    assert.equal(chain.hint, 'to trust its CA: broker service set {service} --ca-file CA.pem');
  }
});

test('logs in with md5 and with a cleartext password over TLS where the service allows it', async () => {
  const md5 = { user: logins.md5.user, min_auth: 'md5' };
  assert.equal(await method({ fields: md5, password: logins.md5.password }), 'md5');
  const plain = { user: logins.plain.user, min_auth: 'password' };
  assert.equal(await method({ fields: plain, password: logins.plain.password }), 'password');
});

test('a server cannot ask for less than the service allows', async () => {
  for (const [user, asks] of [
    [logins.md5.user, 'asks for the login "md5"'],
    [logins.plain.user, 'asks for the login "password"'],
    [logins.trust.user, 'asks for no login at all'],
  ]) {
    const error = await failure({ fields: { user: user ?? '' } });
    assert.equal(error.code, 'upstream_auth');
    assert.ok(error.message.endsWith(`${asks}; this service allows scram-sha-256 or better`), error.message);
  }
});

test('never sends a password in the clear without TLS', async () => {
  const { user, password } = logins.plain;
  const config = { ...configOf({ fields: { user, min_auth: 'password' }, password }), tls: 'disable' as const };
  const { host, port } = rig().postgresClear;
  await assert.rejects(postgres.open({ ...config, host, port }, new Map(), testIo(), never), (error: unknown) => {
    return error instanceof BrokerError && error.message.endsWith('asks for the password in the clear, without TLS');
  });
});

test('logs in without a login where the service says none', async () => {
  const fields = { user: logins.trust.user, min_auth: 'none' };
  assert.equal(await method({ fields, password: '' }), 'no login asked for');
});

test('logs in with a client certificate alone, and only with the right one', async () => {
  const { client, stranger, other } = rig().tls;
  const fields = { user: logins.cert.user, min_auth: 'cert' };
  assert.equal(
    await method({ fields: { ...fields, cert: client.cert }, key: client.key, password: '' }),
    'certificate',
  );
  const error = await failure({ fields: { ...fields, cert: stranger.cert }, key: stranger.key, password: '' });
  assert.equal(error.code, 'upstream_auth');
  assert.match(error.message, /certificate authentication failed for user "certuser" \(28000\)$/);
  const unknown = await failure({ fields: { ...fields, cert: other.cert }, key: other.key, password: '' });
  assert.equal(unknown.code, 'upstream_tls');
  assert.match(unknown.message, /does not accept the client certificate$/);
});

test('a wrong password is told in one sentence, with what to do', async () => {
  const error = await failure({ password: 'wrong' });
  const { host, port } = rig().postgres;
  assert.equal(error.message, `PostgreSQL at ${host}:${port} refused the password for user scramuser (28P01)`);
  assert.deepEqual([error.code, error.hop, error.upstreamCode], ['upstream_auth', 'auth', '28P01']);
  assert.match(error.hint ?? '', /broker service set \{service\} --password-stdin/);
});

test('a server without TLS is told with the flag that turns it off, and what that means', async () => {
  const { host, port } = rig().postgresClear;
  const error = await failure({ fields: { host, port } });
  assert.equal(error.code, 'upstream_tls');
  assert.equal(error.message, `PostgreSQL at ${host}:${port} does not offer TLS`);
  assert.match(error.hint ?? '', /unencrypted.*broker service set \{service\} --tls disable$/);
});

test('a database that is not there, and one that this connection may not reach, in the server’s words', async () => {
  const missing = await failure({ fields: { database: 'nope' } });
  assert.match(missing.message, /refused the connection: database "nope" does not exist \(3D000\)$/);
  assert.deepEqual([missing.code, missing.hop], ['upstream_refused', 'session']);
  const rejected = await failure({ fields: { database: databases.nossl } });
  assert.match(rejected.message, /refused user scramuser: pg_hba\.conf rejects .* \(28000\)$/);
});

test('too many connections keep their SQLSTATE, for us and for a client', async () => {
  const { user, password } = logins.limited;
  await using lease = await openLease(configOf({ fields: { user }, password }));
  await using second = await postgres.open(configOf({ fields: { user }, password }), new Map(), testIo(), never);
  assert.equal(await second.alive(never), true);
  const error = await failure({ fields: { user }, password });
  assert.equal(error.upstreamCode, '53300');
  const { code, stderr } = await psql(viaLease(lease), ['-v', 'VERBOSITY=verbose', '-c', 'select 1']);
  assert.equal(code, 2);
  assert.match(stderr, /FATAL: {2}broker: PostgreSQL at .* refused the connection: too many connections for role/);
});

test('an abort in the middle of a login ends it with its reason', async () => {
  const stop = new AbortController();
  const io = testIo((hop) => {
    if (hop === 'tls') stop.abort(new BrokerError('ended', 'enough'));
  });
  await assert.rejects(postgres.open(configOf(), new Map(), io, stop.signal), { message: 'enough' });
});
