import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../../../scripts/command.ts';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { UploadRequest } from '../../../src/core/proto/broker/v1/UploadRequest.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';
import { rig } from '../../support/rig.ts';
import { eventually } from '../../support/sessions.ts';
import { execute, type Result } from '../../support/sshworld.ts';

const CLI = join(ROOT, 'dist/cli/main.js');
let daemon: TestDaemon;
let client: BrokerClient;
let env: NodeJS.ProcessEnv;
/** A folder on the server that its user may write in, with `in` and `out`; and one of this side. */
let there: string;
let here: string;

before(async () => {
  daemon = await TestDaemon.start();
  const { host, port, logins, hostKey, userKey, directory } = rig().openssh;
  there = join(directory, `copy-${process.pid}`);
  here = await mkdtemp(join(tmpdir(), 'broker-copy-'));
  const { uid, gid } = await stat(directory);
  for (const folder of [there, join(there, 'in'), join(there, 'out')]) {
    await mkdir(folder);
    await chown(folder, uid, gid);
  }
  const admin = await daemon.admin();
  const base = { host, port, user: logins.ssh.user, host_key: await readFile(hostKey, 'utf8') };
  const put = async (name: string, fields: JsonObject) =>
    admin.services.put({
      name,
      kind: 'ssh',
      config: struct({ ...base, ...fields }),
      secrets: { private_key: await readFile(userKey) },
    });
  await put('box', { sftp_read: [there], sftp_write: [`${there}/in`] });
  await put('all', { sftp_read: ['/'], sftp_write: ['/'] });
  await put('none', { allow_any_command: true });
  const token = await daemon.proxyToken('copier', '*', ['copy']);
  env = { BROKER_ADDR: daemon.address, BROKER_TOKEN: token };
  client = daemon.client(token);
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await rm(there, { recursive: true });
  await rm(here, { recursive: true });
});

const cp = (from: string, to: string, input?: Buffer): Promise<Result> =>
  execute(process.execPath, [CLI, 'cp', from, to], { env, input });
const inside = (name: string): string => join(there, 'in', name);
const names = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();
const upload = (path: string, messages: () => AsyncGenerator<UploadRequest>, signal?: AbortSignal) =>
  client.ssh.upload(
    (async function* () {
      yield { start: { service: 'box', path, name: 'x' } };
      yield* messages();
    })(),
    signal && { signal },
  );

test('broker cp: bytes and mode both ways, into folders and over files, by streams too', async () => {
  const bytes = randomBytes(3_000_000);
  const file = join(here, 'a file');
  await writeFile(file, bytes);
  await chmod(file, 0o641);
  const up = await cp(file, `box:${there}/in`);
  assert.deepEqual([up.code, up.stdout.toString(), up.stderr], [0, '', '']);
  assert((await readFile(inside('a file'))).equals(bytes), 'uploaded bytes');
  assert.equal((await stat(inside('a file'))).mode & 0o7777, 0o641);
  await mkdir(join(here, 'back'));
  for (const to of [join(here, 'back'), join(here, 'back', 'named')]) {
    const down = await cp(`box:${inside('a file')}`, to);
    assert.deepEqual([down.code, down.stdout.toString(), down.stderr], [0, '', '']);
  }
  for (const name of ['a file', 'named']) {
    assert((await readFile(join(here, 'back', name))).equals(bytes), 'downloaded bytes');
    assert.equal((await stat(join(here, 'back', name))).mode & 0o7777, 0o641);
  }
  assert.equal((await cp('-', `box:${inside('a file')}`, Buffer.from('short'))).code, 0);
  assert.equal((await stat(inside('a file'))).mode & 0o7777, 0o641);
  const streamed = await cp(`box:${inside('a file')}`, '-');
  assert.deepEqual([streamed.code, streamed.stdout.toString()], [0, 'short']);
  assert.deepEqual(await names(join(there, 'in')), ['a file']);
  assert.deepEqual(await names(join(here, 'back')), ['a file', 'named']);
  await writeFile(file, '');
  assert.equal((await cp(file, `box:${inside('empty')}`)).code, 0);
  assert.equal((await cp(`box:${inside('empty')}`, '-')).stdout.length, 0);
});

test('a file is replaced in one step: who reads the old one goes on, and a link stays a link', async () => {
  await writeFile(inside('old'), 'before');
  await symlink(inside('old'), inside('link'));
  const reader = await open(inside('old'));
  const { ino } = await stat(inside('old'));
  assert.equal((await cp('-', `box:${inside('link')}`, Buffer.from('behind'))).code, 0);
  assert.equal(await reader.readFile('utf8'), 'before');
  await reader.close();
  assert.equal(await readFile(inside('old'), 'utf8'), 'behind');
  assert.notEqual((await stat(inside('old'))).ino, ino);
  assert((await lstat(inside('link'))).isSymbolicLink(), 'the link is still one');
});

test('what the policy does not name is refused with 125, whichever way the path is spelled', async () => {
  await symlink(join(there, 'out'), inside('folder'));
  await symlink('/etc/hostname', inside('host'));
  await writeFile(join(there, 'out', 'kept'), 'kept');
  await chmod(join(there, 'out', 'kept'), 0o666);
  const refused: readonly (readonly [string, string])[] = [
    ['-', `box:${there}/out/new`],
    ['-', `box:${there}/out/kept`],
    ['-', `box:${there}/in/../out/kept`],
    ['-', `box:${inside('folder')}/kept`],
    ['-', `box:${there}/in`],
    ['-', 'all:/etc/broker-test'],
    ['-', 'all:/root/.ssh/authorized_keys'],
    [`box:${inside('host')}`, '-'],
    ['box:/etc/hostname', '-'],
    ['all:/etc/hostname', '-'],
    ['all:/proc/self/environ', '-'],
    [`none:${inside('old')}`, '-'],
  ];
  // Half of them at a time: each is a process of its own.
  const results = await Promise.all(refused.map(([from, to]) => cp(from, to, Buffer.from('overwritten'))));
  results.forEach(({ code, stdout, stderr }, index) => {
    assert.deepEqual([code, stdout.toString()], [125, ''], `${refused[index]} ${stderr}`);
    assert.match(stderr, /not allowed here|may not be|needs a name/);
    assert.doesNotMatch(stderr, /\.part/);
    if (refused[index]?.[0] === '-') assert.match(stderr, /sftp_write|needs a name/);
  });
  assert.equal(await readFile(join(there, 'out', 'kept'), 'utf8'), 'kept');
  assert.deepEqual(await names(join(there, 'out')), ['kept']);
});

test('what the files themselves do not allow ends with 1, words that cannot be meant with 2, the rest with 125', async () => {
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    [`box:${inside('missing')}`, '-', 1, /there is no such file/],
    [`box:${there}/in`, '-', 1, /this is a folder/],
    [join(here, 'missing'), `box:${inside('x')}`, 1, /there is no such file/],
    [here, `box:${inside('x')}`, 1, /this is a folder/],
    [`box:${inside('old')}`, join(here, 'no', 'such'), 1, /there is no such file or folder/],
    ['-', `box:${inside('nofolder')}/`, 1, /there is no such folder/],
    ['-', `box:${inside('nofolder')}/x`, 1, /nofolder(\/x)?: there is no such/],
    ['a', 'b', 2, /neither is on a server/],
    ['box:a', 'box:b', 2, /both are on servers/],
    ['nobox:a', '-', 125, /no service nobox/],
  ];
  const results = await Promise.all(cases.map(([from, to]) => cp(from, to)));
  results.forEach(({ code, stderr }, index) => {
    const [from, to, wanted, words] = cases[index] ?? ['', '', 0, /$/];
    assert.equal(code, wanted, `${from} ${to}: ${stderr}`);
    assert.match(stderr, words);
  });
});

test('an upload that is cancelled, cut off or not said to be complete leaves the old file and nothing else', async () => {
  await writeFile(inside('target'), 'old');
  const before = await names(join(there, 'in'));
  const begun = async (): Promise<void> =>
    eventually(async () => (await names(join(there, 'in'))).some((name) => name.endsWith('.part')));
  const clean = async (): Promise<void> => {
    await eventually(async () => (await names(join(there, 'in'))).length === before.length);
    assert.deepEqual(await names(join(there, 'in')), before);
    assert.equal(await readFile(inside('target'), 'utf8'), 'old');
  };
  const code = async (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => 'ok',
      (error: unknown) => (error instanceof BrokerError ? error.code : String(error)),
    );
  async function* some(): AsyncGenerator<UploadRequest> {
    yield { data: randomBytes(300_000) };
  }
  async function* stuck(): AsyncGenerator<UploadRequest> {
    yield* some();
    await new Promise(() => undefined);
  }
  assert.equal(await code(upload(inside('target'), some)), 'client_gone');
  await clean();
  const abort = new AbortController();
  const cancelled = code(upload(inside('target'), stuck, abort.signal));
  await begun();
  abort.abort();
  assert.equal(await cancelled, 'cancelled');
  await clean();
  const closed = code(upload(inside('target'), stuck));
  await begun();
  const [lease] = daemon.instance.daemon.sessions.list();
  await (await daemon.admin()).sessions.close({ id: lease?.id ?? '' });
  assert.equal(await closed, 'ended');
  await clean();
  // The program itself, interrupted.
  const child = spawn(process.execPath, [CLI, 'cp', '-', `box:${inside('target')}`], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.write(randomBytes(300_000));
  await begun();
  child.kill('SIGINT');
  const [exit] = await once(child, 'exit');
  assert.equal(exit, 130);
  await clean();
});

test('a download that breaks off leaves the old file and nothing else', async () => {
  const big = join(there, 'out', 'big');
  // Of holes, and larger than could be copied before the signal is there.
  await writeFile(big, '');
  await truncate(big, 8_000_000_000);
  const folder = join(here, 'cut');
  await mkdir(folder);
  await writeFile(join(folder, 'big'), 'old');
  const child = spawn(process.execPath, [CLI, 'cp', `box:${big}`, folder], { env: { ...process.env, ...env } });
  await eventually(async () => (await names(folder)).length === 2);
  child.kill('SIGINT');
  const [exit] = await once(child, 'exit');
  assert.equal(exit, 130);
  assert.deepEqual(await names(folder), ['big']);
  assert.equal(await readFile(join(folder, 'big'), 'utf8'), 'old');
});

test('copies are on record with path, bytes and outcome, and count as sessions', async () => {
  const found = await daemon.audit({ action: 'ssh.copy' });
  const up = found.find(({ outcome, detail }) => outcome === 'ok' && detail?.direction === 'up');
  assert.deepEqual([up?.detail?.path, up?.bytesUp, up?.service], [inside('a file'), 3_000_000, 'box']);
  const down = found.find(({ outcome, detail }) => outcome === 'ok' && detail?.direction === 'down');
  assert.deepEqual([down?.detail?.path, down?.bytesDown], [inside('a file'), 3_000_000]);
  const ends = found.map(({ outcome, code = '' }) => `${outcome} ${code}`);
  for (const end of ['denied denied', 'failed client_gone', 'failed ended'])
    assert(ends.includes(end), `${end} is not among ${ends.join(', ')}`);
  for (const { session } of found) assert.ok(session);
  const admin = await daemon.admin();
  await admin.services.set({ name: 'box', policy: { maxSessions: 1 } });
  const first = new AbortController();
  async function* stuck(): AsyncGenerator<UploadRequest> {
    yield { data: Buffer.from('x') };
    await new Promise(() => undefined);
  }
  const held = upload(inside('held'), stuck, first.signal).catch(() => undefined);
  await eventually(() => daemon.instance.daemon.sessions.list().length === 1);
  const second = await cp('-', `box:${inside('second')}`);
  assert.equal(second.code, 125);
  assert.match(second.stderr, /1 sessions open/);
  first.abort();
  await held;
});
