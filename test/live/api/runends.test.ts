import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { TestDaemon } from '../../support/daemon.ts';
import { Upstream } from '../../support/httpworld.ts';
import { struct } from '../../support/pgservice.ts';
import { rig } from '../../support/rig.ts';

/* How `broker run` ends, also where it is not asked, and that it finds a daemon elsewhere. */

const MAIN = resolve(import.meta.dirname, '../../../dist/cli/main.js');
let folder: string;
let upstream: Upstream;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'broker-run-ends-'));
  upstream = await Upstream.start((request, response) => {
    response.write(`hello ${request.url}\n`);
    if (request.url !== '/stays') response.end();
  });
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** `broker run`, in a process group of its own, as a shell would start it. */
function run(words: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [MAIN, 'run', ...words], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, HOME: folder, XDG_RUNTIME_DIR: folder, ...env },
  });
}

const KEY = { OPENAI_API_KEY: 'sk-proj-canary0123456789abcdef' };
const left = (): string[] => readdirSync(folder).filter((name) => name.startsWith('broker-run-'));

/** The first line that the command prints, as words. */
async function said(child: ChildProcess): Promise<string[]> {
  if (!child.stdout) throw new Error('there is no output');
  for await (const line of createInterface({ input: child.stdout })) return line.split(' ');
  throw new Error('it has ended and said nothing');
}

async function codeOf(child: ChildProcess): Promise<number> {
  const [code] = await once(child, 'exit');
  return code;
}

async function add(daemon: TestDaemon): Promise<void> {
  const config = struct({ base_url: upstream.plain, allow_private: true, allow_plaintext: true });
  await (await daemon.admin()).services.put({
    name: 'api',
    kind: 'bearer',
    config,
    secrets: { token: Buffer.from('the-token-of-the-service') },
  });
}

test('killed outright, a private daemon is gone with its process, and the next run removes its folder', async () => {
  const child = run(['--preset', 'openai', '--', 'sh', '-c', 'echo $$ $OPENAI_BASE_URL; exec sleep 1000'], KEY);
  const [pid = '', url = ''] = await said(child);
  try {
    assert.equal((await fetch(url)).status, 401);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    await assert.rejects(fetch(url));
    assert.equal(left().length, 1);
    assert.equal(await codeOf(run(['--preset', 'openai', '--', 'true'], KEY)), 0);
    assert.deepEqual(left(), []);
  } finally {
    process.kill(Number(pid), 'SIGKILL');
  }
});

test('Ctrl-C is the command’s to take, and whatever it makes of it nothing stays behind', async () => {
  // Not a shell with a trap: one that is about to start `sleep` would lose the signal, and sleep on.
  const takes = `process.on('SIGINT', () => process.exit(3)); console.log('ready'); setInterval(() => undefined, 1e6)`;
  for (const [command, code] of [
    [[process.execPath, '-e', takes], 3],
    [['sh', '-c', 'echo ready; exec sleep 1000'], 130],
  ] as const) {
    const child = run(['--preset', 'openai', '--', ...command], KEY);
    assert.deepEqual(await said(child), ['ready']);
    const ended = codeOf(child);
    process.kill(-(child.pid ?? 0), 'SIGINT');
    assert.equal(await ended, code);
    assert.deepEqual(left(), []);
  }
});

test('killed outright, its tokens end with it, and so does what they have under way', async () => {
  await using daemon = await TestDaemon.start();
  await add(daemon);
  const env = { BROKER_ADDR: daemon.address, BROKER_TOKEN: await daemon.proxyToken('agent', '*', ['http']) };
  const script = 'echo $$ $API_URL $API_TOKEN; exec sleep 1000';
  const child = run(['--service', 'api', '--', 'sh', '-c', script], env);
  const [pid = '', url = '', token = ''] = await said(child);
  try {
    const headers = { 'x-api-key': token };
    const stays = await fetch(`${url}/stays`, { headers });
    child.kill('SIGKILL');
    await assert.rejects(stays.text());
    assert.equal((await fetch(`${url}/x`, { headers })).status, 401);
    const { tokens } = await (await daemon.admin()).tokens.list({});
    assert.deepEqual(
      tokens.map(({ name }) => name).filter((name) => name.startsWith('agent/')),
      [],
    );
  } finally {
    process.kill(Number(pid), 'SIGKILL');
  }
});

test('with a daemon elsewhere, over TLS, the base URL leads there', async () => {
  const { server, ca } = rig().tls;
  const tls = { 'tls-cert': server.certFile, 'tls-key': server.keyFile };
  await using daemon = await TestDaemon.start({ flags: { grpc: '0.0.0.0:0', http: '0.0.0.0:0', ...tls } });
  await add(daemon);
  const address = `https://localhost:${daemon.instance.port}`;
  mkdirSync(join(folder, '.config/broker'), { recursive: true });
  writeFileSync(join(folder, '.config/broker/place.json'), JSON.stringify({ address, caFile: ca.certFile }));
  const env = { BROKER_TOKEN: await daemon.proxyToken('agent', '*', ['http']) };
  const script = `fetch(process.env.API_URL + '/x', { headers: { 'x-api-key': process.env.API_TOKEN } })
    .then(async (answer) => console.log(new URL(process.env.API_URL).host, await answer.text()))`;
  const child = run(['--service', 'api', '--', process.execPath, '-e', script], env);
  const ended = codeOf(child);
  assert.deepEqual(await said(child), [`127.0.0.1:${daemon.instance.httpPort}`, 'hello', '/x']);
  assert.equal(await ended, 0);
});
