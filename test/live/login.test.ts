import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import type { BrokerClient } from '../../src/cli/connect.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { fromMillis } from '../../src/core/rpc.ts';
import { toStruct } from '../../src/core/struct.ts';
import { TestDaemon } from '../support/daemon.ts';
import { CLIENT, Issuer } from '../support/oidc.ts';
import { refusal } from '../support/refusal.ts';
import { rig } from '../support/rig.ts';
import { Visitor } from '../support/visitor.ts';

/* `OAuth.Begin` and `Status` against a real authorisation server: by a browser, by hand, by device. */

let daemon: TestDaemon;
let admin: BrokerClient;
let issuer: Issuer;

before(async () => {
  issuer = await Issuer.start();
  daemon = await TestDaemon.start({ flags: { http: '127.0.0.1:0' } });
  admin = await daemon.admin();
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

const struct = (config: JsonObject) => toStruct(config) as never;
const atCallback = (url: string): boolean => url.includes('/oauth2/callback?');

async function add(name: string, config: JsonObject = {}): Promise<void> {
  const fields = {
    base_url: 'https://api.example.com',
    issuer: issuer.url,
    token_ca: rig().tls.ca.cert,
    client_id: CLIENT.client_id,
    scopes: ['openid', 'offline_access'],
    authorization_params: ['prompt=consent'],
    ...config,
  };
  const secrets = { client_secret: Buffer.from(CLIENT.client_secret) };
  await admin.services.put({ name, kind: 'oauth2_client', config: struct(fields), secrets });
}

async function outcome(id: string): Promise<string> {
  const { state, error } = await admin.oAuth.status({ id, wait: fromMillis(20_000) });
  return `${state} ${error}`.trim();
}

/** A token by the refresh token that is in the vault now. */
async function fetchesTokens(name: string): Promise<void> {
  const grants = issuer.given.filter((type) => type === 'refresh_token').length;
  const { daemon: inside } = daemon.instance;
  const caller = { transport: 'internal', origin: 'test' } as const;
  using grant = await inside.gate.admit(caller, { action: 'http', service: name });
  const { config } = inside.services.resolve(grant);
  const kind = (await import('../../src/http/kinds/oauth2_client.ts')).oauth2Client;
  const io = {
    now: Date.now,
    random: (bytes: number) => Buffer.alloc(bytes),
    accessToken: inside.accessTokens.port(name),
    fresh: false,
  };
  const request = {
    method: 'GET',
    origin: 'https://api.example.com',
    path: '/',
    headers: [],
    body: async () => Buffer.alloc(0),
  };
  const { headers } = await kind.inject(config as never, io, request, AbortSignal.timeout(10_000));
  assert.match(headers[1] ?? '', /^Bearer .{20,}/);
  assert.equal(issuer.given.filter((type) => type === 'refresh_token').length, grants + 1);
}

test('a login in a browser puts the refresh token into the vault, and the page shows nothing of it', async () => {
  await add('browser');
  const begun = await admin.oAuth.begin({ service: 'browser' });
  const browser = await chromium.launch({
    executablePath: process.env.BROKER_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ].concat('--disable-component-update', '--disable-sync'),
  });
  try {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(begun.url);
    await page.fill('input[name=login]', 'alice');
    await page.fill('input[name=password]', 'any');
    await page.click('button[type=submit]');
    const arrived = page.waitForResponse((response) => atCallback(response.url()));
    await page.click('text=Continue');
    const response = await arrived;
    await page.waitForLoadState();
    assert.equal(await page.textContent('p'), 'Logged in. This window can be closed.');
    assert.match((await response.allHeaders())['content-security-policy'] ?? '', /^default-src 'none'/);
  } finally {
    await browser.close();
  }
  assert.equal(await outcome(begun.id), 'STATE_DONE');
  const service = await admin.services.get({ name: 'browser' });
  assert.deepEqual(service.secretsSet.toSorted(), ['client_secret', 'refresh_token']);
  assert.equal(service.config?.fields.token_url?.stringValue, `${issuer.url}/token`);
  await fetchesTokens('browser');
  const [record] = await daemon.audit({ action: 'oauth.login' });
  assert.deepEqual([record?.outcome, record?.service, record?.caller.token], ['ok', 'browser', 'root']);
});

test('a state is good once, and the old callback path works as well', async () => {
  await add('once');
  const redirectUri = `http://127.0.0.1:${daemon.instance.httpPort}/auth/oauth2/callback`;
  const begun = await admin.oAuth.begin({ service: 'once', redirectUri });
  const asked = new URL(begun.url).searchParams;
  assert.equal(asked.get('code_challenge_method'), 'S256');
  assert.equal(asked.get('redirect_uri'), redirectUri);
  await using visitor = new Visitor();
  const { url } = await visitor.visit(begun.url, atCallback);
  const forged = new URL(url);
  forged.searchParams.set('state', 'x'.repeat(43));
  assert.equal((await fetch(forged)).status, 404);
  assert.equal((await fetch(url)).status, 200);
  const again = await fetch(url);
  assert.equal(again.status, 404);
  const page = await again.text();
  for (const value of new URL(url).searchParams.values()) assert(!page.includes(value));
  assert.equal(await outcome(begun.id), 'STATE_DONE');
});

test('what goes wrong is told to whoever began the login, and leaves the service as it was', async () => {
  await add('wrong');
  const callback = async (change: (url: URL) => void): Promise<string> => {
    const begun = await admin.oAuth.begin({ service: 'wrong' });
    await using visitor = new Visitor();
    const url = new URL((await visitor.visit(begun.url, atCallback)).url);
    change(url);
    assert.notEqual((await fetch(url)).status, 200);
    return await outcome(begun.id);
  };
  assert.match(
    await callback((url) => url.searchParams.set('code', 'forged')),
    /FAILED wrong: the issuer said no: "inv/,
  );
  assert.match(
    await callback((url) => url.searchParams.set('iss', 'https://other.example')),
    /FAILED wrong: the issuer’s answer is not what it has to be/,
  );
  assert.match(
    await callback((url) => {
      url.searchParams.delete('code');
      url.searchParams.set('error', 'access_denied');
    }),
    /FAILED wrong: the issuer said no: "access_denied"/,
  );
  const begun = await admin.oAuth.begin({ service: 'wrong' });
  await using visitor = new Visitor();
  const { url } = await visitor.visit(begun.url, atCallback);
  await admin.services.set({ name: 'wrong', config: struct({ rate: 5 }) });
  assert.equal((await fetch(url)).status, 409);
  assert.match(await outcome(begun.id), /FAILED wrong: service wrong was changed meanwhile/);
  assert.deepEqual((await admin.services.get({ name: 'wrong' })).secretsSet, ['client_secret']);
});

test('a login by device ends when the code was typed in elsewhere', async () => {
  await add('device');
  const begun = await admin.oAuth.begin({ service: 'device', device: true });
  assert.match(begun.userCode, /^\w{4}-\w{4}$/);
  await using visitor = new Visitor();
  await visitor.visit(begun.url);
  assert.equal(await outcome(begun.id), 'STATE_DONE');
  await fetchesTokens('device');
});

test('logins are the starter’s own, at most ten, for services that have them, and back to this machine', async () => {
  await add('many');
  const { id } = await admin.oAuth.begin({ service: 'many' });
  const { text } = await admin.tokens.create({ name: 'second', scope: 'admin', anyUid: true });
  await refusal(daemon.client(text).oAuth.status({ id }), 'not_found');
  await refusal((await daemon.proxy()).oAuth.begin({ service: 'many' }), 'denied');
  await refusal(
    admin.oAuth.begin({ service: 'many', redirectUri: 'https://evil.example/oauth2/callback' }),
    'invalid_argument',
  );
  await admin.services.put({
    name: 'plain',
    kind: 'bearer',
    config: struct({ base_url: 'https://api.example.com' }),
    secrets: { token: Buffer.from('x') },
  });
  await refusal(admin.oAuth.begin({ service: 'plain' }), 'invalid_argument');
  const begin = () => admin.oAuth.begin({ service: 'many' });
  for (let started = 1; started < 10; started++) await begin();
  await refusal(begin(), 'exhausted');
});
