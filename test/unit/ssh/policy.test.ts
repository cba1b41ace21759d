import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PatternProblem, parsePattern } from '../../../src/drivers/ssh/allowlist.ts';
import { decide, type PolicyFields, readPolicy, type SshRequest } from '../../../src/drivers/ssh/policy.ts';

const NOTHING: PolicyFields = {
  allowed_commands: [],
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
};
const allows = (fields: Partial<PolicyFields>, request: SshRequest): boolean =>
  decide(readPolicy({ ...NOTHING, ...fields }), request).allowed;
const runs = (pattern: string, line: string): boolean =>
  allows({ allowed_commands: [pattern] }, { type: 'exec', line });

test('an empty policy allows nothing at all', () => {
  const path = { type: 'path', path: '/srv/x' } as const;
  for (const request of [
    { type: 'exec', line: 'id' },
    { type: 'argv', argv: ['id'] },
    { type: 'shell' },
    { type: 'pty' },
    { type: 'agent' },
    { type: 'x11' },
    { type: 'listen' },
    { type: 'env', name: 'LANG' },
    { type: 'subsystem', name: 'sftp' },
    { type: 'subsystem', name: 'netconf' },
    { type: 'forward', host: 'localhost', port: 22 },
    { ...path, access: 'read' },
    { ...path, access: 'write' },
    { ...path, access: 'stat' },
  ] as const satisfies SshRequest[])
    assert.equal(allows({}, request), false, request.type);
});

/** Pattern, lines that it allows, lines that it does not. */
const PATTERNS: readonly [string, readonly string[], readonly string[]][] = [
  ['docker ps', ['docker ps', `'docker' "ps"`], ['docker', 'docker ps -a', 'docker ps x', 'dockerps', 'Docker ps']],
  [
    'docker logs *',
    ['docker logs web', "docker logs 'a b'", 'docker logs /x/y'],
    ['docker logs', 'docker logs -f', 'docker logs --x', 'docker logs a b'],
  ],
  [
    'systemctl status {nginx,redis}',
    ['systemctl status nginx', 'systemctl status redis'],
    [
      'systemctl status ssh',
      'systemctl status {nginx,redis}',
      'systemctl stop nginx',
      "systemctl status 'nginx,redis'",
    ],
  ],
  [
    'git-upload-pack /srv/*',
    ["git-upload-pack '/srv/a.git'", 'git-upload-pack /srv/.hidden'],
    [
      'git-upload-pack /srv/a/b',
      'git-upload-pack /srv/..',
      'git-upload-pack /srv/.',
      'git-upload-pack /srv/',
      'git-upload-pack /srv',
      'git-upload-pack /etc/x',
      'git-upload-pack srv/x',
      "git-upload-pack '/srv/../etc'",
    ],
  ],
  ['cat /srv/*/log', ['cat /srv/a/log'], ['cat /srv/../log', 'cat /srv/./log', 'cat /srv//log', 'cat /srv/a/b/log']],
  [
    'cat /srv/**',
    ['cat /srv/a', 'cat /srv/a/b/c', 'cat /srv/a/'],
    ['cat /srv', 'cat /srv/', 'cat /srv/../x', 'cat /srv/a/../../x', 'cat /srv/a//b', 'cat /srv/a/.', 'cat /srv//'],
  ],
  ['echo **', ['echo', 'echo a', 'echo a b c'], ['echo -n', 'echo a -n', 'echo a --']],
  ['echo -**', ['echo', 'echo -n', 'echo a -n --long=/etc/x'], ['ech']],
  ['tail -n * /log', ['tail -n 5 /log'], ['tail -n -5 /log', 'tail -n5 /log']],
  ['ls -*', ['ls -l', 'ls -la', 'ls -'], ['ls --help', 'ls l', 'ls -/x', 'ls']],
  ['ls --*', ['ls --help', 'ls --color=never'], ['ls --x=/etc', 'ls x']],
  ['x a*b', ['x ab', 'x aXb', 'x abab'], ['x a', 'x ba', 'x a/b']],
  ['x *y', ['x y', 'x ay'], ['x -y', 'x --y', 'x a/y']],
  ['x .*', ['x .a', 'x .bashrc', 'x ...'], ['x ..', 'x .']],
  ["x '*' '{a,b}' '**'", ["x '*' '{a,b}' '**'"], ['x a a a', "x '*' a '**'"]],
  ['x pre{a,b*}post', ['x preapost', 'x prebpost', 'x prebXpost'], ['x prepost', 'x preaXpost']],
  ["x ''", ["x ''"], ['x', 'x a']],
  ['/opt/bin/* status', ['/opt/bin/tool status'], ['/opt/bin/../sh status', '/opt/bin/a/b status']],
  ['scp -t /srv/in/*', ['scp -t /srv/in/f'], ['scp -r -t /srv/in/f', 'scp -f /srv/in/f', 'scp -t /srv/in/../f']],
];

for (const [pattern, yes, no] of PATTERNS) {
  test(`the pattern ${pattern}`, () => {
    for (const line of yes) assert(runs(pattern, line), line);
    for (const line of no) assert(!runs(pattern, line), line);
  });
}

test('a pattern that is a slip is refused', () => {
  for (const pattern of [
    '',
    '*',
    '**',
    '-**',
    '* x',
    'a {b',
    'a b}',
    'a {b}',
    'a {b,}',
    'a {b{c,d},e}',
    'a ** b',
    'a x**y',
    'a /**/b',
    'a ***',
    'a; b',
    'a $b',
    '~/x',
    'A=b x',
  ])
    assert.throws(() => parsePattern(pattern), PatternProblem, pattern);
  assert.throws(() => parsePattern(`x ${'{a,b} '.repeat(11)}`), /more than 1000/);
});

test('a pattern full of wildcards costs no more than its length', () => {
  const pattern = `x ${'*a'.repeat(50)}`;
  const before = performance.now();
  assert(!runs(pattern, `x ${'a'.repeat(20_000)}b`));
  assert(performance.now() - before < 5_000);
});

test('no pattern lets rsync take its paths from its input instead of its words', () => {
  const pattern = 'rsync --server -* . /srv/**';
  assert(runs(pattern, 'rsync --server -vlogDtpre.iLsfxCIvu . /srv/x'));
  for (const line of [
    'rsync --server -slogDtpre.iLsfxCIvu . /srv/x',
    'rsync --server -s . /srv/x',
    'rsync --server -logDtprse.iLfxCIvu . /srv/x',
  ])
    assert(!runs(pattern, line), line);
  for (const option of ['--protect-args', '--secluded-args', '--protect', '-s'])
    assert(!runs('/usr/bin/rsync --server -** ', `/usr/bin/rsync --server ${option} . /srv/x`), option);
  assert(allows({ allow_any_command: true }, { type: 'exec', line: 'rsync --server -s . /srv/x' }));
});

test('any command still means plain words, and is sent quoted by us', () => {
  const policy = readPolicy({ ...NOTHING, allow_any_command: true });
  const decision = decide(policy, { type: 'exec', line: `sh -c 'id; echo "$HOME"'` });
  assert.deepEqual(decision, {
    allowed: true,
    argv: ['sh', '-c', 'id; echo "$HOME"'],
    command: `'sh' '-c' 'id; echo "$HOME"'`,
  });
  assert.equal(decide(policy, { type: 'exec', line: 'id; id' }).allowed, false);
  assert.equal(decide(policy, { type: 'exec', line: 'echo $HOME' }).allowed, false);
});

test('what is named is allowed, and nothing like it', () => {
  assert(allows({ allow_shell: true }, { type: 'shell' }));
  assert(!allows({ allow_shell: true }, { type: 'pty' }));
  assert(allows({ allow_pty: true }, { type: 'pty' }));
  const env = { allow_env: ['LANG', 'LC_*'] };
  for (const name of ['LANG', 'LC_ALL', 'LC_']) assert(allows(env, { type: 'env', name }));
  for (const name of ['LANGUAGE', 'LD_PRELOAD', 'lang', 'LC_A=b', 'LC_\n', ''])
    assert(!allows(env, { type: 'env', name }));
  assert(allows({ allow_subsystems: ['netconf'] }, { type: 'subsystem', name: 'netconf' }));
  assert(!allows({ allow_subsystems: ['netconf'] }, { type: 'subsystem', name: 'sftp' }));
  assert(allows({ sftp_read: ['/srv'] }, { type: 'subsystem', name: 'sftp' }));
  const forward = { allow_forward: ['db:5432', '[::1]:80'] };
  assert(allows(forward, { type: 'forward', host: 'db', port: 5432 }));
  assert(allows(forward, { type: 'forward', host: '::1', port: 80 }));
  assert(!allows(forward, { type: 'forward', host: 'db', port: 5433 }));
  assert(!allows(forward, { type: 'forward', host: 'DB.evil', port: 5432 }));
  for (const type of ['agent', 'x11', 'listen'] as const)
    assert(!allows({ allow_shell: true, allow_any_command: true, allow_pty: true }, { type }));
});

test('files are allowed by folder, protected places only by name', () => {
  const fields = { sftp_read: ['/srv/data/', '/home/me'], sftp_write: ['/srv/in'] };
  const may = (
    access: 'read' | 'write' | 'stat' | 'move',
    path: string,
    over: Partial<PolicyFields> = fields,
  ): boolean => allows(over, { type: 'path', access, path });
  assert(
    may('read', '/srv/data') && may('read', '/srv/data/a/b') && may('write', '/srv/in/x') && may('stat', '/srv/in/x'),
  );
  assert(!may('read', '/srv/data2') && !may('read', '/srv') && !may('read', '/') && !may('read', '/srv/in/x'));
  assert(!may('write', '/srv/data/x') && !may('write', '/etc/passwd'));
  assert(!may('read', '/home/me/.ssh/id_ed25519') && !may('write', '/home/me/.ssh', { sftp_write: ['/home'] }));
  const all = { sftp_read: ['/'], sftp_write: ['/'] };
  for (const path of [
    '/etc/passwd',
    '/etc',
    '/proc/1/mem',
    '/sys/x',
    '/dev/sda',
    '/boot/x',
    '/lib/x',
    '/usr/lib/x',
    '/usr/sbin/x',
    '/root/.ssh/x',
    '/home/x/.ssh/authorized_keys',
    '/home/x/.SSH/authorized_keys',
  ])
    assert(!may('read', path, all) && !may('write', path, all), path);
  assert(may('read', '/etcetera', all) && may('read', '/usr/bin/x', all));
  assert(may('read', '/etc/nginx/x', { sftp_read: ['/', '/etc/nginx'] }));
  assert(!may('read', '/etc/passwd', { sftp_read: ['/', '/etc/nginx'] }));
  assert(may('write', '/home/x/.ssh/authorized_keys', { sftp_write: ['/home/x/.ssh'] }));
  // With another name for what is above them they would be protected no more.
  for (const path of ['/usr', '/root', '/', '/etc', '/home/x/.ssh']) assert(!may('move', path, all), path);
  assert(
    may('move', '/usr/bin', all) && may('move', '/home/x', all) && !may('move', '/srv/in/x', { sftp_read: ['/'] }),
  );
  assert(may('move', '/usr/lib/x', { sftp_write: ['/usr/lib'] }));
});
