import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { Canary } from '../../support/canary.ts';
import { MASTER } from '../../support/daemon.ts';
import { HttpWorld, Upstream } from '../../support/httpworld.ts';
import { issuer } from '../../support/issuer.ts';
import { struct } from '../../support/pgservice.ts';

/*
 * STYLE rule 27 for HTTP: the credential of every kind, what is made of it and what it was made of, against a server and an
 * issuer that say back all they were sent.
 */

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILT = 'dist/cli/main.js';
const canary = new Canary();
/** Printable, since it stands in headers, and different in every encoding. */
const unique = (what: string): string =>
  canary.secret(what, `${what.replaceAll(' ', '-')}+/~&"${randomBytes(9).toString('hex')}`);
const pem = (
  what: string,
  made: { privateKey: { export(o: { format: 'pem'; type: 'pkcs8' }): string | Buffer } },
): string => {
  const text = String(made.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  for (const line of text.split('\n').filter((each) => each.length > 40)) canary.secret(`${what}, a line of it`, line);
  return text;
};
const rsa = pem('key of service_account', generateKeyPairSync('rsa', { modulusLength: 2_048 }));
const ec = pem('key of jwt', generateKeyPairSync('ec', { namedCurve: 'P-256' }));

type Spec = readonly [fields: Record<string, unknown>, secrets: Record<string, string>, base?: string];
const APPLICATION = { client_id: 'broker' };
/** Fields, secrets, what of the base URL is the kind's. */
const KINDS: Readonly<Record<string, (tokenUrl: string) => Spec>> = {
  bearer: () => [{}, { token: unique('token of bearer') }],
  header: () => [{ header_name: 'X-Secret', header_prefix: 'key' }, { header_value: unique('value of header') }],
  basic: () => {
    const password = unique('password of basic');
    canary.secret('pair of basic', Buffer.from(`me:${password}`).toString('base64'));
    return [{ username: 'me' }, { password }];
  },
  url: () => [{}, { token: unique('token of url') }, '/bot{token}'],
  query: () => [{ query_name: 'key' }, { query_value: unique('value of query') }],
  oauth2_client: (token_url) => [
    { ...APPLICATION, token_url },
    { client_secret: unique('secret of oauth2_client'), refresh_token: unique('refresh token') },
  ],
  oauth2_client_credentials: (token_url) => [
    { ...APPLICATION, token_url, client_auth: 'basic' },
    { client_secret: unique('secret of oauth2_client_credentials') },
  ],
  service_account: (token_url) => [
    { scopes: ['all'] },
    { key_json: JSON.stringify({ client_email: 'a@b.example', private_key: rsa, token_uri: token_url }) },
  ],
  aws_sigv4: () => [
    { access_key_id: 'AKIDEXAMPLE', region: 'eu-central-1', service: 'dynamodb' },
    { secret_access_key: unique('secret access key'), session_token: unique('session token') },
  ],
  jwt: () => [{ key_id: 'k1', issuer: 'i', audience: 'appstoreconnect-v1' }, { private_key: ec }],
};

let world: HttpWorld;
let admin: BrokerClient;
let upstream: Upstream;
let tokens: Awaited<ReturnType<typeof issuer>>;
let folder: string;
/** What each application proves itself with. */
const known = new Map<string, readonly string[]>();
/** The issuer's mood. */
let generous = true;
let form = 0;
/** What the last request that was refused carried. */
let refusedBefore = '';
let signed = 0;

/** The ways in which a server may write down what it has received. */
const DRESS: readonly ((text: string) => string)[] = [
  (text) => text,
  encodeURIComponent,
  (text) => Buffer.from(text).toString('base64'),
  (text) => Buffer.from(`x${text}`).toString('base64url'),
  (text) => Buffer.from(text).toString('hex'),
  (text) => new URLSearchParams({ v: text }).toString(),
];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'broker-canary-'));
  world = await HttpWorld.start();
  admin = await world.daemon.admin();
  upstream = await Upstream.start(echo);
  tokens = await issuer((fields, response, count) => {
    const assertion = fields.get('assertion');
    if (assertion) canary.secret(`assertion ${count}`, assertion);
    const refused = DRESS[form++ % DRESS.length]?.(
      [...fields.values(), response.req.headers.authorization ?? ''].join(' '),
    );
    if (!generous) response.statusCode = 400;
    if (!generous) return { error: 'invalid_grant', error_description: `no: ${refused}` };
    const access = unique(`access token ${count}`);
    const renewed = fields.get('grant_type') === 'refresh_token' && { refresh_token: unique(`rotated ${count}`) };
    return { access_token: access, token_type: 'Bearer', expires_in: 3_600, ...renewed };
  });
  for (const [kind, spec] of Object.entries(KINDS)) {
    const [fields, secrets, base = ''] = spec(tokens.url);
    known.set(kind, Object.values(secrets));
    await world.add(kind, `${upstream.plain}${base}`, fields, kind, secrets);
  }
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await tokens?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Says back what it was sent, as the last segment of the path asks. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const body: Buffer[] = [];
  request.on('data', (chunk: Buffer) => body.push(chunk));
  request.on('end', () => {
    const { authorization = '' } = request.headers;
    if (/^Bearer ey/.test(authorization))
      canary.secret(`signed token ${signed++}`, authorization.slice('Bearer '.length));
    const sent = [request.url ?? '', ...request.rawHeaders, Buffer.concat(body).toString()];
    const way = /\/(\w+)(\?.*)?$/.exec(request.url ?? '')?.[1];
    // An API may well know the application that its own issuer knows: some show it to whoever administers it.
    if (way === 'application') sent.push(...(known.get(String(request.headers['x-kind'])) ?? []));
    // A token that was replaced on the way may still be good.
    if (way === 'refused') sent.push(refusedBefore);
    refusedBefore = way === 'refused' ? authorization : '';
    const whole = Buffer.from(DRESS.map((dress) => dress(sent.join('\n'))).join('\n\n'));
    const fields = DRESS.slice(1).map((dress) => dress(sent.join(' ')));
    if (way === 'head') {
      response.writeHead(403, `no ${authorization}`, { 'X-Echo': fields, 'X-Raw': sent, Trailer: 'X-End' });
      response.addTrailers({ 'X-End': authorization });
      response.end();
    } else if (way === 'gzip') response.setHeader('Content-Encoding', 'gzip').end(gzipSync(whole));
    else if (way === 'events') response.setHeader('Content-Type', 'text/event-stream').end(whole);
    else if (way === 'moved') response.writeHead(302, { Location: `/x?${fields[0]}` }).end();
    else if (way === 'refused') response.writeHead(401, { 'WWW-Authenticate': authorization }).end(whole);
    else if (way === 'broken') response.write(whole, () => response.destroy());
    else response.end(whole);
  });
}

/** Asks, and keeps whatever of the answer a client can see. @returns the status. */
async function ask(kind: string, way: string): Promise<number> {
  const { statusCode, statusText, headers, body, trailers } = await world.ask(`${kind}/a/${way}?q=1`, {
    method: 'POST',
    body: '{"a":1}',
    headers: ['Content-Type', 'application/json', 'Accept-Encoding', 'gzip', 'X-Kind', kind],
  });
  const where = `${way} of ${kind}`;
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  } catch (error) {
    canary.saw(`break in ${where}`, error);
  }
  const bytes = Buffer.concat(chunks);
  canary.saw(`body of ${where}`, bytes);
  if (headers['content-encoding'] === 'gzip' && bytes.length > 0)
    canary.saw(`body of ${where}, unpacked`, gunzipSync(bytes, { finishFlush: 2 }));
  canary.saw(`head of ${where}`, [statusText, headers, trailers]);
  return statusCode;
}

for (const kind of Object.keys(KINDS)) {
  test(`${kind}: a server that says back what it was sent`, async () => {
    assert.equal(await ask(kind, 'plain'), 200);
    assert.equal(await ask(kind, 'events'), 200);
    assert.equal(await ask(kind, 'head'), 403);
    assert.equal(await ask(kind, 'moved'), 302);
    assert.equal(await ask(kind, 'refused'), 401);
    assert.ok([200, 502].includes(await ask(kind, 'gzip')));
    assert.equal(await ask(kind, 'broken'), 200);
    canary.saw(`test of ${kind}`, await admin.services.test({ name: kind }));
    canary.saw(`record of ${kind}`, await admin.services.get({ name: kind }));
  });
}

test('an API that shows the application it was called in the name of', async () => {
  for (const kind of ['oauth2_client', 'oauth2_client_credentials']) assert.equal(await ask(kind, 'application'), 200);
});

test('an issuer that refuses, and quotes what it refuses', async () => {
  generous = false;
  for (const kind of ['oauth2_client', 'oauth2_client_credentials', 'service_account']) {
    for (let round = 0; round < DRESS.length; round++) {
      const { config, ...record } = await admin.services.get({ name: kind });
      assert.ok(config);
      // Another scope is another chain of tokens, which asks the issuer at once.
      await admin.services.set({ name: kind, config: struct({ scopes: [`s${round}`] }) });
      canary.saw(`record of ${kind}`, record);
      assert.equal(await ask(kind, 'plain'), 502);
    }
    canary.saw(`test of ${kind}, refused`, await admin.services.test({ name: kind }));
  }
  generous = true;
  for (const name of ['oauth2_client', 'oauth2_client_credentials', 'service_account'])
    await admin.services.set({ name, config: struct({ scopes: ['all'] }) });
});

test('configurations that are refused', async () => {
  for (const [kind, secrets] of [
    ['bearer', { token: `${unique('token with a line end')}\n` }],
    ['jwt', { private_key: ec.slice(0, -60) }],
    ['service_account', { key_json: `{"private_key": ${JSON.stringify(rsa)}` }],
    ['oauth2_client', { client_json: `{"client_secret": "${unique('secret in a file')}` }],
    ['query', { query_valu: unique('value of no field') }],
  ] as const) {
    const put = world.add('refused', upstream.plain, { query_name: 'k' }, kind, secrets);
    canary.saw(
      `refusal of ${kind}`,
      await put.then(
        () => assert.fail(`${kind} was taken`),
        (error: unknown) => error,
      ),
    );
  }
});

test('the control API and the command line, environments and arguments of what they start', async () => {
  const agent = canary.secret('proxy token', world.token);
  const all = Object.keys(KINDS);
  const words = [
    ...all.map((kind) => ['http', kind, 'POST', '/a/plain', 'body', '-i']),
    ['http', 'oauth2_client', 'GET', '/a/head', '-i', '--fail'],
    ['audit', 'query', '--json'],
    ['service', 'list', '--json'],
    ['doctor', 'jwt'],
    ['env', 'bearer'],
    [
      ['run', ...all.flatMap((kind) => ['--service', kind]), '--'],
      [process.execPath, '-e', 'console.log(process.env, process.argv, process.execArgv)'],
    ].flat(),
  ];
  const root = await world.daemon.adminToken();
  for (let at = 0; at < words.length; at += 4)
    await Promise.all(
      words.slice(at, at + 4).map(async (each) => {
        const { stdout, stderr } = await cli(each, each[0] === 'http' ? agent : root);
        assert.ok(stdout, `${each.join(' ')}: ${stderr}`);
        canary.saw(`stdout of ${each.slice(0, 2).join(' ')}`, each[0] === 'env' ? '' : stdout.replace(/brk_\S+/g, ''));
        canary.saw(`stderr of ${each.slice(0, 2).join(' ')}`, stderr);
      }),
    );
  canary.saw('our own arguments and environment', [process.argv, process.execArgv, process.env]);
  for (const path of ['/metrics', '/health', '/ready']) {
    const answer = await fetch(world.daemon.http + path, { headers: { 'x-api-key': root } });
    canary.saw(path, [[...answer.headers], await answer.text()]);
  }
  const query = { method: 'POST', headers: { 'x-api-key': root }, body: '{}' };
  canary.saw('/rpc', await (await fetch(`${world.daemon.http}/rpc/broker.v1.Audit/Query`, query)).text());
  await admin.vault.lock({});
  canary.saw('locked', await (await world.ask('bearer/a/plain')).body.text());
  await world.daemon.client().vault.unlock({ password: Buffer.from(MASTER) });
});

test('none of it is anywhere, and each kind had it come back', async () => {
  const records = await world.daemon.audit({ action: 'http.request' });
  for (const kind of Object.keys(KINDS)) {
    const own = records.filter(({ service }) => service === kind);
    assert.ok(
      own.some(({ detail }) => detail?.scrubbed === true),
      kind,
    );
    assert.ok(
      own.every(({ detail }) => typeof detail?.secrets === 'string' && detail.secrets !== ''),
      kind,
    );
  }
  canary.saw('audit', records);
  canary.saw('daemon log', world.daemon.log.join('\n'));
  for (const entry of readdirSync(world.daemon.home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // The rig's own certificates stand there too.
    if (entry.isFile() && !path.includes('certificates')) canary.saw(`file ${entry.name}`, readFileSync(path));
  }
  assert.ok(canary.places.size > 150, `${canary.places.size} places`);
  assert.deepEqual(canary.leaks(), []);
});

function cli(words: readonly string[], token: string): Promise<{ stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH, HOME: folder, BROKER_ADDR: world.daemon.address, BROKER_TOKEN: token };
  return new Promise((done) => {
    // Built where `npm test` runs this, which is faster; else from source.
    const program = existsSync(join(ROOT, BUILT)) ? [BUILT] : ['--import', 'tsx', 'src/cli/main.ts'];
    const options = { cwd: ROOT, env, timeout: 30_000 };
    execFile(process.execPath, [...program, ...words], options, (_error, stdout, stderr) => done({ stdout, stderr }));
  });
}
