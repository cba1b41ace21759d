import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '../../support/daemon.ts';
import { Upstream } from '../../support/httpworld.ts';
import { issuer } from '../../support/issuer.ts';
import { KEY, PresetWorld } from '../../support/presetworld.ts';

/* Where a request of each preset's clients ends up, and with which headers: written out by hand. */

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
const bearer = { authorization: `Bearer ${KEY}` };

interface Row {
  /** The variable with the address, and what a client puts behind it. */
  readonly ask: readonly [variable: string, path: string];
  /** The header in which its clients send the variable's value. */
  readonly key: readonly [header: string, variable: string];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What whoever adds the service has to give. */
  readonly fields?: Readonly<Record<string, string>>;
  /** In place of the key: what an access token is got for, from an issuer on this machine. */
  readonly secrets?: Readonly<Record<string, string>>;
}

function serviceKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const account = { client_email: 'robot@project.example', token_uri: 'https://localhost/token', private_key: pem };
  return JSON.stringify({ type: 'service_account', private_key_id: 'k1', ...account });
}

const TOKEN = 'authorization';
const ROWS: Readonly<Record<string, Row>> = {
  openai: {
    ask: ['OPENAI_BASE_URL', '/chat/completions'],
    key: [TOKEN, 'OPENAI_API_KEY'],
    url: 'https://api.openai.com/v1/chat/completions',
    headers: bearer,
  },
  anthropic: {
    ask: ['ANTHROPIC_BASE_URL', '/v1/messages'],
    key: ['x-api-key', 'ANTHROPIC_API_KEY'],
    url: 'https://api.anthropic.com/v1/messages',
    headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' },
  },
  gemini: {
    ask: ['GOOGLE_GEMINI_BASE_URL', '/v1beta/models/gemini-pro:generateContent'],
    key: ['x-goog-api-key', 'GEMINI_API_KEY'],
    url: 'https://generativelanguage.googleapis.com/v1beta/models/gemini-pro:generateContent',
    headers: { 'x-goog-api-key': KEY },
  },
  github: {
    ask: ['GITHUB_API_URL', '/repos/o/r/contents/a%2Fb?ref=main'],
    key: [TOKEN, 'GITHUB_TOKEN'],
    url: 'https://api.github.com/repos/o/r/contents/a%2Fb?ref=main',
    headers: bearer,
  },
  'github-git': {
    ask: ['GIT_CONFIG_KEY_0', 'o/r.git/info/refs?service=git-upload-pack'],
    key: ['x-broker-token', 'GIT_CONFIG_VALUE_3'],
    url: 'https://github.com/o/r.git/info/refs?service=git-upload-pack',
    headers: { authorization: basic(`x-access-token:${KEY}`) },
  },
  'github-raw': {
    ask: ['GITHUB_RAW_URL', '/o/r/main/README.md'],
    key: [TOKEN, 'GITHUB_RAW_TOKEN'],
    url: 'https://raw.githubusercontent.com/o/r/main/README.md',
    headers: bearer,
  },
  copilot: {
    ask: ['COPILOT_API_URL', '/chat/completions'],
    key: [TOKEN, 'COPILOT_GITHUB_TOKEN'],
    url: 'https://api.githubcopilot.com/chat/completions',
    headers: { ...bearer, 'copilot-integration-id': 'vscode-chat', 'editor-version': 'vscode/1.104.0' },
  },
  cursor: {
    ask: ['CURSOR_API_URL', '/v0/agents'],
    key: [TOKEN, 'CURSOR_API_KEY'],
    url: 'https://api.cursor.com/v0/agents',
    headers: bearer,
  },
  openrouter: {
    ask: ['OPENROUTER_BASE_URL', '/chat/completions'],
    key: [TOKEN, 'OPENROUTER_API_KEY'],
    url: 'https://openrouter.ai/api/v1/chat/completions',
    headers: bearer,
  },
  mistral: {
    ask: ['MISTRAL_BASE_URL', '/chat/completions'],
    key: [TOKEN, 'MISTRAL_API_KEY'],
    url: 'https://api.mistral.ai/v1/chat/completions',
    headers: bearer,
  },
  groq: {
    ask: ['GROQ_BASE_URL', '/openai/v1/chat/completions'],
    key: [TOKEN, 'GROQ_API_KEY'],
    url: 'https://api.groq.com/openai/v1/chat/completions',
    headers: bearer,
  },
  'azure-openai': {
    ask: ['AZURE_OPENAI_ENDPOINT', '/openai/deployments/d/chat/completions?api-version=2024-10-21'],
    key: ['api-key', 'AZURE_OPENAI_API_KEY'],
    url: 'https://mine.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21',
    headers: { 'api-key': KEY },
    fields: { base_url: 'https://mine.openai.azure.com' },
  },
  'google-apis': {
    ask: ['GOOGLE_APIS_URL', '/drive/v3/files?pageSize=1'],
    key: [TOKEN, 'GOOGLE_APIS_TOKEN'],
    url: 'https://www.googleapis.com/drive/v3/files?pageSize=1',
    headers: bearer,
    secrets: { client_json: JSON.stringify({ installed: { client_id: 'app' } }), refresh_token: 'refresh-me' },
  },
  'google-service': {
    ask: ['GOOGLE_APIS_URL', '/drive/v3/files?pageSize=1'],
    key: [TOKEN, 'GOOGLE_APIS_TOKEN'],
    url: 'https://www.googleapis.com/drive/v3/files?pageSize=1',
    headers: bearer,
    secrets: { key_json: serviceKey() },
  },
  slack: {
    ask: ['SLACK_API_URL', 'auth.test'],
    key: [TOKEN, 'SLACK_BOT_TOKEN'],
    url: 'https://slack.com/api/auth.test',
    headers: bearer,
  },
  stripe: {
    ask: ['STRIPE_API_BASE', '/v1/charges?limit=3'],
    key: [TOKEN, 'STRIPE_API_KEY'],
    url: 'https://api.stripe.com/v1/charges?limit=3',
    headers: bearer,
  },
  gitlab: {
    ask: ['CI_API_V4_URL', '/projects/g%2Fp'],
    key: ['private-token', 'GITLAB_TOKEN'],
    url: 'https://gitlab.com/api/v4/projects/g%2Fp',
    headers: { 'private-token': KEY },
  },
  'gitlab-git': {
    ask: ['GIT_CONFIG_KEY_0', 'g/p.git/info/refs?service=git-receive-pack'],
    key: ['x-broker-token', 'GIT_CONFIG_VALUE_3'],
    url: 'https://gitlab.com/g/p.git/info/refs?service=git-receive-pack',
    headers: { authorization: basic(`oauth2:${KEY}`) },
  },
  jira: {
    ask: ['JIRA_BASE_URL', '/rest/api/3/myself'],
    key: [TOKEN, 'JIRA_API_TOKEN'],
    url: 'https://site.atlassian.net/rest/api/3/myself',
    headers: { authorization: basic(`me@example.com:${KEY}`) },
    fields: { base_url: 'https://site.atlassian.net', username: 'me@example.com' },
  },
};

/** What the client sends: its key as the vendor's SDK would. */
function keyHeader([header, variable]: Row['key'], env: Readonly<Record<string, string>>, name: string): string {
  const value = env[variable] ?? '';
  if (variable.startsWith('GIT_CONFIG')) return value.replace('X-Broker-Token: ', '');
  if (header !== TOKEN) return value;
  return name === 'jira' ? basic(`me@example.com:${value}`) : `Bearer ${value}`;
}

describe('a client that goes by the variables of a preset', () => {
  let world: PresetWorld;
  let upstream: Upstream;
  let google: Awaited<ReturnType<typeof issuer>>;

  before(async () => {
    world = await PresetWorld.start();
    const answer = { access_token: KEY, token_type: 'Bearer', expires_in: 3_600 };
    google = await issuer(() => answer, world.http.certificates.server);
    upstream = await Upstream.start((_request, response) => void response.end('{}'), world.http.certificates.server);
  });
  after(async () => {
    await google?.[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  test('has a row here for every preset that comes with broker', async () => {
    const { presets } = await world.admin.presets.list({});
    assert.deepEqual(presets.map(({ name }) => name).sort(), Object.keys(ROWS).sort());
  });

  for (const [name, row] of Object.entries(ROWS)) {
    test(`${name}: ${row.url}`, async () => {
      const access = row.secrets ? { token_url: google.url, token_ca: world.http.certificates.ca.cert } : {};
      const { base, env } = await world.add(name, upstream, { ...row.fields, ...access }, row.secrets);
      const [variable, path] = row.ask;
      const address = (env[variable] ?? '').replace(/^url\.(.*)\.insteadOf$/, '$1');
      const [header] = row.key;
      const answer = await fetch(`${address}${path}`, { headers: { [header]: keyHeader(row.key, env, name) } });
      assert.equal(answer.status, 200, await answer.text());
      const asked = upstream.asked.at(-1);
      assert.equal(`${new URL(base).origin}${asked?.url}`, row.url);
      for (const [expected, value] of Object.entries(row.headers)) assert.equal(asked?.headers[expected], value);
      assert.doesNotMatch(JSON.stringify(asked?.rawHeaders), /brk_/);
      if (header !== Object.keys(row.headers)[0]) assert.equal(asked?.headers[header], undefined);
    });
  }

  test("anthropic: a client's own anthropic-version stays", async () => {
    const { env } = await world.add('anthropic', upstream);
    const headers = { 'x-api-key': env.ANTHROPIC_API_KEY ?? '', 'anthropic-version': '2026-01-01' };
    await (await fetch(`${env.ANTHROPIC_BASE_URL}/v1/models`, { headers })).text();
    assert.equal(upstream.asked.at(-1)?.headers['anthropic-version'], '2026-01-01');
  });
});

describe("a user's own preset files", () => {
  let home: string;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'broker-presets-'));
    mkdirSync(join(home, 'presets'));
  });
  after(() => rm(home, { recursive: true, force: true }));

  const acme = {
    name: 'acme',
    title: 'Acme',
    kind: 'header',
    config: { base_url: 'https://api.acme.example', header_name: 'x-acme-key' },
    credential: { field: 'header_value', what: 'a key', env: ['ACME_KEY'] },
    env: { ACME_URL: '{url}/v2', ACME_KEY: '{token}' },
  };
  const write = (file: string, content: object | string): void =>
    writeFileSync(join(home, 'presets', file), typeof content === 'string' ? content : JSON.stringify(content));

  test('add to those of broker, win by name, and are read anew each time', async () => {
    write('acme.json', acme);
    write('openai.json', { ...acme, name: 'openai', title: 'Our router' });
    await using daemon = await TestDaemon.start({ home });
    const agent = await daemon.proxy();
    const titles = async (): Promise<Map<string, string>> =>
      new Map((await agent.presets.list({})).presets.map(({ name, title, own }) => [name, `${title} ${own}`]));
    const first = await titles();
    assert.equal(first.get('acme'), 'Acme true');
    assert.equal(first.get('openai'), 'Our router true');
    assert.equal(first.get('anthropic'), 'Anthropic false');
    write('acme.json', { ...acme, title: 'Acme Corp' });
    assert.equal((await titles()).get('acme'), 'Acme Corp true');
    write('acme.json', { ...acme, titel: 'Acme' });
    await assert.rejects(agent.presets.list({}), /presets\/acme\.json: titel is not known \(did you mean title\?\)/);
  });

  test('keep the daemon from starting when they are not what they must be', async () => {
    const cases: readonly (readonly [object | string, RegExp])[] = [
      ['{', /presets\/acme\.json is not JSON/],
      [{ ...acme, name: 'other' }, /presets\/acme\.json: name is "other", which is not that of the file/],
      [{ ...acme, kind: 'heeder' }, /presets\/acme\.json: kind "heeder" is not known/],
      [{ ...acme, config: { ...acme.config, base_uri: 'x' } }, /config: base_uri is not a field .*base_url/],
      [{ ...acme, config: { ...acme.config, base_url: 'ftp://x' } }, /acme\.json: config: base_url must be a URL/],
      [{ ...acme, credential: { ...acme.credential, field: 'token' } }, /credential\.field token is not a secret/],
      [{ ...acme, ask: { tenant: 'mine' } }, /ask\.tenant is not a field of kind header/],
    ];
    for (const [content, says] of cases) {
      write('acme.json', content);
      await assert.rejects(TestDaemon.start({ home }), says);
    }
  });
});
