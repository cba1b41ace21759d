import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { type BrokerClient, fromServiceError } from '../../../src/cli/connect.ts';
import { MASTER, TestDaemon } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';
import { rig } from '../../support/rig.ts';
import { eventually } from '../../support/sessions.ts';
import { run, Sshd } from '../../support/sshd.ts';

let daemon: TestDaemon;
let sshd: Sshd;
let agent: BrokerClient;

before(async () => {
  const { logins, userKey } = rig().openssh;
  const keys = await readFile(`${userKey}.pub`, 'utf8');
  // Fewer channels than broker would put on a connection, and a server that soon refuses parallel logins.
  sshd = await Sshd.start('AuthorizedKeysFile %f/keys\nMaxSessions 3\nMaxStartups 5\n', { keys });
  daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  const base = { host: '127.0.0.1', port: sshd.port, user: logins.ssh.user, host_key: sshd.hostKey };
  const policy = { allow_any_command: true, allow_pty: true, posix_shell: true };
  const secrets = { private_key: await readFile(userKey) };
  await admin.services.put({ name: 'box', kind: 'ssh', config: struct({ ...base, ...policy }), secrets });
  agent = daemon.client(await daemon.proxyToken('agent', '*', ['exec']));
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await sshd[Symbol.asyncDispose]();
});

const trunks = (): number => daemon.instance.daemon.sessions.trunkCount('box');

/** A command whose output is read as it comes. */
function start(argv: readonly string[], more: Record<string, unknown> = {}) {
  const call = agent.ssh.exec();
  const state = { out: '', told: '', code: undefined as number | undefined, error: undefined as Error | undefined };
  call.on('data', ({ stdout, stderr, exit }) => {
    if (stdout) state.out += String(stdout);
    if (stderr) state.told += String(stderr);
    if (exit) state.code = exit.code;
  });
  call.on('error', (error: Error) => {
    state.error = error;
  });
  const over = new Promise<void>((resolve) => call.once('end', resolve).once('error', () => resolve()));
  call.write({ start: { service: 'box', argv: [...argv], ...more } });
  return { call, state, over };
}

async function output(argv: readonly string[]): Promise<string> {
  const { call, state, over } = start(argv);
  call.end();
  await over;
  if (state.error) throw state.error;
  assert.equal(state.code, 0, state.told);
  return state.out;
}

async function isRunning(words: string): Promise<boolean> {
  const found = await run('pgrep', ['-f', `^${words}`]).catch(() => ({ stdout: '' }));
  return found.stdout.trim() !== '';
}

test('the second command costs a channel: sshd sees one login', async () => {
  const client = (await output(['sh', '-c', 'echo $SSH_CONNECTION'])).trim();
  assert.notEqual(client, '');
  assert.equal((await output(['sh', '-c', 'echo $SSH_CONNECTION'])).trim(), client);
  assert.equal(trunks(), 1);
});

test('fifty commands at a time, on a server that takes three channels on a connection and few logins at a time', async () => {
  const numbers = Array.from({ length: 50 }, (_, index) => String(index));
  const answers = await Promise.all(numbers.map((number) => output(['echo', number])));
  assert.deepEqual(
    answers,
    numbers.map((number) => `${number}\n`),
  );
});

test('a server that drops a connection: what ran on it is told so, and the next command dials again', async () => {
  const { call, state, over } = start(['sh', '-c', 'echo started; sleep 600']);
  await eventually(() => state.out === 'started\n');
  await sshd.dropAll();
  await over;
  assert.match(state.error?.message ?? '', /the session was ended|closed the connection/);
  call.cancel();
  await eventually(() => trunks() === 0);
  assert.equal(await output(['echo', 'again']), 'again\n');
});

test('a reader that stops stops the command, and nobody else on the connection', async () => {
  const marker = `head -c 600${process.pid}000 /dev/zero`;
  const call = agent.ssh.exec();
  call.on('error', () => undefined);
  call.once('data', () => call.pause());
  call.write({ start: { service: 'box', argv: marker.split(' ') } });
  await eventually(() => isRunning(marker));
  for (let round = 0; round < 5; round++) assert.equal(await output(['echo', 'past it']), 'past it\n');
  const { stdout } = await run('pgrep', ['-f', `^${marker}`]);
  const io = await readFile(`/proc/${stdout.trim().split('\n')[0]}/io`, 'utf8');
  assert(Number(/^wchar: (\d+)/m.exec(io)?.[1]) < 48 * 1024 * 1024, io);
  assert(await isRunning(marker));
  call.cancel();
  await eventually(async () => !(await isRunning(marker)));
});

test('a command that ignores being told to end is killed: at its timeout, and when the call is cancelled', async () => {
  const stubborn = (seconds: string) => ['sh', '-c', `trap '' TERM HUP; echo on; sleep ${seconds}; sleep ${seconds}`];
  const [late, gone] = [`64.${process.pid}`, `65.${process.pid}`];
  const timed = start(stubborn(late), { timeout: { seconds: '0', nanos: 300_000_000 } });
  await timed.over;
  assert.match(timed.state.error?.message ?? '', /did not end within 0.3 s/);
  const cancelled = start(stubborn(gone));
  await eventually(() => cancelled.state.out === 'on\n');
  cancelled.call.cancel();
  await eventually(async () => !(await isRunning(`sleep ${late}`)) && !(await isRunning(`sleep ${gone}`)));
});

test('a caller that stops reading: its timeout ends the command and the call, and the session is gone', async () => {
  const marker = `head -c 700${process.pid}000 /dev/zero`;
  const call = agent.ssh.exec();
  call.once('data', () => call.pause());
  const failed = once(call, 'error');
  call.write({ start: { service: 'box', argv: marker.split(' '), timeout: { seconds: '0', nanos: 300_000_000 } } });
  const [error] = await failed;
  assert.equal(fromServiceError(error, '').message, 'broker ended the call: its answers were not read');
  await eventually(async () => !(await isRunning(marker)));
  assert.deepEqual(daemon.instance.daemon.sessions.list(), []);
});

test('a session that a command runs in is listed, and ends with the lock, the close and its token’s rights', async () => {
  const { daemon: core } = daemon.instance;
  const admin = await daemon.admin();
  const seconds = `67.${process.pid}`;
  for (const [end, why] of [
    [(id: string) => admin.sessions.close({ id }), /box: the session was closed/],
    [() => admin.vault.lock({}), /box: the vault was locked/],
  ] as const) {
    const { state, over } = start(['sleep', seconds]);
    await eventually(() => isRunning(`sleep ${seconds}`));
    const [listed, ...others] = core.sessions.list();
    assert.deepEqual([listed?.service, listed?.state, others], ['box', 'connected', []]);
    await end(listed?.id ?? '');
    await over;
    assert.match(state.error?.message ?? '', why);
    await eventually(async () => !(await isRunning(`sleep ${seconds}`)));
    assert.deepEqual(core.sessions.list(), []);
  }
  await daemon.client().vault.unlock({ password: Buffer.from(MASTER) });
  assert.equal(await output(['echo', 'again']), 'again\n');
  const opening = daemon.client(await daemon.proxyToken('opening', '*', ['open'])).ssh.exec();
  const refused = once(opening, 'error');
  opening.resume();
  opening.write({ start: { service: 'box', argv: ['echo', 'x'] } });
  assert.equal(fromServiceError((await refused)[0], '').code, 'denied');
});

test('a change of the terminal’s size reaches the command', async () => {
  const terminal = { rows: 24, columns: 80 };
  const { call, state, over } = start(['sh', '-c', 'stty size; read x; stty size'], {
    terminal,
    terminalType: 'xterm',
  });
  await eventually(() => state.out.includes('24 80'));
  call.write({ resize: { rows: 40, columns: 100 } });
  call.write({ stdin: Buffer.from('\n') });
  await eventually(() => state.out.includes('40 100'));
  call.end();
  await over;
  assert.equal(state.code, 0);
});

test('revoking a token ends its own channels, and not those of others on the same connection', async () => {
  const admin = await daemon.admin();
  const other = daemon.client(await daemon.proxyToken('other', '*', ['exec']));
  const mine = start(['cat']);
  mine.call.write({ stdin: Buffer.from('one\n') });
  await eventually(() => mine.state.out === 'one\n');
  const theirs = other.ssh.exec();
  const seconds = `66.${process.pid}`;
  const ended = once(theirs, 'error');
  theirs.resume();
  theirs.write({ start: { service: 'box', argv: ['sleep', seconds] } });
  await eventually(() => isRunning(`sleep ${seconds}`));
  await admin.tokens.revoke({ token: 'other' });
  await ended;
  await eventually(async () => !(await isRunning(`sleep ${seconds}`)));
  mine.call.write({ stdin: Buffer.from('two\n') });
  await eventually(() => mine.state.out === 'one\ntwo\n');
  mine.call.end();
  await mine.over;
  assert.equal(mine.state.code, 0);
});
