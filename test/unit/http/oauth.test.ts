import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { isTokenUrl, type OAuthSettings } from '../../../src/core/oauth.ts';
import { Secret } from '../../../src/core/secret.ts';
import { Chain } from '../../../src/http/chain.ts';
import { requestToken } from '../../../src/http/tokenrequest.ts';
import { CACHED, failure, issuer, never, refresh, source, text } from '../../support/issuer.ts';
import { refusal } from '../../support/refusal.ts';

test('asks once for however many want a token, and again only when it is about to end', async () => {
  let now = 1_000_000;
  await using endpoint = await issuer((_form, _response, count) => ({ access_token: `t${count}`, expires_in: 3600 }));
  const tokens = source({ now: () => now });
  const get = async (fresh = false) => text(await tokens.get('mail', refresh(endpoint.url), { fresh }, never));
  assert.deepEqual(await Promise.all([get(), get(), get()]), ['t1', 't1', 't1']);
  assert.equal(await get(), 't1');
  now += 3_299_000;
  assert.equal(await get(), 't1');
  assert.equal(endpoint.forms.length, 1);
  now += 242_000;
  assert.equal(await get(), 't2');
  assert.equal(await get(true), 't3');
  assert.deepEqual(Object.fromEntries(endpoint.forms[0] ?? []), {
    grant_type: 'refresh_token',
    refresh_token: 'refresh-canary',
    client_id: 'broker',
    client_secret: 'client-canary',
    scope: 'mail',
  });
});

test('services do not share tokens, and other settings start anew', async () => {
  await using endpoint = await issuer((_form, _response, count) => ({ access_token: `t${count}`, expires_in: 3600 }));
  const tokens = source();
  assert.equal(text(await tokens.get('a', refresh(endpoint.url), CACHED, never)), 't1');
  assert.equal(text(await tokens.get('b', refresh(endpoint.url), CACHED, never)), 't2');
  assert.equal(text(await tokens.get('a', refresh(endpoint.url, 'another'), CACHED, never)), 't3');
});

test('a rotated refresh token is stored before its access token is used, and used from then on', async () => {
  const stored: string[] = [];
  await using endpoint = await issuer((_form, _response, count) => ({
    access_token: `t${count}`,
    refresh_token: `r${count}`,
  }));
  let release = (): void => undefined;
  const disk = new Promise<void>((resolve) => {
    release = resolve;
  });
  const tokens = source({
    rotated: async (service, { to }) => {
      stored.push(`${service} ${text(to)}`);
      await disk;
    },
  });
  let used = false;
  const first = tokens.get('mail', refresh(endpoint.url, 'r0'), CACHED, never).then((token) => {
    used = true;
    return text(token);
  });
  while (stored.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(used, false);
  release();
  assert.equal(await first, 't1');
  // Whoever opened the record before, and whoever reads the new one, share what is there.
  assert.equal(text(await tokens.get('mail', refresh(endpoint.url, 'r0'), CACHED, never)), 't1');
  assert.equal(text(await tokens.get('mail', refresh(endpoint.url, 'r1'), CACHED, never)), 't1');
  assert.equal(text(await tokens.get('mail', refresh(endpoint.url, 'r0'), { fresh: true }, never)), 't2');
  assert.deepEqual(stored, ['mail r1', 'mail r2']);
  assert.deepEqual(
    endpoint.forms.map((form) => form.get('refresh_token')),
    ['r0', 'r1'],
  );
});

test('a refresh token that cannot be stored is an error, and stored at the next call', async () => {
  let broken = true;
  const stored: string[] = [];
  await using endpoint = await issuer((_form, _response, count) => ({
    access_token: `t${count}`,
    refresh_token: `r${count}`,
  }));
  const tokens = source({
    rotated: async (_service, { to }) => {
      if (broken) throw new Error('disk full');
      stored.push(text(to));
    },
  });
  assert.equal((await failure(tokens.get('mail', refresh(endpoint.url), CACHED, never))).code, 'unavailable');
  broken = false;
  assert.equal(text(await tokens.get('mail', refresh(endpoint.url), CACHED, never)), 't2');
  assert.deepEqual(stored, ['r1', 'r2']);
});

test('a caller that leaves does not stop the request that has begun', async () => {
  const abort = new AbortController();
  await using endpoint = await issuer(() => {
    abort.abort();
    return { access_token: 't1', refresh_token: 'r1' };
  });
  const stored: string[] = [];
  const tokens = source({ rotated: async (_service, { to }) => void stored.push(text(to)) });
  assert.equal((await failure(tokens.get('mail', refresh(endpoint.url), CACHED, abort.signal))).code, 'cancelled');
  await tokens.settled();
  assert.deepEqual(stored, ['r1']);
});

test('says what the issuer said, without the secrets, and whose fault it is', async () => {
  const answers: [number, unknown, string, RegExp][] = [
    [
      400,
      { error: 'invalid_grant', error_description: 'gone: refresh-canary' },
      'upstream_auth',
      /"invalid_grant: gone: \*\*\*"$/,
    ],
    [401, { error: 'invalid_client' }, 'upstream_auth', /"invalid_client"$/],
    [401, { error: 'no', error_description: 'bad client-canary' }, 'upstream_auth', /"no: bad \*\*\*"$/],
    [429, { error: 'slow_down' }, 'upstream_refused', /"slow_down"$/],
    [503, 'down', 'upstream_refused', /HTTP 503$/],
    [302, {}, 'upstream_auth', /HTTP 302$/],
    [200, { token: 'no' }, 'upstream_auth', /HTTP 200$/],
    [200, { access_token: 'x'.repeat(70_000) }, 'upstream_protocol', /more than 65536 bytes$/],
  ];
  for (const [status, body, code, message] of answers) {
    await using endpoint = await issuer((_form, response) => {
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {});
      return body;
    });
    const error = await failure(source().get('mail', refresh(endpoint.url), CACHED, never));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert(!inspect(error, { depth: 6 }).includes('canary'));
    assert.equal(endpoint.forms.length, 1);
  }
  const refused = await failure(source().get('mail', refresh('http://127.0.0.1:1/'), CACHED, never));
  assert.equal(
    `${refused.code}: ${refused.message}`,
    'denied: the OAuth2 issuer at 127.0.0.1:1: that port is not dialled',
  );
});

test('a service account signs in the name of the mailbox', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await using endpoint = await issuer(() => ({ access_token: 'sa', expires_in: 10 }));
  const file = {
    type: 'service_account',
    client_email: 'robot@project.test',
    private_key_id: 'k1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: endpoint.url,
  };
  const account = (json: string): OAuthSettings => ({
    type: 'service_account',
    key: Secret.fromText(json),
    subject: 'alice@example.test',
    scope: 'mail',
    tokenUrl: undefined,
    ca: undefined,
  });
  const tokens = source({ now: () => 1_000_000_000_000 });
  assert.equal(text(await tokens.get('mail', account(JSON.stringify(file)), CACHED, never)), 'sa');
  const form = endpoint.forms[0];
  assert.equal(form?.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer');
  const [header = '', claims = '', signature = ''] = form?.get('assertion')?.split('.') ?? [];
  assert(
    verify(
      'sha256',
      Buffer.from(`${header}.${claims}`),
      createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
      Buffer.from(signature, 'base64url'),
    ),
  );
  assert.deepEqual(JSON.parse(Buffer.from(claims, 'base64url').toString()), {
    iss: 'robot@project.test',
    aud: endpoint.url,
    iat: 1_000_000_000,
    exp: 1_000_000_300,
    scope: 'mail',
    sub: 'alice@example.test',
  });
  for (const [json, message] of [
    ['not json canary', /^service_account is not JSON$/],
    [JSON.stringify({ ...file, client_email: 1 }), /^service_account has no client_email$/],
    [
      JSON.stringify({ ...file, private_key: 'canary' }),
      /^service_account: private_key is not a private key in PEM form$/,
    ],
  ] as const) {
    const error = await failure(source().get('mail', account(json), CACHED, never));
    assert.equal(error.code, 'invalid_argument');
    assert.match(error.message, message);
  }
});

test('a refresh token that the issuer takes no longer: how to log in again, and how to store another', async () => {
  await using endpoint = await issuer((_form, response) => {
    response.statusCode = 400;
    return { error: 'invalid_grant' };
  });
  const error = await failure(source().get('mail', refresh(endpoint.url), CACHED, never));
  assert.equal(error.code, 'upstream_auth');
  assert.match(
    error.hint ?? '',
    /broker oauth login \{service\}; .*broker service set \{service\} --refresh-token-stdin$/,
  );
});

test('clear wipes what is kept', async () => {
  await using endpoint = await issuer((_form, _response, count) => ({ access_token: `t${count}` }));
  const tokens = source();
  assert.equal(text(await tokens.get('mail', refresh(endpoint.url), CACHED, never)), 't1');
  tokens.clear();
  assert.equal(text(await tokens.get('mail', refresh(endpoint.url), CACHED, never)), 't2');
});

test('a token endpoint is https, or on this machine', () => {
  for (const url of ['https://a.test/token', 'http://127.0.0.1:1/t', 'http://[::1]:1/t']) assert(isTokenUrl(url), url);
  for (const url of ['http://a.test/token', 'https://u:p@a.test/', 'ftp://a.test', 'https://a.test/#x', 'nonsense'])
    assert(!isTokenUrl(url), url);
});

test('a token endpoint in the clear is not asked, whoever named it', async () => {
  let asked = 0;
  const fetch = async (): Promise<Response> => {
    asked += 1;
    return new Response('{}');
  };
  for (const tokenUrl of ['http://issuer.test/token', 'https://user:pw@issuer.test/token', 'file:///etc/passwd'])
    await refusal(requestToken(fetch, refresh(tokenUrl), undefined, 0), 'invalid_argument');
  assert.equal(asked, 0);
});

test('a chain is of one application and its secret; what it holds is wiped at its end', () => {
  const settings = refresh('https://issuer.test/token');
  const chain = new Chain(settings);
  assert.ok(chain.fits(refresh('https://issuer.test/token')));
  for (const change of [
    { clientId: 'other' },
    { clientSecret: Secret.fromText('other') },
    { tokenUrl: 'https://evil.test/token' },
    { scope: 'more' },
    { refreshToken: Secret.fromText('of somebody else') },
  ])
    assert.ok(!chain.fits({ ...settings, ...change }), Object.keys(change)[0]);
  const [token, newer] = [Secret.fromText('access'), Secret.fromText('refresh')];
  chain.renew(token, { renewAt: 1, goodUntil: 2 });
  chain.advance(newer);
  chain.end();
  assert.ok(token.disposed && newer.disposed);
});

test('a chain wipes what it replaces, and what a request brings that outlives it', async () => {
  const chain = new Chain(refresh('https://issuer.test/token'));
  const tokens = ['one', 'two'].map((word) => Secret.fromText(word));
  const refreshTokens = ['three', 'four'].map((word) => Secret.fromText(word));
  for (const token of tokens) chain.renew(token, { renewAt: 1, goodUntil: 2 });
  for (const token of refreshTokens) chain.advance(token);
  const disposed = (): boolean[] => [...tokens, ...refreshTokens].map((secret) => secret.disposed);
  assert.deepEqual(disposed(), [true, false, true, false]);
  chain.running = Promise.resolve(Secret.fromText('on its way'));
  chain.end();
  // Whoever waits for the request copies its token first.
  assert.deepEqual(disposed(), [true, false, true, false]);
  chain.settled();
  await turn();
  assert.deepEqual(disposed(), [true, true, true, true]);
});

test('secrets are lent both ways: a caller wipes its own at once, and its token when it is done', async () => {
  await using endpoint = await issuer((_form, _response, count) => ({ access_token: `t${count}`, expires_in: 3600 }));
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = JSON.stringify({
    type: 'service_account',
    client_email: 'a@b',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: endpoint.url,
  });
  const account = {
    type: 'service_account',
    key: Secret.fromText(key),
    subject: undefined,
    tokenUrl: undefined,
  } as const;
  const rest = { scope: undefined, ca: undefined };
  for (const settings of [refresh(endpoint.url), { ...account, ...rest }]) {
    const tokens = source();
    const asked = tokens.get('mail', settings, CACHED, never);
    for (const value of Object.values(settings)) if (value instanceof Secret) value[Symbol.dispose]();
    const count = endpoint.forms.length + 1;
    {
      using token = await asked;
      assert.equal(text(token), `t${count}`);
    }
  }
  const tokens = source();
  for (const _ of [1, 2]) {
    using token = await tokens.get('mail', refresh(endpoint.url), CACHED, never);
    assert.equal(text(token), 't3');
  }
  {
    using kept = await tokens.get('mail', refresh(endpoint.url), CACHED, never);
    tokens.clear();
    assert.equal(text(kept), 't3');
  }
});
