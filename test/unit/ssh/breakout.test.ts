import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, readPolicy } from '../../../src/drivers/ssh/policy.ts';

/* Attempts to leave the folders of the allowlist that docs/kinds/ssh.md recommends. */

const POLICY = readPolicy({
  allowed_commands: [
    'git-upload-pack /srv/git/*',
    'git-receive-pack /srv/git/*',
    'rsync --server -* . /srv/in/**',
    'rsync --server --sender -* . /srv/out/**',
    'scp -t /srv/in/*',
    'scp -f /srv/out/*',
  ],
  allow_any_command: false,
  posix_shell: false,
  sftp_read: [],
  sftp_write: [],
  allow_shell: false,
  allow_pty: false,
  allow_env: [],
  allow_subsystems: [],
  allow_agent: false,
  allow_forward: [],
});
const allows = (line: string): boolean => decide(POLICY, { type: 'exec', line }).allowed;

test('what stock clients send passes', () => {
  for (const line of [
    "git-upload-pack '/srv/git/app.git'",
    "git-receive-pack '/srv/git/app.git'",
    'rsync --server -vlogDtprze.iLsfxCIvu . /srv/in/x/',
    'rsync --server -logDtpre.iLsfxCIvu . /srv/in/a/b',
    'rsync --server --sender -vlogDtpre.iLsfxCIvu . /srv/out/x/',
    'scp -t /srv/in/file',
    'scp -f /srv/out/file',
  ])
    assert(allows(line), line);
});

test('no path leads out, however it is spelt', () => {
  for (const path of [
    '/srv/in/../../etc',
    '/srv/in/..',
    '/srv/in/.',
    '/srv/in//etc',
    '/srv/in/x/../../../root/.ssh/authorized_keys',
    '/srv/inside',
    '/srv/in',
    '/etc',
    '../..',
    '~/x',
    '~root',
    '$HOME/x',
    '/srv/in/`id`',
    '/srv/in/x;id',
    '/srv/in/x\u0000/etc',
    '/srv/in/{a,/etc}',
    '/srv/in/*',
  ]) {
    for (const quoted of [path, `'${path}'`]) {
      for (const command of ['scp -t', 'git-upload-pack', 'git-receive-pack', 'rsync --server -logDtpre.iLsfxCIvu .']) {
        // Between quotes a shell's characters are names like any other.
        const inside = quoted !== path && /^\/srv\/in\/[^./]/.test(path) && !path.includes('..') && !/\0/.test(path);
        if (!inside) assert(!allows(`${command} ${quoted}`), `${command} ${quoted}`);
      }
    }
  }
  for (const path of ['/srv/x/../../etc', '/srv/git/../../etc', '/srv/git/a/b', '/srv/git/..', '/srv/git/'])
    assert(!allows(`git-upload-pack '${path}'`), path);
});

test('no second path comes beside the one that is named', () => {
  for (const line of [
    'rsync --server --sender -logDtpre.iLsfxCIvu . /srv/out/x /etc/passwd',
    'rsync --server -logDtpre.iLsfxCIvu /etc /srv/in/x',
    'rsync --server --sender -logDtpre.iLsfxCIvu . /srv/in/x',
    'scp -t /srv/in/x /etc',
    "git-upload-pack '/srv/git/a' '/etc'",
  ])
    assert(!allows(line), line);
});

test('no other program, and no option that names one, a file, or a folder', () => {
  const rsync = (...options: string[]): string => `rsync --server ${options.join(' ')} . /srv/in/x`;
  for (const line of [
    'touch /srv/in/x; rsync --server -e.x . /srv/in/x',
    '/tmp/rsync --server -e.x . /srv/in/x',
    "sh -c 'rsync --server -e.x . /srv/in/x'",
    'rsync --daemon --config=/srv/in/x',
    rsync('--rsync-path=/bin/sh', '-e.x'),
    rsync('-e.x', '--rsh=/bin/sh'),
    rsync('-logDtpre.iLsfxCIvu', '--log-file=/etc/x'),
    rsync('-logDtpre.iLsfxCIvu', '--files-from=/etc/passwd'),
    rsync('-logDtpre.iLsfxCIvu', '--write-batch=x'),
    rsync('-logDtpre.iLsfxCIvu', '--temp-dir=/etc'),
    rsync('-logDtpre.iLsfxCIvu', '--partial-dir', '/etc'),
    rsync('-logDtpre.iLsfxCIvu', '--compare-dest', '/etc'),
    rsync('-logDtpre.iLsfxCIvu', '--copy-links'),
    rsync('--log-file=x'),
    rsync('-T/etc'),
    'git-upload-pack --upload-pack=/bin/sh /srv/git/x',
    'git-upload-pack --strict /srv/git/x',
    'git-shell -c x',
    'git-upload-archive /srv/git/x',
    'scp -t -S /bin/sh /srv/in/x',
    'scp -S/bin/sh /srv/in/x',
    'scp -r -t /srv/in/x',
  ])
    assert(!allows(line), line);
});

test('rsync follows no links of the server, and takes no folder, filter or option within its short options', () => {
  for (const letter of ['L', 'k', 'K', 'T..', 'f._x', 'M--log-file=x', 's'])
    for (const options of [`-${letter}`, `-logDtpr${letter}`, `-vlogDtpr${letter}e.iLsfxCIvu`]) {
      assert(!allows(`rsync --server ${options} . /srv/in/x`), options);
      assert(!allows(`rsync --server --sender ${options} . /srv/out/x`), options);
    }
});
