import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { kindOfUrl, mapServiceUrl, readServiceUrl } from '../../../src/cli/serviceurl.ts';
import type { Field__Output } from '../../../src/core/proto/broker/v1/Field.ts';
import { refusesInput } from '../../support/refusal.ts';

const folder = mkdtempSync(join(tmpdir(), 'broker-serviceurl-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'ca.pem'), 'the CA');

const POSTGRES = ['host', 'port', 'user', 'password', 'database', 'ca', 'cert', 'key', 'tls'].map((name) =>
  field(name),
);
const REDIS = ['host', 'port', 'username', 'password', 'db', 'tls'].map((name) => field(name));

function field(name: string): Field__Output {
  const choices = name === 'tls' ? ['verify-full', 'disable'] : [];
  const defaultJson = name === 'tls' ? '"verify-full"' : '';
  return {
    name,
    type: 'TYPE_TEXT',
    doc: '',
    required: false,
    defaultJson,
    choices,
    redirects: false,
    multiline: false,
  };
}

function map(url: string, kind = 'postgres', fields = POSTGRES) {
  const { config, secrets, changes } = mapServiceUrl(readServiceUrl('URL', { URL: url }), kind, fields);
  const shown = Object.entries(secrets).map(([name, secret]) => [name, secret.use((bytes) => bytes.toString())]);
  return { config, secrets: Object.fromEntries(shown), changes };
}

test('host, port, user, password, database and TLS are taken from the URL', () => {
  assert.deepEqual(map('postgresql://app:s3cret%21%40@db.example:6432/sales?sslmode=verify-full'), {
    config: { host: 'db.example', port: '6432', user: 'app', database: 'sales', tls: 'verify-full' },
    secrets: { password: 's3cret!@' },
    changes: [],
  });
});

for (const [what, url, config] of [
  [
    'an IPv6 address',
    'postgres://app@[::1]:6432/a?sslmode=disable',
    { host: '::1', port: '6432', user: 'app', database: 'a', tls: 'disable' },
  ],
  ['a unix socket in the host', 'postgres://app@%2Frun%2Fpg/a', { host: '/run/pg', user: 'app', database: 'a' }],
  [
    'a unix socket in a parameter',
    'postgres:///a?host=/run/pg&user=app',
    { host: '/run/pg', user: 'app', database: 'a' },
  ],
  ['prefer, which the kind refuses with its reason', 'postgres://db?sslmode=prefer', { host: 'db', tls: 'prefer' }],
] as const) {
  test(`${what} is understood`, () => assert.deepEqual(map(url).config, config));
}

test('a URL that does not speak of TLS gets the safe default, and that is said', () => {
  const { config, changes } = map('postgres://app@db/a');
  assert.equal(config.tls, undefined);
  assert.match(changes.join(), /^the URL does not speak of TLS: it is verify-full/);
});

test('sslmode require with a CA checks the chain, as libpq does', () => {
  const { config, changes } = map(`postgres://db?sslmode=require&sslrootcert=${join(folder, 'ca.pem')}`);
  assert.deepEqual(config, { host: 'db', tls: 'verify-ca', ca: 'the CA' });
  assert.match(changes.join(), /becomes tls verify-ca/);
});

test('the fields are those of the kind', () => {
  assert.deepEqual(map('rediss://app:s3cret@cache/2', 'redis', REDIS), {
    config: { host: 'cache', username: 'app', db: '2', tls: 'verify-full' },
    secrets: { password: 's3cret' },
    changes: [],
  });
});

for (const [scheme, kind] of [
  ['postgres', 'postgres'],
  ['postgresql', 'postgres'],
  ['redis', 'redis'],
  ['rediss', 'redis'],
  ['imaps', 'imap'],
  ['mysql', undefined],
] as const) {
  test(`${scheme}:// is a service of kind ${kind ?? '(none)'}`, () => {
    assert.equal(kindOfUrl(readServiceUrl('URL', { URL: `${scheme}://h` }), ['postgres', 'redis', 'imap']), kind);
  });
}

for (const [what, url, message] of [
  ['several hosts', 'postgres://a,b/s3cret', /^--url-env URL: it names several hosts/],
  ['an unescaped @ in the password', 'postgres://app:s3cret@x@db/a', /^--url-env URL: this is no URL/],
  ['something that is no URL', 's3cret', /^--url-env URL: this is no URL/],
  ['a broken escape', 'postgres://app:s3cret%zz@db/a', /^--url-env URL: a %XX in it is not valid$/],
  ['a parameter that no field holds', 'postgres://app:s3cret@db/a?schema=x', /parameter "schema" cannot be kept/],
  [
    'demanded channel binding',
    'postgres://app:s3cret@db/a?channel_binding=require',
    /"channel_binding" cannot be kept/,
  ],
  ['another kind', 'mysql://app:s3cret@db/a', /mysql:\/\/ is not the URL of a postgres service/],
  ['two users', 'postgres://app:s3cret@db/a?user=other', /^--url-env URL: it names two values for user$/],
  ['a CA that is not there', 'postgres://db?sslrootcert=/nowhere', /the file of sslrootcert cannot be read$/],
  ['a bracket without an address', 'postgres://[s3cret]/a', /not an IPv6 address/],
] as const) {
  test(`a URL with ${what} is refused, without a word of what is in it`, () => {
    refusesInput(() => map(url), message);
  });
}

test('a variable that is not set is named', () => {
  assert.throws(() => readServiceUrl('NOT_SET', {}), /^BrokerError: --url-env NOT_SET: the variable is not set$/);
});
