import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { fatal } from '../../../src/drivers/postgres/wire.ts';
import { PgServer } from '../../fakes/pgserver.ts';
import { Canary } from '../../support/canary.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { fakePostgres, realPostgres, struct } from '../../support/pgservice.ts';
import { collected } from '../../support/refusal.ts';
import { rig } from '../../support/rig.ts';

/* STYLE rule 27: secrets with unique markers, every path driven to success and failure, and the markers nowhere. */

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILT = 'dist/cli/main.js';
const canary = new Canary();
const unique = (what: string): string => `${what} ?/+~ ${randomBytes(9).toString('hex')}`;
const master = canary.secret('master password', unique('master'));
const wrongMaster = canary.secret('mistyped master password', unique('mistyped'));
const nextMaster = canary.secret('next master password', unique('next'));
const password = canary.secret('service password', unique('service'));
const wrongPassword = canary.secret('wrong service password', unique('wrong'));
const key = canary.secret('private key', unique('key'));
const content = canary.secret('file content', unique('content'));
const slotKey = canary.secret('slot key', unique('slot key of many bytes'));

let daemon: TestDaemon;
let admin: BrokerClient;
let adminText: string;
let agentText: string;
let server: PgServer;
let hostile: Server;
let folder: string;
let echoes = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-canary-'));
  daemon = await TestDaemon.start({ password: master });
  server = await PgServer.start(password);
  adminText = canary.secret('admin token', await daemon.adminToken(master));
  admin = await daemon.admin(master);
  agentText = canary.secret('proxy token', await daemon.proxyToken('agent', '*'));
  hostile = createServer((socket) => {
    // Says back what it should never have been sent, in every dress.
    const bytes = Buffer.from(password);
    const forms = [password, bytes.toString('base64'), bytes.toString('hex'), encodeURIComponent(password)];
    const turn = echoes++;
    const code = turn % 2 === 0 ? '28000' : '53300';
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end(fatal(code, `got ${forms[Math.floor(turn / 2) % forms.length]}`)));
  });
  hostile.listen(0, '127.0.0.1');
  await once(hostile, 'listening');
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  hostile?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Does something that fails, and keeps what could be seen of the failure. */
async function failing(what: string, answer: Promise<unknown>): Promise<void> {
  const error: unknown = await answer.then(
    () => assert.fail(`${what} did not fail`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof assert.AssertionError) throw error;
  canary.saw(`error of ${what}`, error);
}

async function seen<T>(what: string, answer: Promise<T>): Promise<T> {
  const value = await answer;
  canary.saw(`answer to ${what}`, value);
  return value;
}

const hostilePort = (): number => {
  const address = hostile.address();
  return typeof address === 'object' && address ? address.port : 0;
};

test('services, good and bad, tell nothing of their secrets', async () => {
  const put = fakePostgres('db', server);
  await seen('put', admin.services.put(put));
  await failing(
    'put with an unknown field',
    admin.services.put(fakePostgres('x', server, { config: struct({ hots: 'a' }) })),
  );
  await failing(
    'put of an unknown secret',
    admin.services.put(fakePostgres('x', server, { secrets: { pasword: Buffer.from(password) } })),
  );
  await failing(
    'put with the secret among the fields',
    admin.services.put(fakePostgres('x', server, { config: struct({ host: 'a', user: 'b', password }) })),
  );
  await failing('put over a taken name', admin.services.put({ ...fakePostgres('db', server), createOnly: true }));
  await failing('put by an agent', daemon.client(agentText).services.put(fakePostgres('y', server)));
  await seen('set', admin.services.set({ name: 'db', secrets: { password: Buffer.from(password) } }));
  await failing('set that drops it', admin.services.set({ name: 'db', config: struct({ host: 'b.test' }) }));
  const { cert } = rig().tls.client;
  const keyed = realPostgres('keyed', { cert, user: 'certuser', min_auth: 'cert' });
  await seen('put with a key', admin.services.put({ ...keyed, secrets: { key: Buffer.from(key) } }));
  await seen('set key', admin.services.set({ name: 'keyed', secrets: { key: Buffer.from(key) } }));
  await failing('open with a key that is none', admin.sessions.open({ service: 'keyed' }));
  await seen('get', admin.services.get({ name: 'db' }));
  await seen('list', admin.services.list({}));
  await seen('list of an agent', daemon.client(agentText).services.list({}));
});

test('sessions, served and refused, tell nothing of them', async () => {
  const agent = daemon.client(agentText);
  const session = await seen('open', agent.sessions.open({ service: 'db', reason: 'canary' }));
  const client = new pg.Client({
    host: session.host,
    port: session.port,
    user: 'me',
    database: 'me',
    password: 'mine',
  });
  client.on('error', (error) => canary.saw('client error', error));
  await client.connect();
  canary.saw('client result', await client.query('select 1'));
  await client.end();
  const ticketed = await agent.sessions.open({ service: 'db', check: 'CLIENT_CHECK_TICKET', connections: 0 });
  canary.secret('ticket', ticketed.ticket);
  for (const ticket of ['not the ticket', ticketed.ticket]) {
    const visitor = new pg.Client({
      host: ticketed.host,
      port: ticketed.port,
      user: 'me',
      database: 'me',
      password: ticket,
    });
    visitor.on('error', (error) => canary.saw('visitor error', error));
    await visitor.connect().catch((error: unknown) => canary.saw('visitor error', error));
    await visitor.end().catch((error: unknown) => canary.saw('visitor error', error));
  }
  await seen('sessions', admin.sessions.list({}));
  await seen('close', agent.sessions.close({ id: ticketed.id }));
  server.behaviour = 'downgrade';
  await failing('downgrade', agent.sessions.open({ service: 'db' }));
  server.behaviour = 'normal';
  await admin.services.put(fakePostgres('wrong', server, { secrets: { password: Buffer.from(wrongPassword) } }));
  await failing('wrong password', agent.sessions.open({ service: 'wrong' }));
  await seen('test', admin.services.test({ name: 'wrong' }));
  const real = { ...realPostgres('real'), secrets: { password: Buffer.from(password) } };
  await admin.services.put(real);
  await failing('wrong SCRAM password', agent.sessions.open({ service: 'real' }));
  await admin.services.put({
    ...realPostgres('real', { ca: rig().tls.otherCa.cert }),
    secrets: { password: Buffer.from(password) },
  });
  await failing('untrusted certificate', agent.sessions.open({ service: 'real' }));
  const config = struct({
    host: '127.0.0.1',
    port: hostilePort(),
    user: 'app',
    tls: 'disable',
    min_auth: 'md5',
    spares: 0,
  });
  await admin.services.put(fakePostgres('hostile', server, { config }));
  for (let round = 0; round < 4; round++) {
    await failing('an echo', agent.sessions.open({ service: 'hostile' }));
    await seen('test of an echo', admin.services.test({ name: 'hostile' }));
  }
  const { instance } = daemon;
  const caller = { transport: 'internal', origin: 'internal' } as const;
  for (const service of ['wrong', 'real', 'hostile', 'nowhere'])
    await failing('open inside', instance.daemon.sessions.open(caller, { service }, AbortSignal.timeout(10_000)));
});

test('vault, tokens and files tell nothing of them', async () => {
  const client = daemon.client();
  await failing('unlock', client.vault.unlock({ password: Buffer.from(wrongMaster) }));
  await failing('key unlock', client.vault.unlock({ key: Buffer.from(slotKey) }));
  await client.vault.unlock({ password: Buffer.from(master) });
  await failing('a second vault', client.vault.initialize({ password: Buffer.from(nextMaster) }));
  canary.secret('elevated token', (await client.vault.elevate({ password: Buffer.from(master) })).token);
  await seen('slot', admin.vault.addKeySlot({ key: Buffer.from(slotKey), label: 'slot' }));
  await failing('slot twice', admin.vault.addKeySlot({ key: Buffer.from(slotKey), label: 'slot' }));
  await seen('unslot', admin.vault.removeKeySlot({ label: 'slot' }));
  await failing(
    'passwd',
    admin.vault.changePassword({ oldPassword: Buffer.from(wrongMaster), newPassword: Buffer.from(nextMaster) }),
  );
  await seen(
    'passwd',
    admin.vault.changePassword({ oldPassword: Buffer.from(master), newPassword: Buffer.from(nextMaster) }),
  );
  await seen('status', admin.vault.status({}));
  await seen('file', admin.files.put([{ name: 'file', data: Buffer.from(content) }]));
  await failing('bad file', admin.files.put([{ name: '../file', data: Buffer.from(content) }]));
  await failing('file of an agent', collected(daemon.client(agentText).files.get({ name: 'file' })));
  await collected(admin.files.get({ name: 'file' }));
  await seen('files', admin.files.list({}));
  const made = await admin.tokens.create({
    name: 'made',
    scope: 'proxy',
    grants: [{ services: '*', actions: ['open'] }],
  });
  canary.secret('made token', made.text);
  canary.saw('made token record', made.token);
  await seen('tokens', admin.tokens.list({}));
  await seen('revoke', admin.tokens.revoke({ token: 'made' }));
  await failing('revoked', daemon.client(made.text).services.list({}));
  await failing('tampered', daemon.client(`${adminText.slice(0, -1)}x`).services.list({}));
  const backup = Buffer.concat((await collected(admin.vault.backup({}))).map(({ data }) => data));
  canary.saw('backup', backup);
  await failing('restore', admin.vault.restore([{ password: Buffer.from(wrongMaster), data: Buffer.from(backup) }]));
  await seen('restore', admin.vault.restore([{ password: Buffer.from(nextMaster), data: Buffer.from(backup) }]));
  await seen('verify', admin.audit.verify({}));
});

test('the command line tells nothing of them', async () => {
  const files = { master: nextMaster, wrong: wrongMaster, password, content };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const path = (name: string): string => join(folder, name);
  const add = ['service', 'add', '--kind', 'postgres', '--host', '127.0.0.1', '--user', 'app', '--tls', 'disable'];
  const commands: [string, string[], string][] = [
    ['admin', ['status'], ''],
    ['admin', ['service', 'list', '--json'], ''],
    ['admin', [...add, 'c1', '--password-stdin'], password],
    ['admin', [...add, 'c2', '--password-file', path('password')], ''],
    ['admin', [...add, 'c3', '--password-env', 'CANARY_PASSWORD'], ''],
    ['admin', [...add, 'c4', '--passwrd-stdin'], password],
    ['agent', [...add, 'c5', '--password-stdin'], password],
    ['admin', ['service', 'show', 'db'], ''],
    ['admin', ['service', 'test', 'hostile'], ''],
    ['agent', ['postgres', 'hostile'], ''],
    ['agent', ['postgres', 'wrong', '--json'], ''],
    ['agent', ['postgres', 'db', '--json'], ''],
    ['agent', ['postgres', 'db', '--env'], ''],
    [
      'agent',
      ['postgres', 'db', '--', process.execPath, '-e', 'console.log(process.env.PGPASSWORD, process.argv)'],
      '',
    ],
    ['', ['unlock', '--password-file', path('wrong')], ''],
    ['admin', ['file', 'put', 'cli', path('content')], ''],
    ['admin', ['token', 'list', '--json'], ''],
    ['admin', ['audit', 'query', '--json'], ''],
    ['admin', ['audit', 'verify'], ''],
    ['admin', ['doctor', 'wrong'], ''],
  ];
  const run = async ([who, words, input]: (typeof commands)[number]): Promise<void> => {
    const token = who === 'admin' ? adminText : who === 'agent' ? agentText : '';
    const { stdout, stderr } = await cli(words, input, token);
    canary.saw(`stdout of ${words.join(' ')}`, stdout);
    canary.saw(`stderr of ${words.join(' ')}`, stderr);
    assert.ok(stdout || stderr, words.join(' '));
  };
  for (let at = 0; at < commands.length; at += 4) await Promise.all(commands.slice(at, at + 4).map(run));
});

test('the same over HTTP: bodies, headers, refusals and metrics', async () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const post = async (method: string, body: unknown, token = adminText): Promise<number> => {
    const answer = await fetch(`${daemon.http}/rpc/broker.v1.${method}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'x-api-key': token },
    });
    canary.saw(`headers of /rpc/${method}`, [...answer.headers]);
    canary.saw(`body of /rpc/${method}`, await answer.text());
    return answer.status;
  };
  const config = { host: '127.0.0.1', port: hostilePort(), user: 'u', tls: 'disable', spares: 0 };
  const record = { name: 'web', kind: 'postgres', config, secrets: { password: base64(password) } };
  assert.equal(await post('Services/Put', record), 200);
  assert.equal(await post('Services/Put', { ...record, config: { ...config, password } }), 400);
  assert.equal(await post('Services/Put', { ...record, secrets: { password } }), 400);
  assert.equal(await post('Services/Put', `{"name": "${password}`), 400);
  assert.equal(await post('Services/Put', record, agentText), 403);
  assert.equal(await post('Vault/Elevate', { password: base64(wrongMaster) }, ''), 403);
  assert.ok((await post('Sessions/Open', { service: 'web' }, agentText)) >= 400);
  assert.equal(await post('Audit/Query', {}), 200);
  for (const path of ['/metrics', '/health', '/ready', `/metrics?key=${agentText}`, `/proxy/web/?key=${agentText}`]) {
    const answer = await fetch(daemon.http + path, {
      headers: { authorization: `Bearer ${password.replace(/\W/g, '')}` },
    });
    canary.saw(`head of ${path.split('?')[0]}`, [...answer.headers]);
    canary.saw(`body of ${path.split('?')[0]}`, await answer.text());
  }
});

test('none of it is anywhere: not in answers, errors, trailers, output, logs, the audit log or any file of the home', async () => {
  canary.saw('daemon log', daemon.log.join('\n'));
  for (const entry of readdirSync(daemon.home, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) canary.saw(`file ${entry.name}`, readFileSync(join(entry.parentPath, entry.name)));
  const { places } = canary;
  for (const place of [
    'daemon log',
    'file audit.log',
    'file vault.broker',
    'error of an echo',
    'stderr of postgres hostile',
  ])
    assert.ok(places.has(place), place);
  assert.ok(daemon.log.length > 20 && places.size > 60, `${daemon.log.length} lines, ${places.size} places`);
  assert.deepEqual(canary.leaks(), []);
});

test('a planted leak is found in every form', () => {
  const bytes = Buffer.from(password);
  const forms = [
    password,
    bytes.toString('hex'),
    bytes.toString('base64'),
    Buffer.concat([Buffer.from('x'), bytes]).toString('base64url'),
    encodeURIComponent(password),
  ];
  for (const form of forms) {
    const planted = new Canary();
    planted.secret('it', password);
    planted.saw('there', new Error('outer', { cause: { deep: { deeper: [`see ${form}.`] } } }));
    assert.deepEqual(planted.leaks(), ['it in there'], form);
  }
});

function cli(words: readonly string[], input: string, token: string): Promise<{ stdout: string; stderr: string }> {
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    BROKER_ADDR: daemon.address,
    CANARY_PASSWORD: password,
    ...(token && { BROKER_TOKEN: token }),
  };
  return new Promise((resolve) => {
    // Built where `npm test` runs this, which is faster; else from source.
    const program = existsSync(join(ROOT, BUILT)) ? [BUILT] : ['--import', 'tsx', 'src/cli/main.ts'];
    const options = { cwd: ROOT, env, timeout: 30_000 };
    const child = execFile(process.execPath, [...program, ...words], options, (_error, stdout, stderr) =>
      resolve({ stdout, stderr }),
    );
    child.stdin?.on('error', () => undefined).end(input);
  });
}
