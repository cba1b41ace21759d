import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../../../scripts/command.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';
import { rig } from '../../support/rig.ts';
import { eventually } from '../../support/sessions.ts';
import { run } from '../../support/sshd.ts';
import { execute, type Result } from '../../support/sshworld.ts';

const CLI = join(ROOT, 'dist/cli/main.js');
let daemon: TestDaemon;
let env: NodeJS.ProcessEnv;
before(async () => {
  daemon = await TestDaemon.start();
  const { host, port, logins, hostKey, userKey } = rig().openssh;
  const host_key = await readFile(hostKey, 'utf8');
  const base = { host, port, user: logins.ssh.user, host_key };
  const admin = await daemon.admin();
  const put = (name: string, fields: JsonObject, key: Buffer) =>
    admin.services.put({ name, kind: 'ssh', config: struct({ ...base, ...fields }), secrets: { private_key: key } });
  const key = await readFile(userKey);
  await put('box', { allowed_commands: ['cat', 'sh -c *', 'echo **', 'sleep *', 'tty'] }, key);
  await put('posix', { allowed_commands: ['echo -**'], posix_shell: true }, key);
  await put('term', { allowed_commands: ['tty', 'stty size'], allow_pty: true }, key);
  env = { BROKER_ADDR: daemon.address, BROKER_TOKEN: await daemon.proxyToken('agent', '*', ['exec']) };
});
after(() => daemon[Symbol.asyncDispose]());

const broker = (words: readonly string[], input?: Buffer | string): Promise<Result> =>
  execute(process.execPath, [CLI, 'exec', ...words], { env, input });
/** Without the line with which sshd complains that the rig's user has no home. */
const said = (stderr: string): string => stderr.replace(/^Could not chdir to home.*\r?\n/m, '');

test('broker exec: bytes in, bytes out, and the exit code is the command’s own', async () => {
  const bytes = randomBytes(2_000_000);
  // More both ways at a time than the kernel buffers: whether two sides that are both stuck go on is luck once, not thrice.
  for (let round = 0; round < 3; round++) {
    const cat = await broker(['box', '--', 'cat'], bytes);
    assert.equal(cat.code, 0, cat.stderr);
    assert(cat.stdout.equals(bytes));
  }
  const both = await broker(['box', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
  assert.deepEqual([both.code, both.stdout.toString(), said(both.stderr)], [7, 'out\n', 'err\n']);
  assert.equal((await broker(['box', '--', 'sh', '-c', 'kill -KILL $$'])).code, 137);
});

test('words reach the command as they are, and no shell takes them apart', async () => {
  const odd = ["it's", '$(id)', '`id`', '; id', '*', '~', '', 'a  b', '"', '#x'];
  const { stdout, code, stderr } = await broker(['box', '--', 'echo', ...odd]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.toString(), `${odd.join(' ')}\n`);
  assert.equal((await broker(['box', '--', 'echo', 'a!'])).code, 125);
  const posix = await broker(['posix', '--', 'echo', '-n', 'a!\nb']);
  assert.equal(posix.stdout.toString(), 'a!\nb');
});

test('what broker refuses ends with 125 and the reason; nothing of it runs', async () => {
  for (const [words, why] of [
    [['box', '--', 'id'], /"id" is not allowed here/],
    [['box', '--', 'echo', '-n'], /not allowed here/],
    [['none', '--', 'id'], /none/],
    [['box'], /no command/],
  ] as const) {
    const { code, stdout, stderr } = await broker([...words]);
    assert.deepEqual([code === 125 || code === 2 || code === 5, stdout.toString()], [true, ''], stderr);
    assert.match(stderr, why);
  }
});

test('a terminal is there where the service allows it', async () => {
  const denied = await broker(['box', '--tty', '--', 'tty']);
  assert.notEqual(denied.code, 0);
  const given = await broker(['term', '--tty', '--', 'stty', 'size']);
  assert.match(given.stdout.toString(), /^24 80/m);
});

test('the timeout ends the command on the server, and says so', async () => {
  const seconds = `62.${process.pid}`;
  const { code, stderr } = await broker(['box', '--timeout', '300ms', '--', 'sleep', seconds]);
  assert.equal(code, 125);
  assert.match(stderr, /did not end within 0.3 s/);
  await eventually(async () => !(await isRunning(seconds)));
});

test('Ctrl-C ends the command on the server', async () => {
  const seconds = `63.${process.pid}`;
  const child = spawn(process.execPath, [CLI, 'exec', 'box', '--', 'sleep', seconds], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await eventually(() => isRunning(seconds));
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.equal(code, 130);
  await eventually(async () => !(await isRunning(seconds)));
});

test('fifty commands at a time all come back', async () => {
  const client = daemon.client(String(env.BROKER_TOKEN));
  const one = async (index: number): Promise<string> => {
    const call = client.ssh.exec();
    let out = '';
    call.on('data', ({ stdout }) => {
      if (stdout) out += String(stdout);
    });
    call.write({ start: { service: 'box', argv: ['echo', String(index)] } });
    call.end();
    await once(call, 'end');
    return out;
  };
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => one(index)));
  assert.deepEqual(
    answers,
    Array.from({ length: 50 }, (_, index) => `${index}\n`),
  );
});

test('the audit log has the words, the bytes and the code; the key is nowhere', async () => {
  await broker(['box', '--reason', 'because', '--', 'echo', 'noted'], '');
  const records = await daemon.audit({ action: 'ssh.exec' });
  const done = records.findLast(({ outcome }) => outcome === 'ok');
  assert.equal(done?.detail?.argv, '["echo","noted"]');
  assert.equal(done?.detail?.exitCode, 0);
  assert.equal(done?.reason, 'because');
  const key = (await readFile(rig().openssh.userKey, 'utf8')).split('\n')[2] ?? '-';
  assert(!JSON.stringify(await daemon.audit()).includes(key));
  assert(!daemon.log.join('').includes(key));
});

async function isRunning(seconds: string): Promise<boolean> {
  const found = await run('pgrep', ['-f', `^sleep ${seconds}`]).catch(() => ({ stdout: '' }));
  return found.stdout.trim() !== '';
}
