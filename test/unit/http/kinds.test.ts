import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { Secret } from '../../../src/core/secret.ts';
import { drivers } from '../../../src/drivers/registry.ts';
import type { HttpConfig } from '../../../src/http/config.ts';
import type { HttpKind, InjectIo, Injection, Outgoing } from '../../../src/http/kind.ts';
import { basic } from '../../../src/http/kinds/basic.ts';
import { bearer } from '../../../src/http/kinds/bearer.ts';
import { header } from '../../../src/http/kinds/header.ts';
import { query } from '../../../src/http/kinds/query.ts';
import { url } from '../../../src/http/kinds/url.ts';
import { httpKinds } from '../../../src/http/registry.ts';

const BASE = 'https://api.example.com/v1';
const io: InjectIo = {
  now: () => 0,
  random: (bytes) => Buffer.alloc(bytes),
  accessToken: () => Promise.reject(new Error('not wanted')),
  fresh: false,
};

function outgoing(path: string): Outgoing {
  const body = () => Promise.reject(new Error('not wanted'));
  return { method: 'GET', origin: 'https://api.example.com', path, headers: [], body };
}

function configOf<C extends HttpConfig>(kind: HttpKind<C>, fields: JsonObject, secrets: Record<string, string>): C {
  const given = new Map(Object.entries(secrets).map(([name, text]) => [name, Secret.fromText(text)]));
  return kind.config.parse({ base_url: BASE, ...fields }, given);
}

async function inject<C extends HttpConfig>(kind: HttpKind<C>, config: C, path = '/v1/x'): Promise<Injection> {
  return await kind.inject(config, io, outgoing(path), AbortSignal.timeout(1_000));
}

function shown({ needles }: Injection): string[] {
  return needles.map((needle) => needle.use((bytes) => bytes.toString()));
}

function problems<C extends HttpConfig>(
  kind: HttpKind<C>,
  fields: JsonObject,
  secrets: Readonly<Record<string, Secret>> = {},
): string {
  try {
    kind.config.validate(fields, [...Object.keys(secrets), ...credentialOf(kind)], secrets);
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'invalid_argument') return error.message;
    throw error;
  }
  return '';
}

/** The secrets of the kind itself, not those for TLS and the proxy. */
function credentialOf({ config }: Pick<HttpKind, 'config'>): readonly string[] {
  return config.secretNames.filter((name) => name !== 'key' && name !== 'http_proxy_password');
}

test('a bearer token stands in Authorization, and token and whole value may not come back', async () => {
  const injection = await inject(bearer, configOf(bearer, {}, { token: 'sesame-42' }));
  assert.deepEqual(injection.headers, ['Authorization', 'Bearer sesame-42']);
  assert.deepEqual(shown(injection), ['sesame-42', 'Bearer sesame-42']);
});

test('a kind whose credential stays makes it once for a configuration', async () => {
  const config = configOf(bearer, {}, { token: 'a' });
  assert.equal(await inject(bearer, config), await inject(bearer, config));
});

test('a header has the name that it was given, and its prefix', async () => {
  const plain = await inject(header, configOf(header, { header_name: 'X-Api-Key' }, { header_value: 'k$&1' }));
  assert.deepEqual(plain.headers, ['X-Api-Key', 'k$&1']);
  const fields = { header_name: 'Authorization', header_prefix: 'token' };
  const prefixed = await inject(header, configOf(header, fields, { header_value: 'ghp' }));
  assert.deepEqual(prefixed.headers, ['Authorization', 'token ghp']);
  assert.deepEqual(shown(prefixed), ['ghp', 'token ghp']);
});

for (const name of ['Host', 'transfer-encoding', 'Content-Length', 'connection', 'upgrade', 'TE', 'trailer', 'a b']) {
  test(`a header called ${name} is refused`, () => {
    assert.match(
      problems(header, { base_url: BASE, header_name: name }),
      /header_name is not a header that can be set/,
    );
  });
}

test('a secret with a line end cannot become a header', () => {
  using value = Secret.fromText('a\r\nX-Evil: 1');
  assert.match(problems(bearer, { base_url: BASE }, { token: value }), /token has characters/);
  const fields = { base_url: BASE, header_name: 'x' };
  assert.match(problems(header, fields, { header_value: value }), /header_value has characters/);
});

test('basic takes an empty user or an empty password, but not both', async () => {
  const of = async (fields: JsonObject, secrets: Record<string, string>) =>
    (await inject(basic, configOf(basic, fields, secrets))).headers[1];
  assert.equal(await of({ username: 'u' }, { password: 'p:q' }), `Basic ${btoa('u:p:q')}`);
  assert.equal(await of({ username: 'sk_live' }, {}), `Basic ${btoa('sk_live:')}`);
  assert.equal(await of({}, { password: 'p' }), `Basic ${btoa(':p')}`);
  assert.throws(() => basic.config.parse({ base_url: BASE }, new Map()), /username or password is required/);
  assert.match(problems(basic, { base_url: BASE, username: 'a:b' }), /username must be a name without a colon/);
});

test('a query parameter is put behind the caller’s others, and takes the place of one of its name in any escaping', async () => {
  const config = configOf(query, { query_name: 'api_key' }, { query_value: 'a b&c=d/+%' });
  const value = 'api_key=a%20b%26c%3Dd%2F%2B%25';
  const path = async (given: string) => (await inject(query, config, given)).path;
  assert.equal(await path('/v1/x'), `/v1/x?${value}`);
  assert.equal(await path('/v1/x?'), `/v1/x?${value}`);
  assert.equal(await path('/v1/x?b=%2f&a=1&a=2&c'), `/v1/x?b=%2f&a=1&a=2&c&${value}`);
  assert.equal(await path('/v1/x?api_key=mine&b=1'), `/v1/x?b=1&${value}`);
  assert.equal(await path('/v1/x?api%5Fkey=mine&%61pi_key&b;api_key=1'), `/v1/x?${value}`);
});

test('a token in the URL is escaped, and only the base path’s {token} is replaced', async () => {
  const config = configOf(url, { base_url: 'https://api.example.com/bot{token}/v2' }, { token: 'a/b?c' });
  const { path } = await inject(url, config, '/bot{token}/v2/x/{token}?q={token}');
  assert.equal(path, '/bota%2Fb%3Fc/v2/x/{token}?q={token}');
  assert.equal(url.describe(config), 'https://api.example.com/bot{token}/v2');
});

for (const [base, why] of [
  ['https://api.example.com/v1', /must have \{token\} in its path, once/],
  ['https://api.example.com/{token}/{token}', /once/],
  ['https://{token}.example.com/', /base_url/],
] as const) {
  test(`kind url refuses the base URL ${base}`, () => assert.match(problems(url, { base_url: base }), why));
}

for (const [base, why] of [
  ['http://api.example.com', /allow_plaintext is not given/],
  ['ftp://api.example.com', /must be a URL such as/],
  ['api.example.com', /must be a URL such as/],
  ['https://u:p@api.example.com', /without user, password/],
  ['https://api.example.com/?a=b', /without user, password/],
  ['https://api.example.com/#a', /without user, password/],
  ['https://api.example.com/a/../b', /path that cannot be used/],
  ['https://api.example.com/%2e%2e', /path that cannot be used/],
  ['https://api.example.com\\@evil.example', /must be a URL|without user/],
  ['https:///x', /must be a URL such as/],
] as const) {
  test(`refuses the base URL ${base}`, () => assert.match(problems(bearer, { base_url: base }), why));
}

test('an http base URL is taken where that is said', () => {
  assert.equal(problems(bearer, { base_url: 'http://127.0.0.1:8080', allow_plaintext: true }), '');
});

test('session_cookies is also spelled true and false', () => {
  const kept = (value: JsonObject[string]) =>
    configOf(bearer, { session_cookies: value }, { token: 'x' }).session_cookies;
  assert.deepEqual([true, 'true', false, 'token'].map(kept), ['service', 'service', 'off', 'token']);
});

for (const [fields, why] of [
  [{ methods: ['get'] }, /methods has an entry/],
  [{ paths: ['v1/*'] }, /paths has an entry/],
  [{ cert: 'x' }, /^$/],
  [{ http_proxy_user: 'u' }, /http_proxy is required/],
  [{ http_proxy: 'http://u:p@proxy:3128' }, /http_proxy must be http:/],
  [{ listen: '0.0.0.0:10000' }, /listen must be 127/],
  [{ listen: '127.0.0.1:70000' }, /listen must end in a port/],
  [{ set_headers: ['Host: evil'] }, /Host cannot be set/],
  [{ default_headers: ['no colon'] }, /is not NAME: VALUE/],
  [{ pass_headers: ['authorization'] }, /pass_headers can name/],
  [{ pass_headers: ['Cookie'], session_cookies: true }, /together with session_cookies/],
] as const) {
  test(`of ${JSON.stringify(fields)} it says ${why.source}`, () => {
    const given = kindProblems({ base_url: BASE, ...fields });
    assert.match(given, why);
  });
}

function kindProblems(fields: JsonObject): string {
  using key = Secret.fromText('x');
  try {
    bearer.config.validate(fields, fields.cert === undefined ? ['token'] : ['token', 'key'], { token: key });
  } catch (error) {
    if (error instanceof BrokerError) return error.message;
    throw error;
  }
  return '';
}

test('no HTTP kind has the name of a driver, and each is registered under its own', () => {
  for (const [name, kind] of httpKinds) {
    assert.equal(kind.kind, name);
    assert.ok(!drivers.has(name));
    for (const field of ['base_url', 'allow_private', 'allow_plaintext', 'skip_verify', 'http_proxy'])
      assert.ok(kind.config.redirects.includes(field), `${name}.${field} drops the secrets`);
  }
});
