import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { rig } from '../../support/rig.ts';
import { run } from '../../support/sshd.ts';
import { execute, SshWorld } from '../../support/sshworld.ts';

/** A folder on the server that its user may write in. */
let there: string;
before(async () => {
  there = join(rig().openssh.directory, `clients-${process.pid}`);
  await mkdir(there);
  const owner = await stat(rig().openssh.directory);
  await chown(there, owner.uid, owner.gid);
});
after(() => rm(there, { recursive: true }));

/** Without the line with which sshd complains that the rig's user has no home. */
const said = (stderr: string): string => stderr.replace(/^Could not chdir to home.*\r?\n/m, '');

test('ssh runs an allowed command: streams, status and signal are its own', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['cat', 'sh -c **'] });
  const bytes = randomBytes(3_000_000);
  const echoed = await box.ssh(['cat'], bytes);
  assert.equal(echoed.code, 0, echoed.stderr);
  assert(echoed.stdout.equals(bytes));
  const both = await box.ssh([`sh -c 'echo out; echo err >&2; exit 7'`]);
  assert.deepEqual([both.code, both.stdout.toString(), said(both.stderr)], [7, 'out\n', 'err\n']);
  const killed = await box.ssh([`sh -c 'kill -TERM $$'`]);
  assert.equal(killed.code, 255);
  const records = box.world.audit.filter((event) => event.action === 'ssh.exec');
  assert.deepEqual(
    records.map(({ outcome }) => outcome),
    ['intent', 'ok', 'intent', 'ok', 'intent', 'ok'],
  );
  assert.deepEqual(records[1]?.detail, { argv: '["cat"]', exitCode: 0 });
  assert.equal(records[1]?.bytesUp, 3_000_000);
  assert((records[1]?.bytesDown ?? 0) >= 3_000_000);
  assert.deepEqual([records[3]?.detail?.exitCode, records[5]?.detail?.exitSignal], [7, 'TERM']);
});

test('stdout and stderr both arrive whole when the client reads slowly', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['sh -c **'] });
  const script =
    'head -c 6000000 /dev/zero | tr "\\\\0" o; head -c 6000000 /dev/zero | tr "\\\\0" e >&2; head -c 6000000 /dev/zero | tr "\\\\0" p';
  const { stdout, stderr, code } = await box.ssh([`sh -c '${script}'`.replaceAll('\\\\', 'x')]);
  // The backslash is refused: said with another byte instead.
  assert.equal(code, 0, stderr.slice(0, 200));
  assert.equal(stdout.length, 12_000_000);
  assert.equal(said(stderr).length, 6_000_000);
});

test('what is not allowed is told on stderr, and never runs', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['cat'] });
  for (const command of ['id', 'cat /etc/passwd', 'cat; id', 'cat $(id)', 'cat > /tmp/x', 'cat\nid']) {
    const { code, stdout, stderr } = await box.ssh([command]);
    assert.deepEqual([code, stdout.length], [125, 0], command);
    assert.match(stderr, /^broker: the command /, command);
  }
  assert.equal(
    box.world.audit.filter(({ action, outcome }) => action === 'ssh.exec' && outcome === 'denied').length,
    6,
  );
});

test('shell, pty, environment, forwarding and sftp are closed unless named', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['env'] });
  const shell = await box.ssh(['-T'], 'id\n');
  assert.deepEqual([shell.code, shell.stdout.toString()], [125, '']);
  assert.match(shell.stderr, /a shell is not allowed/);
  const env = await box.ssh(['-o', 'SetEnv=RIG_A=1', 'env']);
  assert(!env.stdout.toString().includes('RIG_A'));
  const pty = await box.ssh(['-tt', 'env']);
  assert(!/^TERM=/m.test(pty.stdout.toString()));
  const forward = await box.ssh(['-W', `127.0.0.1:${rig().openssh.port}`]);
  assert.equal(forward.code, 255);
  assert.match(forward.stderr, /administratively prohibited|open failed|refused/);
  const lease = await box.open();
  const sftp = await execute('sftp', [...(await box.options(lease)), '-b', '-', 'any@127.0.0.1'], { input: 'ls /\n' });
  assert.notEqual(sftp.code, 0);
  assert.match(sftp.stderr, /SFTP is not allowed/);
  const back = await box.ssh(['-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:22', 'env']);
  assert.equal(back.code, 255);
});

test('what is named works: shell with a terminal, environment, forwarding', async () => {
  const { port } = rig().openssh;
  await using box = await SshWorld.make({
    allow_shell: true,
    allow_pty: true,
    allow_env: ['RIG_*'],
    allow_forward: [`127.0.0.1:${port}`],
  });
  const shell = await box.ssh(['-tt', '-o', 'SetEnv=RIG_A=one LC_B=two'], 'tty; echo "<$RIG_A$LC_B>"; exit 3\n');
  assert.equal(shell.code, 3);
  assert.match(shell.stdout.toString(), /\/dev\/pts\//);
  assert.match(shell.stdout.toString(), /<one>/);
  const forward = await box.ssh(['-W', `127.0.0.1:${port}`], '');
  assert.match(forward.stdout.toString(), /^SSH-2\.0-OpenSSH/);
});

test('scp and sftp move files byte for byte, within the folders that are named', async () => {
  await using box = await SshWorld.make({ sftp_read: [there], sftp_write: [there] });
  const bytes = randomBytes(5_000_000);
  const file = join(box.folder, 'big');
  await writeFile(file, bytes, { mode: 0o640 });
  const scp = async (from: string, to: string) =>
    execute('scp', [...(await box.options(await box.open())), '-p', from, to]);
  const up = await scp(file, `any@127.0.0.1:${there}/big`);
  assert.equal(up.code, 0, `${up.stderr} ${JSON.stringify(box.world.audit.slice(-3))}`);
  assert((await readFile(join(there, 'big'))).equals(bytes));
  assert.equal((await stat(join(there, 'big'))).mode & 0o777, 0o640);
  const down = await scp(`any@127.0.0.1:${there}/big`, join(box.folder, 'back'));
  assert.equal(down.code, 0, down.stderr);
  assert((await readFile(join(box.folder, 'back'))).equals(bytes));
  const batch = `mkdir ${there}/d\nput ${file} ${there}/d/a\nrename ${there}/d/a ${there}/d/b\nls -l ${there}/d\nchmod 600 ${there}/d/b\nget ${there}/d/b ${box.folder}/b\nrm ${there}/d/b\nrmdir ${there}/d\n`;
  const lease = await box.open();
  const sftp = await execute('sftp', [...(await box.options(lease)), '-b', '-', 'any@127.0.0.1'], { input: batch });
  assert.equal(sftp.code, 0, `${sftp.stdout} ${sftp.stderr}`);
  assert((await readFile(join(box.folder, 'b'))).equals(bytes));
  assert(box.world.audit.some(({ action, detail }) => action === 'ssh.file' && detail?.path === `${there}/big`));
});

test('no path leads out of the folders that are named', async () => {
  await using box = await SshWorld.make({ sftp_read: [`${there}/in`, '/'], sftp_write: [`${there}/in`] });
  await using narrow = await SshWorld.make({ sftp_read: [`${there}/in`], sftp_write: [`${there}/in`] });
  const { uid, gid } = await stat(rig().openssh.directory);
  for (const folder of ['in', 'out']) {
    await mkdir(join(there, folder));
    await chown(join(there, folder), uid, gid);
  }
  await writeFile(join(there, 'out', 'secret'), 'secret');
  await chmod(join(there, 'out', 'secret'), 0o666);
  await symlink(join(there, 'out'), join(there, 'in', 'folder'));
  await symlink(join(there, 'out', 'secret'), join(there, 'in', 'link'));
  await symlink(join(there, 'out', 'new'), join(there, 'in', 'dangling'));
  const secret = join(box.folder, 'x');
  await writeFile(secret, 'overwritten');
  const sftp = async (of: SshWorld, line: string) =>
    execute('sftp', [...(await of.options(await of.open())), '-b', '-', 'any@127.0.0.1'], { input: `${line}\n` });
  const inside = `${there}/in`;
  for (const line of [
    `get ${inside}/link ${box.folder}/got`,
    `get ${inside}/folder/secret ${box.folder}/got`,
    `get ${inside}/../out/secret ${box.folder}/got`,
    `get ${there}/out/secret ${box.folder}/got`,
    `put ${secret} ${inside}/link`,
    `put ${secret} ${inside}/dangling`,
    `put ${secret} ${inside}/folder/new`,
    `put ${secret} ${there}/out/new`,
    `rename ${inside}/link ${there}/out/moved`,
    `rename ${there}/out/secret ${inside}/mine`,
    `rm ${inside}/folder/secret`,
    `rm ${there}/out/secret`,
    `mkdir ${there}/out/d`,
    `rmdir ${inside}`,
    `chmod 777 ${inside}/link`,
    `symlink /etc/passwd ${inside}/made`,
    `ln ${there}/out/secret ${inside}/made`,
    `cd ${inside}/folder`,
    `ls ${there}/out`,
    'get /etc/hostname /dev/null',
  ]) {
    const { code } = await sftp(narrow, line);
    assert.notEqual(code, 0, line);
  }
  assert.equal(await readFile(join(there, 'out', 'secret'), 'utf8'), 'secret');
  await assert.rejects(stat(join(box.folder, 'got')));
  await assert.rejects(stat(join(there, 'out', 'new')));
  // Protected places stay closed under a root that merely contains them.
  for (const path of ['/etc/hostname', '/proc/self/environ', '/usr/lib/os-release', '/lib/os-release'])
    assert.notEqual((await sftp(box, `get ${path} ${box.folder}/got`)).code, 0, path);
  assert.equal((await sftp(box, `get ${there}/out/secret ${box.folder}/allowed`)).code, 0);
  // A link's own name may be removed, and what lies inside is used as ever.
  assert.equal((await sftp(narrow, `rm ${inside}/link`)).code, 0);
  assert.equal((await sftp(narrow, `put ${secret} ${inside}/fine`)).code, 0);
  await rm(join(there, 'in'), { recursive: true });
});

test('rsync goes through under an allowlist that confines its paths', async () => {
  await using box = await SshWorld.make({
    allowed_commands: [`rsync --server -* . ${there}/**`, `rsync --server --sender -* . ${there}/**`],
  });
  const here = join(box.folder, 'tree');
  await mkdir(join(here, 'sub'), { recursive: true });
  await writeFile(join(here, 'sub', 'file'), randomBytes(100_000));
  const rsync = async (from: string, to: string) => {
    const lease = await box.open({ connections: 0 });
    const rsh = ['ssh', ...(await box.options(lease))].join(' ');
    return execute('rsync', ['-a', '-e', rsh, from, to]);
  };
  const up = await rsync(`${here}/`, `any@127.0.0.1:${there}/tree/`);
  assert.equal(up.code, 0, `${up.stderr} ${JSON.stringify(box.world.audit.slice(-3))}`);
  const down = await rsync(`any@127.0.0.1:${there}/tree/`, join(box.folder, 'back/'));
  assert.equal(down.code, 0, down.stderr);
  await run('diff', ['-r', here, join(box.folder, 'back')]);
  const out = await rsync(`any@127.0.0.1:${there}/../`, join(box.folder, 'bad/'));
  assert.notEqual(out.code, 0);
  assert.match(out.stderr, /is not allowed here/);
});

test('git clones and pushes under an allowlist that confines its paths, with the variables of the hint', async () => {
  await using box = await SshWorld.make({
    allowed_commands: [`git-upload-pack ${there}/*`, `git-receive-pack ${there}/*`],
  });
  const { uid, gid } = await stat(rig().openssh.directory);
  await run('git', ['init', '-q', '--bare', `${there}/repo.git`]);
  await run('chown', ['-R', `${uid}:${gid}`, `${there}/repo.git`]);
  const git = async (...args: string[]) => {
    const lease = await box.open({ connections: 0 });
    const identity = ['-c', 'user.name=a', '-c', 'user.email=a@b'];
    const url = args.map((word) => word.replace('URL', `ssh://any@127.0.0.1:${lease.address.port}${there}/repo.git`));
    return execute('git', [...identity, ...url], {
      cwd: box.folder,
      env: { ...lease.hint.env, GIT_TERMINAL_PROMPT: '0' },
    });
  };
  const clone = await git('clone', 'URL', 'work');
  assert.equal(clone.code, 0, clone.stderr);
  assert.equal((await git('-C', 'work', 'commit', '-q', '--allow-empty', '-m', 'one')).code, 0);
  const push = await git('-C', 'work', 'push', 'URL', 'HEAD:refs/heads/main');
  assert.equal(push.code, 0, push.stderr);
  const other = await git('ls-remote', 'URL');
  assert.match(other.stdout.toString(), /refs\/heads\/main/);
});
