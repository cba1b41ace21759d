import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import { Secret } from '../../../src/core/secret.ts';
import { describe, targetOf } from '../../../src/drivers/postgres/config.ts';
import { postgres } from '../../../src/drivers/postgres/driver.ts';
import { drivers } from '../../../src/drivers/registry.ts';

const base = { host: 'db', user: 'app' };
const problems = (fields: JsonObject, ...secrets: string[]): string => {
  try {
    postgres.config.validate({ ...base, ...fields }, secrets);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test('is in the registry under its kind', () => {
  assert.equal(drivers.get('postgres'), postgres);
});

test('has the defaults of the manual', () => {
  const config = postgres.config.parse(base, new Map([['password', Secret.fromText('x')]]));
  assert.deepEqual(
    [config.port, config.tls, config.min_auth, config.spares, config.database],
    [5432, 'verify-full', 'scram-sha-256', 1, undefined],
  );
  assert.equal(postgres.spares(config), 1);
});

test('refuses prefer with the reason, and spellings of other tools with ours', () => {
  assert.match(problems({ tls: 'prefer' }, 'password'), /^tls must not be "prefer": it falls back to no encryption/);
  assert.match(problems({ tls: 'no-verify' }, 'password'), /is called require here$/);
  assert.match(problems({ tls: 'verify_full' }, 'password'), /it is spelled verify-full$/);
});

test('names every problem at once', () => {
  const text = problems({ port: 70_000, host: 'postgres://db', pasword: 'x' });
  assert.match(text, /pasword is not a field of this kind \(did you mean password\?\)/);
  assert.match(text, /host must be a name or an address/);
  assert.match(text, /port must be between 1 and 65535/);
});

test('a password is needed unless the login needs none', () => {
  assert.equal(problems({}), 'password is required with min_auth scram-sha-256');
  assert.equal(problems({ min_auth: 'none' }), '');
  assert.equal(problems({ min_auth: 'cert', cert: 'PEM' }, 'key'), '');
  assert.equal(problems({ min_auth: 'cert' }), 'cert is required with min_auth cert');
  assert.equal(problems({ cert: 'PEM' }, 'password'), 'key is required where cert is given');
});

test('a password never crosses the network in the clear, but may cross a unix socket', () => {
  assert.match(problems({ tls: 'disable', min_auth: 'password' }, 'password'), /in the clear$/);
  assert.equal(problems({ host: '/run/postgresql', tls: 'disable', min_auth: 'password' }, 'password'), '');
});

test('a change that could send the password elsewhere drops it', () => {
  assert.deepEqual([...postgres.config.redirects].sort(), [
    'ca',
    'host',
    'min_auth',
    'port',
    'server_name',
    'tls',
    'via',
  ]);
});

test('dials the socket file of a folder, and shows IPv6 addresses in brackets', () => {
  const at = (host: string) => postgres.config.parse({ ...base, host }, new Map([['password', Secret.fromText('x')]]));
  assert.deepEqual(targetOf(at('/run/postgresql/')), { host: '/run/postgresql/.s.PGSQL.5432', port: 5432 });
  assert.equal(describe(at('/run/postgresql')), 'PostgreSQL at /run/postgresql/.s.PGSQL.5432');
  assert.equal(describe(at('::1')), 'PostgreSQL at [::1]:5432');
  assert.equal(describe(at('db.example')), 'PostgreSQL at db.example:5432');
});
