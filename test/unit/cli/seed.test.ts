import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromSeed } from '../../../src/cli/seed.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { drivers } from '../../../src/drivers/registry.ts';

/** What a seed's `auth` needs at least, for each type. */
const LEAST: Readonly<Record<string, JsonObject>> = {
  postgres: { postgres_host: 'db', postgres_user: 'app', postgres_password: 's3cret' },
  redis: { redis_host: 'cache' },
  imap: { imap_host: 'mail.test', imap_user: 'alice', imap_password: 's3cret' },
  smtp: { smtp_host: 'mail.test', smtp_user: 'alice', smtp_password: 's3cret' },
  ssh: { ssh_host: 'web.test', ssh_user: 'deploy', ssh_key_file_ref: 'web.key' },
};

const seed = (type: string, auth: JsonObject = {}, top: JsonObject = {}): JsonObject => ({
  name: 'app',
  auth: { type, ...LEAST[type], ...auth },
  ...top,
});

function read(content: JsonObject) {
  const { secrets, changes, ...file } = fromSeed(content);
  const shown = Object.entries(secrets).map(([name, secret]) => [name, secret.use((bytes) => bytes.toString())]);
  return { ...file, secrets: Object.fromEntries(shown), changes: changes.join('\n') };
}

/** Every key of each type, and what becomes of it. */
const WHOLE: readonly [string, JsonObject, JsonObject, Record<string, string>, RegExp][] = [
  [
    'postgres',
    { postgres_port: 6432, postgres_db: 'sales' },
    { host: 'db', port: 6432, user: 'app', database: 'sales', tls: 'verify-full' },
    { password: 's3cret' },
    /^postgres_tls \(require by default\): becomes tls verify-full[\s\S]*less than SCRAM is refused/,
  ],
  [
    'redis',
    { redis_port: 6380, redis_username: 'app', redis_password: 's3cret', redis_db: 4, redis_tls: true },
    { host: 'cache', port: 6380, username: 'app', db: 4, tls: 'verify-full' },
    { password: 's3cret' },
    /^commands that reveal or change credentials[\s\S]*a server that needs none, although one is stored, is an error/,
  ],
  [
    'imap',
    { imap_port: 1993, imap_tls: 'starttls' },
    { host: 'mail.test', port: 1993, user: 'alice', tls: 'starttls' },
    { password: 's3cret' },
    /^login: the strongest/,
  ],
  [
    'smtp',
    { smtp_port: 2525, smtp_tls: 'implicit' },
    { host: 'mail.test', port: 2525, user: 'alice', tls: 'implicit' },
    { password: 's3cret' },
    /^login: the strongest/,
  ],
  [
    'ssh',
    {
      ssh_port: 2222,
      ssh_key_passphrase: 's3cret',
      ssh_host_key: 'ssh-ed25519 AAAA',
      ssh_allowed_commands: ['git', 'docker logs '],
    },
    {
      host: 'web.test',
      port: 2222,
      user: 'deploy',
      host_key: 'ssh-ed25519 AAAA',
      allowed_commands: ['git **', 'docker logs **'],
    },
    { passphrase: 's3cret' },
    /"git": becomes the pattern "git \*\*"[\s\S]*shell, upload and download: were open[\s\S]*ssh_key_file_ref: .*--private-key-file KEY$/,
  ],
];

for (const [type, auth, config, secrets, changes] of WHOLE) {
  test(`a ${type} service of vault-proxy becomes one of ours, and what means something else is said`, () => {
    const mapped = read(seed(type, auth));
    assert.deepEqual([mapped.kind, mapped.config, mapped.secrets], [type, config, secrets]);
    assert.match(mapped.changes, changes);
  });

  test(`what becomes of a ${type} service names fields that the kind has, and values that it takes`, () => {
    const spec = drivers.get(type)?.config;
    assert(spec);
    const { host_key: _pin, ...known } = config;
    spec.validate(known, type === 'ssh' ? ['private_key'] : Object.keys(secrets));
  });
}

const TLS: readonly [string, JsonObject, JsonObject, JsonValue, RegExp][] = [
  ['postgres', { postgres_tls: 'require' }, {}, 'verify-full', /"require": becomes tls verify-full/],
  ['postgres', { postgres_tls: 'require' }, { tls_skip_verify: true }, 'require', /checks nothing/],
  ['postgres', { postgres_tls: 'disable' }, {}, 'disable', /password/],
  ['redis', {}, {}, 'disable', /^redis_tls \(false by default\): becomes tls disable, as there: .* in the clear/],
  ['redis', { redis_tls: false }, { tls_skip_verify: true }, 'disable', /^redis_tls false: /],
  ['redis', { redis_tls: true }, { tls_skip_verify: true }, 'require', /^tls_skip_verify: becomes tls require/],
  ['imap', {}, {}, 'implicit', /^login/],
  ['imap', { imap_tls: 'none' }, { tls_skip_verify: true }, 'none', /^imap_tls "none": .* in the clear/],
  ['smtp', { smtp_tls: '' }, {}, 'starttls', /^login/],
];
for (const [type, auth, top, tls, changes] of TLS) {
  test(`TLS of a seed: ${type} with ${JSON.stringify({ ...auth, ...top })} becomes ${String(tls)}`, () => {
    const mapped = read(seed(type, auth, top));
    assert.equal(mapped.config.tls, tls);
    assert.match(mapped.changes, changes);
  });
}

test('a port or database of 0 is not given, as Go writes it', () => {
  assert.deepEqual(read(seed('redis', { redis_port: 0, redis_db: 0, redis_username: '' })).config, {
    host: 'cache',
    tls: 'disable',
  });
});

test('an ssh service without a list of commands may run none, and nothing that was open there is open here', () => {
  const { config, changes } = read(seed('ssh'));
  assert.deepEqual(config, { host: 'web.test', user: 'deploy' });
  assert.match(changes, /none meant every command there; here none may be run until it is said/);
  assert.match(changes, /the first key seen was trusted there; here nobody is logged in/);
});

test("vault-proxy's base_url is left out where a host says it, and that is said", () => {
  for (const type of Object.keys(LEAST))
    assert.match(read(seed(type, {}, { base_url: 'https://unused' })).changes, /^base_url: not used/);
});

const REFUSED: readonly [string, JsonObject, RegExp][] = [
  [
    'prefer',
    seed('postgres', { postgres_tls: 'prefer' }),
    /^-f: auth\.postgres_tls "prefer" is not taken over: it goes/,
  ],
  ['another tls mode', seed('postgres', { postgres_tls: 'maybe' }), /^-f: auth\.postgres_tls must be/],
  ['a tls mode of mail', seed('imap', { imap_tls: 'auto' }), /^-f: auth\.imap_tls must be one of implicit, starttls/],
  ['redis_tls as text', seed('redis', { redis_tls: 'true' }), /^-f: auth\.redis_tls must be true or false$/],
  [
    'mail without a check',
    seed('smtp', {}, { tls_skip_verify: true }),
    /^-f: tls_skip_verify is not taken over for smtp/,
  ],
  ['ssh without a check', seed('ssh', {}, { tls_skip_verify: true }), /^-f: tls_skip_verify means nothing to ssh/],
  ['commands that are no list', seed('ssh', { ssh_allowed_commands: 'git' }), /must be a list of texts$/],
  ['a command for a shell', seed('ssh', { ssh_allowed_commands: ['a; b'] }), /not plain words: "a; b"$/],
  ['a command that is a pattern', seed('ssh', { ssh_allowed_commands: ['a *'] }), /not plain words: "a \*"$/],
  ['an empty command', seed('ssh', { ssh_allowed_commands: [' '] }), /not plain words: ""$/],
  ['a slip', seed('postgres', { postgres_hots: 'x' }), /postgres_hots is not known .*did you mean postgres_host/],
  ['an unknown type', seed('mongodb'), /^-f: auth\.type "mongodb" cannot be taken over; what can is postgres, redis/],
  ['a type from the prototype', seed('constructor'), /^-f: auth\.type "constructor" cannot be taken over/],
  ['a missing type', { name: 'x', auth: {} }, /^-f: auth\.type is missing$/],
  ['session cookies', seed('redis', {}, { session_cookies: true }), /^-f: session_cookies means nothing to redis/],
  ['an unknown key', seed('postgres', {}, { allow_any: true }), /^-f: allow_any is not known/],
  ['a password that is no text', seed('imap', { imap_password: 7 }), /^-f: auth\.imap_password must be text$/],
];
for (const [what, content, message] of REFUSED) {
  test(`a service of vault-proxy with ${what} is refused`, () => {
    assert.throws(
      () => fromSeed(content),
      (error: unknown) => {
        assert.ok(error instanceof BrokerError);
        assert.equal(error.code, 'invalid_argument');
        assert.match(error.message, message);
        assert.doesNotMatch(`${error.message}${error.hint}`, /s3cret/);
        return true;
      },
    );
  });
}
