import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BrokerClient } from '../../src/cli/connect.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { toStruct } from '../../src/core/struct.ts';
import { httpKinds } from '../../src/http/registry.ts';
import { TestDaemon } from '../support/daemon.ts';
import { issuer } from '../support/issuer.ts';
import { refusal } from '../support/refusal.ts';

/* HTTP services whose tokens come from an issuer, with their credentials in stored files where they may be. */

let daemon: TestDaemon;
let admin: BrokerClient;

before(async () => {
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
});

after(() => daemon?.[Symbol.asyncDispose]());

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

async function add(kind: string, config: JsonObject, secrets: Record<string, Buffer> = {}) {
  const fields = toStruct({ base_url: 'https://api.example.com', ...config }) as never;
  return await admin.services.put({ name: 'api', kind, config: fields, secrets });
}

/** What the service’s requests carry. */
async function authorization(fresh = false): Promise<string> {
  const { gate, services, accessTokens } = daemon.instance.daemon;
  using grant = await gate.admit({ transport: 'internal', origin: 'test' }, { action: 'http', service: 'api' });
  const { config, kind } = services.resolve(grant);
  const request = { method: 'GET', origin: '', path: '/', headers: [], body: async () => Buffer.alloc(0) };
  const io = {
    now: Date.now,
    random: (bytes: number) => Buffer.alloc(bytes),
    accessToken: accessTokens.port('api'),
    fresh,
  };
  const injection = await httpKinds.get(kind)?.inject(config as never, io, request, AbortSignal.timeout(10_000));
  assert.equal(injection?.headers[0], 'Authorization');
  return injection?.headers[1] ?? '';
}

test('client and token files as Google gives them out; a rotated token is kept beside the file', async () => {
  await using endpoint = await issuer((form, _response, count) => ({
    access_token: `a${count}`,
    refresh_token: `${form.get('refresh_token')}+`,
  }));
  const client = { client_id: 'id-1', client_secret: 'secret-1', token_uri: endpoint.url };
  await admin.files.put([{ name: 'client.json', data: json({ installed: client }) }]);
  await admin.files.put([{ name: 'token.json', data: json({ token: 'old', refresh_token: 'r' }) }]);
  await add('oauth2_client', { client_json_file_ref: 'client.json', token_json_file_ref: 'token.json' });
  assert.equal(await authorization(), 'Bearer a1');
  assert.deepEqual((await admin.services.get({ name: 'api' })).secretsSet, ['refresh_token']);
  assert.equal(await authorization(), 'Bearer a1');
  await admin.services.set({ name: 'api', config: toStruct({ rate: 9 }) as never });
  assert.equal(await authorization(), 'Bearer a2');
  assert.deepEqual(
    endpoint.forms.map((form) => [form.get('refresh_token'), form.get('client_id'), form.get('client_secret')]),
    [
      ['r', 'id-1', 'secret-1'],
      ['r+', 'id-1', 'secret-1'],
    ],
  );
  for (const [file, message] of [
    [json({}), /client_json has neither "installed" nor "web"/],
    [Buffer.from('canary'), /client_json is not JSON/],
    [json({ web: {} }), /client_json has no client_id/],
  ] as const) {
    const refused = await refusal(add('oauth2_client', {}, { client_json: file }), 'invalid_argument');
    assert.match(refused.message, message);
    assert(!refused.message.includes('canary'));
  }
});

test('an application in its own name, with its scopes and audience', async () => {
  await using endpoint = await issuer((_form, _response, count) => ({ access_token: `c${count}`, expires_in: 3600 }));
  const config = { token_url: endpoint.url, client_id: 'app', scopes: ['a', 'b'], audience: 'https://api' };
  await add('oauth2_client_credentials', config, { client_secret: Buffer.from('s') });
  assert.deepEqual([await authorization(), await authorization()], ['Bearer c1', 'Bearer c1']);
  assert.deepEqual(Object.fromEntries(endpoint.forms[0] ?? []), {
    grant_type: 'client_credentials',
    client_id: 'app',
    client_secret: 's',
    scope: 'a b',
    audience: 'https://api',
  });
});

test('before anybody has logged in, the error says how', async () => {
  await add('oauth2_client', { issuer: 'https://issuer.example', client_id: 'app' });
  const error = await refusal(authorization(), 'upstream_auth');
  assert.deepEqual(
    [error.message, error.hint],
    ['nobody has logged in to this service yet', 'broker oauth login {service}'],
  );
  for (const [config, message] of [
    [{ issuer: 'http://issuer.example', client_id: 'app' }, /issuer must be an https URL/],
    [{ issuer: 'https://issuer.example' }, /client_id or client_json is required/],
    [{ client_id: 'app', authorization_params: ['state=x'] }, /authorization_params must not set state/],
  ] as const)
    assert.match((await refusal(add('oauth2_client', config as JsonObject), 'invalid_argument')).message, message);
});
