import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../../../scripts/command.ts';
import { SESSION_ACTIONS } from '../../../src/core/grant.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';
import { rig } from '../../support/rig.ts';
import { run, Sshd } from '../../support/sshd.ts';
import { execute, type Result } from '../../support/sshworld.ts';

const CLI = join(ROOT, 'dist/cli/main.js');
let daemon: TestDaemon;
let env: NodeJS.ProcessEnv;
let there: string;
let here: string;

/** Stock clients, with `broker` on the PATH and nothing but the printed entries to go by. */
before(async () => {
  daemon = await TestDaemon.start();
  const { host, port, logins, hostKey, userKey, directory } = rig().openssh;
  there = join(directory, `stock-${process.pid}`);
  here = await mkdtemp(join(tmpdir(), 'broker-stock-'));
  const { uid, gid } = await stat(directory);
  await mkdir(there);
  await chown(there, uid, gid);
  const admin = await daemon.admin();
  await admin.services.put({
    name: 'box',
    kind: 'ssh',
    config: struct({
      ...{ host, port, user: logins.ssh.user, host_key: await readFile(hostKey, 'utf8') },
      sftp_read: [there],
      sftp_write: [there],
      allowed_commands: [
        'echo **',
        `git-upload-pack ${there}/*`,
        `rsync --server -* . ${there}/**`,
        `scp -t ${there}/*`,
        `scp -f ${there}/*`,
      ],
    }),
    secrets: { private_key: await readFile(userKey) },
  });
  await mkdir(join(here, 'bin'));
  await writeFile(join(here, 'bin', 'broker'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`);
  await chmod(join(here, 'bin', 'broker'), 0o755);
  env = {
    PATH: `${join(here, 'bin')}:${process.env.PATH}`,
    XDG_CONFIG_HOME: join(here, 'config'),
    BROKER_ADDR: daemon.address,
    BROKER_TOKEN: await daemon.proxyToken('agent', '*', [...SESSION_ACTIONS]),
    SSH_AUTH_SOCK: '',
  };
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await rm(there, { recursive: true });
  await rm(here, { recursive: true });
});

const runs = (program: string, ...args: string[]): Promise<Result> => execute(program, args, { env, cwd: here });
const broker = (...args: string[]): Promise<Result> => runs('broker', ...args);
const conf = (): string => join(here, 'ssh.conf');

async function bareRepository(name: string): Promise<void> {
  const { uid, gid } = await stat(there);
  await run('git', ['init', '-q', '--bare', `${there}/${name}`]);
  await run('chown', ['-R', `${uid}:${gid}`, `${there}/${name}`]);
}

test('with the entries of broker ssh-config, ssh, scp, sftp, rsync and git just work', async () => {
  const printed = await broker('ssh-config');
  assert.equal(printed.code, 0, printed.stderr);
  await writeFile(conf(), printed.stdout);
  const known = join(here, 'config/broker/known_hosts');
  assert.equal((await stat(known)).mode & 0o777, 0o600);
  for (const word of ['one', 'two']) {
    const said = await runs('ssh', '-F', conf(), 'box.broker', 'echo', word);
    assert.deepEqual([said.code, said.stdout.toString()], [0, `${word}\n`], said.stderr);
  }
  const bytes = randomBytes(400_000);
  await writeFile(join(here, 'file'), bytes);
  const same = async (path: string): Promise<void> =>
    assert((await readFile(path)).equals(bytes), `${path} has the bytes of the source`);
  for (const [name, ...options] of [['modern'], ['legacy', '-O']] as const) {
    const up = await runs('scp', '-F', conf(), ...options, 'file', `box.broker:${there}/${name}`);
    assert.equal(up.code, 0, up.stderr);
    await same(join(there, name));
    const down = await runs('scp', '-F', conf(), ...options, `box.broker:${there}/${name}`, `from-${name}`);
    assert.equal(down.code, 0, down.stderr);
    await same(join(here, `from-${name}`));
  }
  const denied = await runs('scp', '-F', conf(), '-O', 'file', `box.broker:${there}/../x`);
  assert.match(denied.stderr, /not allowed here/);
  const batch = join(here, 'batch');
  await writeFile(batch, `put file ${there}/by-sftp\n`);
  const sftp = await runs('sftp', '-F', conf(), '-b', batch, 'box.broker');
  assert.equal(sftp.code, 0, sftp.stderr);
  await same(join(there, 'by-sftp'));
  const rsync = await runs('rsync', '-a', '-e', `ssh -F ${conf()}`, 'file', `box.broker:${there}/by-rsync`);
  assert.equal(rsync.code, 0, rsync.stderr);
  await same(join(there, 'by-rsync'));
  await bareRepository('repo.git');
  const clone = await execute('git', ['clone', '-q', `box.broker:${there}/repo.git`, 'work'], {
    env: { ...env, GIT_SSH_COMMAND: `ssh -F ${conf()}` },
    cwd: here,
  });
  assert.equal(clone.code, 0, clone.stderr);
});

test('rsync and git, which can type no password, log in with the key of the ticket; its file is private, and goes with the command', async () => {
  const withTicket = (...command: string[]): Promise<Result> => broker('ssh', 'box', '--ticket', '--', ...command);
  await writeFile(join(here, 'small'), 'for rsync\n');
  const rsync = await withTicket('rsync', '-a', 'small', `any@127.0.0.1:${there}/with-ticket`);
  assert.equal(rsync.code, 0, rsync.stderr);
  assert.equal(await readFile(join(there, 'with-ticket'), 'utf8'), 'for rsync\n');
  await bareRepository('ticket.git');
  const clone = await withTicket('git', 'clone', '-q', `any@127.0.0.1:${there}/ticket.git`, 'by-ticket');
  assert.equal(clone.code, 0, clone.stderr);
  const told = await withTicket('sh', '-c', 'stat -c "%a %n" "$BROKER_SSH_KEY_FILE" && exit 7');
  const [mode, path = ''] = told.stdout.toString().trim().split(' ');
  assert.deepEqual([told.code, mode], [7, '600'], told.stderr);
  await assert.rejects(stat(dirname(path)), { code: 'ENOENT' });
  // Without a command it is the shell that makes the file, of the printed lines.
  const script = `eval "$(broker ssh box --ticket --env)"; rsync -a small any@127.0.0.1:${there}/by-lines; rm "$BROKER_SSH_KEY_FILE"`;
  const lines = await runs('sh', '-c', script);
  assert.equal(lines.code, 0, lines.stderr);
  assert.equal(await readFile(join(there, 'by-lines'), 'utf8'), 'for rsync\n');
});

test('a local side with another key than the one that was written down is refused', async () => {
  const { stdout } = await broker('ssh-config', 'box');
  await writeFile(conf(), stdout);
  const known = join(here, 'config/broker/known_hosts');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(here, 'other')]);
  await writeFile(known, `box.broker ${await readFile(join(here, 'other.pub'), 'utf8')}`);
  const refused = await runs('ssh', '-F', conf(), 'box.broker', 'echo', 'x');
  assert.equal(refused.code, 255);
  assert.match(refused.stderr, /HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
  assert.equal((await broker('ssh-config', 'nobox')).code, 5);
});

test('rsync cannot be told by its options to take its paths from elsewhere', async () => {
  await writeFile(conf(), (await broker('ssh-config')).stdout);
  const rsync = await runs('ssh', '-F', conf(), 'box.broker', `rsync --server -slogDtpre.iLsfxCIvu . ${there}/x`);
  assert.equal(rsync.code, 125);
  assert.match(rsync.stderr, /may not take its paths from its input/);
});

test('broker service trust shows the keys, pins what is confirmed, and refuses another key by both fingerprints', async () => {
  const { host, logins, userKey } = rig().openssh;
  const authorized = await readFile(`${userKey}.pub`, 'utf8');
  await using sshd = await Sshd.start('AuthorizedKeysFile %f/authorized\n', { authorized });
  const fingerprint = async (): Promise<string> => {
    const { stdout } = await run('ssh-keygen', ['-l', '-f', join(sshd.folder, 'hostkey.pub')]);
    return stdout.split(' ')[1] ?? '';
  };
  const old = await fingerprint();
  const admin = await daemon.admin();
  const config = struct({ host, port: sshd.port, user: logins.ssh.user, allowed_commands: ['echo **'] });
  const secrets = { private_key: await readFile(userKey) };
  await admin.services.put({ name: 'new', kind: 'ssh', config, secrets });
  const trust = (...words: string[]): Promise<Result> =>
    execute('setsid', ['broker', 'service', 'trust', 'new', ...words], {
      env: { ...env, BROKER_TOKEN: adminToken },
    });
  const adminToken = await daemon.adminToken();
  const says = (): Promise<Result> => broker('exec', 'new', '--', 'echo', 'hello');
  assert.match((await says()).stderr, /none is pinned/);
  const looked = await trust();
  assert.equal(looked.code, 2);
  assert.match(looked.stdout.toString(), new RegExp(`^${old.replaceAll('+', '.')} ssh-ed25519$`, 'm'));
  assert.match((await says()).stderr, /none is pinned/);
  const wrong = await trust('--fingerprint', `SHA256:${'A'.repeat(43)}`);
  assert.equal(wrong.code, 1);
  assert(wrong.stderr.includes(old), wrong.stderr);
  assert.equal((await trust('--fingerprint', old)).code, 0);
  assert.equal((await says()).stdout.toString(), 'hello\n');
  assert.match((await trust()).stdout.toString(), /ssh-ed25519 \(pinned\)/);
  // An update keeps the pin; and drops the connections, so that the next call meets the new key.
  await sshd.rotate();
  await admin.services.set({ name: 'new', config: struct({ allowed_commands: ['echo **', 'id'] }) });
  for (const { code, stderr } of [await says(), await trust(), await trust('--fingerprint', await fingerprint())]) {
    assert.notEqual(code, 0);
    for (const print of [old, await fingerprint()]) assert(stderr.includes(print), stderr);
  }
  const records = await daemon.audit({ action: 'service.trust' });
  assert.equal(records.find(({ outcome }) => outcome === 'ok')?.detail?.fingerprints, old);
});
