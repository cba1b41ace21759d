import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromSeed } from '../../../src/cli/seed.ts';
import type { ConfigSpec } from '../../../src/core/config.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { drivers } from '../../../src/drivers/registry.ts';
import { httpKinds } from '../../../src/http/registry.ts';
import { refusesInput } from '../../support/refusal.ts';

/** What a seed's `auth` needs at least, for each type. */
const LEAST: Readonly<Record<string, JsonObject>> = {
  postgres: { postgres_host: 'db', postgres_user: 'app', postgres_password: 's3cret' },
  redis: { redis_host: 'cache' },
  imap: { imap_host: 'mail.test', imap_user: 'alice', imap_password: 's3cret' },
  smtp: { smtp_host: 'mail.test', smtp_user: 'alice', smtp_password: 's3cret' },
  ssh: { ssh_host: 'web.test', ssh_user: 'deploy', ssh_key_file_ref: 'web.key' },
  bearer: { token: 's3cret' },
  header: { header_name: 'x-api-key', header_value: 's3cret' },
  basic: { username: 'alice', password: 's3cret' },
  url: { token: 's3cret' },
  oauth2_client: { client_id: 'app', client_secret: 's3cret', refresh_token: 'r3fresh', token_url: 'https://i.test/t' },
  service_account: { file_ref: 'robot.json' },
};
const WEB = { base_url: 'https://api.test/v1' };

const KINDS = new Map<string, { readonly config: ConfigSpec<unknown> }>([...drivers, ...httpKinds]);
const isWeb = (type: string): boolean => LEAST[type] !== undefined && !drivers.has(type);

/** `base_url` among `auth` stands beside it. */
function seed(type: string, { base_url, ...auth }: JsonObject = {}, top: JsonObject = {}): JsonObject {
  const base = base_url === undefined ? (isWeb(type) ? WEB : {}) : { base_url };
  return { name: 'app', auth: { type, ...LEAST[type], ...auth }, ...base, ...top };
}

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
      private_key_file_ref: 'web.key',
      allowed_commands: ['git **', 'docker logs **'],
    },
    { passphrase: 's3cret' },
    /"git": becomes the pattern "git \*\*"[\s\S]*shell, upload and download: were open[\s\S]*ssh_key_file_ref: .*broker file put web\.key PATH$/,
  ],
  ['bearer', {}, { ...WEB, max_body: 10_485_760 }, { token: 's3cret' }, /^max_body: 10 MiB, as there/],
  [
    'header',
    {},
    { ...WEB, header_name: 'x-api-key', max_body: 10_485_760 },
    { header_value: 's3cret' },
    /^max_body: 10 MiB/,
  ],
  ['basic', {}, { ...WEB, username: 'alice', max_body: 10_485_760 }, { password: 's3cret' }, /^max_body: 10 MiB/],
  [
    'url',
    { base_url: 'https://api.test/bot{token}' },
    { base_url: 'https://api.test/bot{token}', max_body: 10_485_760 },
    { token: 's3cret' },
    /^token: is escaped/,
  ],
  [
    'oauth2_client',
    { scopes: ['mail', 'files'], access_token: 'old', expires_at: '2026-01-01T00:00:00Z' },
    { ...WEB, client_id: 'app', token_url: 'https://i.test/t', scopes: ['mail', 'files'], max_body: 10_485_760 },
    { client_secret: 's3cret', refresh_token: 'r3fresh' },
    /access_token, expires_at: not taken over; a new one is fetched/,
  ],
  [
    'service_account',
    { sa_scopes: ['drive'], sa_token_url: 'https://i.test/t' },
    {
      ...WEB,
      token_url: 'https://i.test/t',
      key_json_file_ref: 'robot.json',
      scopes: ['drive'],
      max_body: 10_485_760,
    },
    {},
    /^file_ref: becomes key_json_file_ref; store the file first: broker file put robot\.json PATH/,
  ],
];

for (const [type, auth, config, secrets, changes] of WHOLE) {
  test(`a ${type} service of vault-proxy becomes one of ours, and what means something else is said`, () => {
    const mapped = read(seed(type, auth));
    assert.deepEqual([mapped.kind, mapped.config, mapped.secrets], [type, config, secrets]);
    assert.match(mapped.changes, changes);
  });

  const kind = KINDS.get(type);
  // A kind that this build does not have is refused by name when the service is stored.
  if (!kind) continue;
  test(`what becomes of a ${type} service names fields that the kind has, and values that it takes`, () => {
    const { host_key: _pin, ...known } = config;
    const files = Object.keys(config).filter((name) => name.endsWith('_file_ref'));
    kind.config.validate(known, [...Object.keys(secrets), ...files.map((name) => name.replace('_file_ref', ''))]);
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
  assert.deepEqual(config, { host: 'web.test', user: 'deploy', private_key_file_ref: 'web.key' });
  assert.match(changes, /none meant every command there; here none may be run until it is said/);
  assert.match(changes, /the first key seen was trusted there; here nobody is logged in/);
});

test("vault-proxy's base_url is left out where a host says it, and that is said", () => {
  for (const type of drivers.keys())
    assert.match(read(seed(type, {}, { base_url: 'https://unused' })).changes, /^base_url: not used/);
});

test('what the switches of an HTTP service meant is said one by one', () => {
  const { config, changes } = read(
    seed('bearer', { base_url: 'http://10.0.0.1/' }, { tls_skip_verify: true, session_cookies: true }),
  );
  assert.deepEqual(config, {
    base_url: 'http://10.0.0.1/',
    skip_verify: true,
    session_cookies: 'service',
    max_body: 10_485_760,
  });
  for (const sentence of [
    /--allow-private and --allow-plaintext/,
    /^base_url: is not https/m,
    /^session_cookies: one jar/m,
  ])
    assert.match(changes, sentence);
});

test('the JSON files of an OAuth client become references to files of that name', () => {
  const auth = { client_id: '', client_secret: '', refresh_token: '', token_url: '' };
  const { config, secrets } = read(
    seed('oauth2_client', { ...auth, client_secret_file: 'c.json', token_file: 't.json' }),
  );
  assert.deepEqual([config.client_json_file_ref, config.token_json_file_ref, secrets], ['c.json', 't.json', {}]);
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
  ['no base_url', { auth: { type: 'bearer', token: 's3cret' } }, /^-f: base_url is missing$/],
  ['scopes that are no list', seed('oauth2_client', { scopes: 'mail' }), /^-f: auth\.scopes must be a list of texts$/],
  ['an unknown key', seed('postgres', {}, { allow_any: true }), /^-f: allow_any is not known/],
  ['a password that is no text', seed('imap', { imap_password: 7 }), /^-f: auth\.imap_password must be text$/],
];
for (const [what, content, message] of REFUSED) {
  test(`a service of vault-proxy with ${what} is refused`, () => {
    refusesInput(() => fromSeed(content), message);
  });
}
