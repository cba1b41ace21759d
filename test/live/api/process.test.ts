import assert from 'node:assert/strict';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { connect } from '../../../src/cli/connect.ts';
import { MASTER, SpawnedDaemon } from '../../support/daemon.ts';
import { realPostgres } from '../../support/pgservice.ts';
import { collected, refusal } from '../../support/refusal.ts';
import { rig } from '../../support/rig.ts';
import { readAs } from '../../support/user.ts';

/* The daemon as a process: how it starts by itself, what signals do to it, and what other processes can learn of it. */

const KEY = Buffer.alloc(48, 'k');
let folder: string;
/** A home whose vault opens with MASTER and with KEY. */
let home: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-process-'));
  home = join(folder, 'home');
  writeFileSync(join(folder, 'password'), `${MASTER}\n`);
  writeFileSync(join(folder, 'wrong'), 'not the password\n');
  writeFileSync(join(folder, 'key'), KEY);
  await using daemon = await SpawnedDaemon.start({ home });
  using owner = daemon.client();
  await owner.vault.initialize({ password: Buffer.from(MASTER) });
  const { token } = await owner.vault.elevate({ password: Buffer.from(MASTER) });
  using admin = daemon.client(token);
  await admin.vault.addKeySlot({ key: Buffer.from(KEY), label: 'boot' });
  await admin.services.put(realPostgres('app-db', { spares: 0 }));
  assert.equal(await daemon.stop(), 0);
});

after(() => rm(folder, { recursive: true, force: true }));

async function admin(daemon: SpawnedDaemon) {
  using owner = daemon.client();
  const { token } = await owner.vault.elevate({ password: Buffer.from(MASTER) });
  return daemon.client(token);
}

test('SIGTERM ends sessions in the words of their protocol, seals the audit log, and exits with 0', async () => {
  const daemon = await SpawnedDaemon.start({ home, flags: ['--password-file', join(folder, 'password')] });
  await using _ = daemon;
  using root = await admin(daemon);
  const session = await root.sessions.open({ service: 'app-db' });
  const client = new pg.Client({ host: session.host, port: session.port, user: 'anything', database: 'anything' });
  const told = new Promise<Error & { code?: string }>((resolve) => client.on('error', resolve));
  await client.connect();
  assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
  const watching = refusal(collected(root.sessions.watch({})), 'unavailable');
  await root.sessions.list({});
  assert.equal(await daemon.stop('SIGTERM'), 0);
  const error = await told;
  assert.equal(error.code, '57P01');
  await watching;
  const records = readFileSync(join(home, 'audit', 'audit.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const end = records.filter(({ action }) => action === 'session.end').at(-1);
  assert.deepEqual([end.service, end.code], ['app-db', 'shutdown']);
  await using again = await SpawnedDaemon.start({ home, flags: ['--password-file', join(folder, 'password')] });
  using checker = await admin(again);
  assert.deepEqual((await checker.audit.verify({})).problem, '');
});

test('SIGUSR1 opens no inspector', async () => {
  await using daemon = await SpawnedDaemon.start({ home });
  daemon.child.kill('SIGUSR1');
  using client = daemon.client();
  // Handled in order: once this is answered, the signal has been dealt with.
  for (let round = 0; round < 3; round++) await client.vault.status({});
  await new Promise<void>((resolve) => {
    const look = (): void =>
      daemon.output.includes('SIGUSR1') || daemon.output.includes('Debugger') ? resolve() : void setImmediate(look);
    look();
  });
  assert.doesNotMatch(daemon.output, /Debugger listening/);
  assert.match(daemon.output, /SIGUSR1 ignored/);
});

test('other processes of the same user cannot read its memory or environment, and there is no core file', async () => {
  const { uid } = rig().account;
  const other = join(folder, 'other');
  await mkdir(other, { mode: 0o700 });
  chownSync(folder, uid, -1);
  chownSync(other, uid, -1);
  await using daemon = await SpawnedDaemon.start({ home: other, uid, env: { HOME: other } });
  const proc = `/proc/${daemon.child.pid}`;
  for (const name of ['environ', 'mem', 'maps'])
    assert.match(await readAs(uid, join(proc, name)), /EACCES|EPERM/, name);
  assert.match(readFileSync(join(proc, 'limits'), 'utf8'), /Max core file size +0 +0 /);
});

test('it unlocks itself with a password file, a key file, or a systemd credential', async () => {
  const credentials = join(folder, 'credentials');
  await mkdir(credentials, { recursive: true });
  writeFileSync(join(credentials, 'broker.password'), MASTER);
  const keys = join(folder, 'keys');
  await mkdir(keys, { recursive: true });
  writeFileSync(join(keys, 'broker.key'), KEY);
  for (const { flags = [], env = {}, by } of [
    { flags: ['--password-file', join(folder, 'password')], by: 'password' },
    { env: { BROKER_PASSWORD_FILE: join(folder, 'password') }, by: 'password' },
    { flags: ['--key-file', join(folder, 'key')], by: 'key' },
    { env: { CREDENTIALS_DIRECTORY: credentials }, by: 'password' },
    { env: { CREDENTIALS_DIRECTORY: keys }, by: 'key' },
  ]) {
    await using daemon = await SpawnedDaemon.start({ home, flags, env });
    using client = daemon.client();
    assert.equal((await client.vault.status({})).state, 'STATE_UNLOCKED', JSON.stringify({ flags, env }));
    assert.match(daemon.output, new RegExp(`"with":"${by} file"`));
    assert.equal(await daemon.stop(), 0);
  }
});

test('it does not start with a credential that does not fit or is not there, and says which', async () => {
  const wrong = SpawnedDaemon.start({ home, flags: ['--password-file', join(folder, 'wrong')] });
  await assert.rejects(wrong, /broker: wrong password/);
  const missing = SpawnedDaemon.start({ home, flags: ['--key-file', join(folder, 'absent')] });
  await assert.rejects(missing, /broker: cannot read the key file .*absent/);
});

test('a second process on the same home names the first', async () => {
  await using daemon = await SpawnedDaemon.start({ home });
  const second = SpawnedDaemon.start({ home });
  await assert.rejects(second, new RegExp(`another process \\(pid ${daemon.child.pid}\\) is using broker's home`));
});

test('killed without warning, it starts again with everything it had acknowledged', async () => {
  const first = await SpawnedDaemon.start({ home, flags: ['--password-file', join(folder, 'password')] });
  using root = await admin(first);
  const { text } = await root.tokens.create({
    name: 'survivor',
    scope: 'proxy',
    grants: [{ services: '*', actions: ['open'] }],
  });
  await first.stop('SIGKILL');
  await using second = await SpawnedDaemon.start({ home, flags: ['--password-file', join(folder, 'password')] });
  using survivor = connect({ address: `unix:${second.socket}`, token: text });
  assert.deepEqual(
    (await survivor.services.list({})).services.map(({ name }) => name),
    ['app-db'],
  );
});
