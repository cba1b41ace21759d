import assert from 'node:assert/strict';
import { chown, lstat, mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sshString, uint32 } from '../../../src/drivers/ssh/blob.ts';
import { pathField, STATUS, TYPE } from '../../../src/drivers/ssh/sftp/wire.ts';
import { type RawAnswer, RawSftp } from '../../support/rawsftp.ts';
import { rig } from '../../support/rig.ts';
import { SshWorld } from '../../support/sshworld.ts';

/* Requests that no stock client makes, to a real server behind the filter. */

const NOTHING = uint32(0);
const MODE_777 = Buffer.concat([uint32(4), uint32(0o777)]);
const FROM_START = Buffer.concat([uint32(0), uint32(0), uint32(1_000)]);
/** Flags of OPEN. */
const [READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE, TEXT] = [1, 2, 4, 8, 16, 32, 64];

/** On the server: `in` may be read and written, `drop` written, `shown` read, `out` neither. */
let there: string;
let box: SshWorld;
let raw: RawSftp;
before(async () => {
  there = join(rig().openssh.directory, `raw-${process.pid}`);
  const { uid, gid } = await stat(rig().openssh.directory);
  for (const folder of ['', 'in', 'drop', 'shown', 'out', 'out/deep']) {
    await mkdir(join(there, folder));
    await chown(join(there, folder), uid, gid);
  }
  for (const file of ['in/mine', 'drop/letter', 'shown/paper', 'out/secret']) {
    await writeFile(join(there, file), `content of ${file}`);
    await chown(join(there, file), uid, gid);
  }
  await symlink(join(there, 'out'), join(there, 'in', 'folder'));
  await symlink(join(there, 'out', 'secret'), join(there, 'in', 'link'));
  await symlink(join(there, 'in', 'mine'), join(there, 'in', 'near'));
  box = await SshWorld.make({ sftp_read: at('in', 'shown', 'drop/open/files'), sftp_write: at('in', 'drop') });
  raw = await RawSftp.connect((await box.open({ connections: 0 })).address.port);
});
after(async () => {
  await raw[Symbol.asyncDispose]();
  await box[Symbol.asyncDispose]();
  await rm(there, { recursive: true });
});

const at = (...names: string[]): string[] => names.map((name) => join(there, name));
const path = (name: string): string => join(there, name);
const open = (name: string, flags: number): Promise<RawAnswer> =>
  raw.ask(TYPE.OPEN, path(name), uint32(flags), NOTHING);
/** Opens what may be opened. @returns the handle. */
async function opened(name: string, flags: number): Promise<Buffer> {
  const { type, body } = await open(name, flags);
  assert.equal(type, TYPE.HANDLE, `${name} ${flags}: ${body}`);
  return body;
}
/** That it was refused, and by broker. */
function refused({ status, body }: RawAnswer, what: string): void {
  assert.equal(status, STATUS.PERMISSION_DENIED, `${what}: ${body}`);
  assert.match(body.toString('latin1'), /broker: /, what);
}

test('what may only be written cannot be read: by no flags of OPEN, through no handle, and under no other name', async () => {
  for (const flags of [0, READ, READ | WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE, TEXT, CREATE | APPEND, 2 ** 31])
    refused(await open('drop/letter', flags), `flags ${flags}`);
  for (const flags of [WRITE, WRITE | APPEND, WRITE | CREATE]) {
    const handle = await opened('drop/letter', flags);
    refused(await raw.ask(TYPE.READ, handle, FROM_START), `READ ${flags}`);
    assert.equal((await raw.ask(TYPE.FSTAT, handle)).type, TYPE.ATTRS);
    assert.equal((await raw.ask(TYPE.CLOSE, handle)).status, STATUS.OK);
  }
  for (const type of [TYPE.OPENDIR, TYPE.READLINK]) refused(await raw.ask(type, path('drop')), String(type));
  for (const rename of [[TYPE.RENAME], [TYPE.EXTENDED, sshString('posix-rename@openssh.com')]] as const) {
    const [type, ...name] = rename;
    for (const to of ['in/letter', 'drop/open'])
      refused(await raw.ask(type, ...name, path('drop/letter'), path(to)), `RENAME to ${to}`);
  }
  assert.equal(await readFile(path('drop/letter'), 'utf8'), 'content of drop/letter');
  // Nor may what a session has made itself be moved there: another session may have put something else in its place.
  const own = await opened('drop/own', WRITE | CREATE | EXCLUSIVE);
  assert.equal((await raw.ask(TYPE.CLOSE, own)).status, STATUS.OK);
  refused(await raw.ask(TYPE.RENAME, path('drop/own'), path('in/own')), 'RENAME of its own');
});

test('what may only be read cannot be changed, through no handle either', async () => {
  for (const flags of [WRITE, READ | WRITE, READ | APPEND, READ | CREATE, READ | TRUNCATE, READ | EXCLUSIVE])
    refused(await open('shown/paper', flags), `flags ${flags}`);
  const handle = await opened('shown/paper', READ);
  refused(await raw.ask(TYPE.WRITE, handle, NOTHING, NOTHING, 'x'), 'WRITE');
  refused(await raw.ask(TYPE.FSETSTAT, handle, MODE_777), 'FSETSTAT');
  assert.equal((await raw.ask(TYPE.CLOSE, handle)).status, STATUS.OK);
  const folder = await raw.ask(TYPE.OPENDIR, path('shown'));
  refused(await raw.ask(TYPE.FSETSTAT, folder.body, MODE_777), 'FSETSTAT of a folder');
  assert.equal((await raw.ask(TYPE.CLOSE, folder.body)).status, STATUS.OK);
  assert.match((await raw.ask(TYPE.READ, folder.body, FROM_START)).body.toString('latin1'), /no such handle/);
  for (const type of [TYPE.SETSTAT, TYPE.REMOVE, TYPE.RMDIR, TYPE.MKDIR])
    refused(await raw.ask(type, path('shown/paper'), MODE_777), String(type));
  refused(await raw.ask(TYPE.EXTENDED, 'lsetstat@openssh.com', path('shown/paper'), MODE_777), 'lsetstat');
  refused(await raw.ask(TYPE.RENAME, path('shown/paper'), path('in/paper')), 'RENAME');
  assert.equal(await readFile(path('shown/paper'), 'utf8'), 'content of shown/paper');
  assert.notEqual((await stat(path('shown/paper'))).mode & 0o777, 0o777);
});

test('every request that names a path is judged by where it leads', async () => {
  const extended = (name: string) => [TYPE.EXTENDED, sshString(`${name}@openssh.com`)] as const;
  /** Requests by what they need; `end` is where the path goes. */
  const following: readonly (readonly [number, readonly Buffer[], readonly Buffer[]])[] = [
    [TYPE.OPEN, [], [uint32(READ), NOTHING]],
    [TYPE.OPEN, [], [uint32(WRITE | CREATE | TRUNCATE), NOTHING]],
    [TYPE.OPENDIR, [], []],
    [TYPE.STAT, [], []],
    [TYPE.SETSTAT, [], [MODE_777]],
    [TYPE.EXTENDED, extended('statvfs').slice(1) as Buffer[], []],
  ];
  const inside = pathField(path('in/new'));
  const naming: typeof following = [
    ...following,
    [TYPE.LSTAT, [], []],
    [TYPE.READLINK, [], []],
    [TYPE.MKDIR, [], [NOTHING]],
    [TYPE.REMOVE, [], []],
    [TYPE.RMDIR, [], []],
    [TYPE.RENAME, [], [inside]],
    [TYPE.RENAME, [pathField(path('in/mine'))], []],
    [TYPE.EXTENDED, extended('lsetstat').slice(1) as Buffer[], [MODE_777]],
    [TYPE.EXTENDED, extended('posix-rename').slice(1) as Buffer[], [inside]],
    [TYPE.EXTENDED, [sshString('posix-rename@openssh.com'), pathField(path('in/mine'))], []],
  ];
  const outside = [
    `${there}/in/folder/secret`,
    `${there}/in/folder/new`,
    `${there}/in/folder/deep`,
    `${there}/in/folder/./secret`,
    `${there}/in/../out/secret`,
    `${there}/in/folder/../out/secret`,
    `${there}/in/mine/../../out/secret`,
    `${there}//out//secret`,
    `${there}/out`,
    `${there}/inner`,
    `${there}/in/..`,
    `${there}/in/folder/..`,
    // Not even whether it is there is told.
    `${there}/out/none/x/y`,
    `${there}/in/../out/none/x/y`,
    there,
    '/',
    '/..',
    '/etc/passwd',
    '../../../../../etc/passwd',
  ];
  for (const [type, before, behind] of naming)
    for (const name of outside) refused(await raw.ask(type, ...before, name, ...behind), `${type} ${name}`);
  for (const [type, before, behind] of following)
    for (const name of ['in/link', 'in/folder'])
      refused(await raw.ask(type, ...before, path(name), ...behind), `${type} ${name}`);
  // Below no root, and on the way to none.
  for (const name of [...outside.slice(0, 8), path('in/link'), '/etc'])
    refused(await raw.ask(TYPE.REALPATH, name), `REALPATH ${name}`);
  for (const name of ['/', there, '.', '']) assert.equal((await raw.ask(TYPE.REALPATH, name)).type, TYPE.NAME, name);
  for (const name of ['in/none', 'in/none/x/y'])
    assert.equal((await raw.ask(TYPE.STAT, path(name))).status, STATUS.NO_SUCH_FILE, name);
  // The folders themselves are not the caller's to remove.
  for (const type of [TYPE.RMDIR, TYPE.REMOVE]) refused(await raw.ask(type, path('drop')), String(type));
  refused(await raw.ask(TYPE.RENAME, path('drop'), path('in/drop')), 'RENAME of a root');
  for (const ends of [
    ['/etc/passwd', 'in/made'],
    ['in/mine', 'in/made'],
  ] as const)
    refused(await raw.ask(TYPE.SYMLINK, ends[0], path(ends[1])), 'SYMLINK');
  assert.deepEqual((await readdir(path('out'))).sort(), ['deep', 'secret']);
  assert.deepEqual((await readdir(path('in'))).sort(), ['folder', 'link', 'mine', 'near']);
  assert.equal(await readFile(path('out/secret'), 'utf8'), 'content of out/secret');
  assert.notEqual((await stat(path('out/secret'))).mode & 0o777, 0o777);
  // What is about the link itself is about what lies inside.
  assert.equal((await raw.ask(TYPE.LSTAT, path('in/link'))).type, TYPE.ATTRS);
  assert.equal((await raw.ask(TYPE.RENAME, path('in/link'), path('in/moved'))).status, STATUS.OK);
  assert.equal(await readlink(path('in/moved')), path('out/secret'));
  assert((await lstat(path('in/moved'))).isSymbolicLink(), 'it is still a link');
  assert.equal((await raw.ask(TYPE.REMOVE, path('in/near'))).status, STATUS.OK);
  assert.equal(await readFile(path('in/mine'), 'utf8'), 'content of in/mine');
});

test('extensions that broker does not know are neither offered nor passed on', async () => {
  const known = ['fstatvfs', 'fsync', 'limits', 'lsetstat', 'posix-rename', 'statvfs'];
  assert.deepEqual(
    [...raw.extensions].sort(),
    known.map((name) => `${name}@openssh.com`),
  );
  const handle = await opened('in/mine', READ | WRITE);
  const ends = [path('in/mine'), path('in/hard')];
  for (const [name, ...fields] of [
    ['hardlink@openssh.com', ...ends],
    ['hardlink@openssh.com', path('out/secret'), path('in/hard')],
    ['expand-path@openssh.com', '~root'],
    ['home-directory', 'root'],
    ['users-groups-by-id@openssh.com', uint32(4), uint32(0), uint32(0)],
    ['copy-data', handle.subarray(4), NOTHING, NOTHING, NOTHING, NOTHING, handle.subarray(4), NOTHING, NOTHING],
    ['posix-rename@openssh.com\0', ...ends],
    ['', 'x'],
  ] as const) {
    const answer = await raw.ask(TYPE.EXTENDED, name, ...fields);
    assert.equal(answer.status, STATUS.OP_UNSUPPORTED, `${name}: ${answer.body}`);
  }
  for (const type of [0, 21, 22, TYPE.STATUS, TYPE.DATA, TYPE.EXTENDED_REPLY, 255])
    assert.equal((await raw.ask(type, ...ends)).status, STATUS.OP_UNSUPPORTED, String(type));
  assert.equal((await raw.ask(TYPE.EXTENDED, 'fsync@openssh.com', handle)).status, STATUS.OK);
  assert.equal((await raw.ask(TYPE.CLOSE, handle)).status, STATUS.OK);
  assert(!(await readdir(path('in'))).includes('hard'));
});

test('requests that are cut short, too long or about nothing are answered, and the session goes on', async () => {
  const huge = uint32(0xffff_ffff);
  const types = [TYPE.OPEN, TYPE.READ, TYPE.WRITE, TYPE.CLOSE, TYPE.LSTAT, TYPE.RENAME, TYPE.REALPATH, TYPE.EXTENDED];
  for (const type of types)
    for (const fields of [[], [huge], [Buffer.concat([huge, Buffer.alloc(50)])], [Buffer.from([0, 0, 0])]])
      assert.equal((await raw.ask(type, ...fields)).status, STATUS.BAD_MESSAGE, String(type));
  for (const name of [`${there}/in/a\0b`, `${there}/in/mine\0`, `${there}/in/${'a/'.repeat(2_100)}`])
    for (const type of [TYPE.OPEN, TYPE.STAT, TYPE.MKDIR, TYPE.REALPATH])
      assert.equal((await raw.ask(type, name, uint32(READ), NOTHING)).status, STATUS.BAD_MESSAGE, String(type));
  assert.equal((await raw.ask(TYPE.OPEN, path('in/mine'))).status, STATUS.BAD_MESSAGE);
  assert.equal((await raw.ask(TYPE.RENAME, path('in/mine'))).status, STATUS.BAD_MESSAGE);
  for (const type of [TYPE.READ, TYPE.WRITE, TYPE.FSTAT, TYPE.FSETSTAT, TYPE.READDIR, TYPE.CLOSE])
    assert.match((await raw.ask(type, uint32(0), FROM_START)).body.toString('latin1'), /no such handle/);
  for (const name of ['fsync', 'fstatvfs'])
    assert.match((await raw.ask(TYPE.EXTENDED, `${name}@openssh.com`, 'h')).body.toString('latin1'), /no such handle/);
  const handle = await opened('in/mine', READ);
  const all = await raw.ask(TYPE.READ, handle, NOTHING, NOTHING, huge);
  assert.equal(all.body.subarray(4).toString(), 'content of in/mine');
  assert.equal((await raw.ask(TYPE.READ, handle, huge, huge, huge)).type, TYPE.STATUS);
  assert.equal((await raw.ask(TYPE.CLOSE, handle)).status, STATUS.OK);
  assert.equal((await raw.ask(TYPE.CLOSE, handle)).status, STATUS.FAILURE);
});

test('a name is bytes: line ends and what is no UTF-8 reach the server as they are', async () => {
  for (const name of [Buffer.from('line\nend'), Buffer.from([0xff, 0xfe, 0x80]), Buffer.from('\u001b[2Jé')]) {
    const whole = Buffer.concat([Buffer.from(`${there}/in/`), name]);
    const { type, body } = await raw.ask(TYPE.OPEN, sshString(whole), uint32(WRITE | CREATE), NOTHING);
    assert.equal(type, TYPE.HANDLE);
    assert.equal((await raw.ask(TYPE.CLOSE, body)).status, STATUS.OK);
    await stat(whole);
    const names = await readdir(path('in'), { encoding: 'buffer' });
    assert(names.some((found) => Buffer.from(found).equals(name)));
    assert.equal((await raw.ask(TYPE.REMOVE, sshString(whole))).status, STATUS.OK);
  }
});

test('what is opened or changed is on record with its real path', async () => {
  assert.equal((await raw.ask(TYPE.MKDIR, path('in/./d'), NOTHING)).status, STATUS.OK);
  assert.equal((await raw.ask(TYPE.SETSTAT, path('in/d'), MODE_777)).status, STATUS.OK);
  assert.equal((await raw.ask(TYPE.RENAME, path('in/d'), path('in/e'))).status, STATUS.OK);
  assert.equal((await raw.ask(TYPE.RMDIR, path('in/e'))).status, STATUS.OK);
  for (const flags of [READ, WRITE]) await raw.ask(TYPE.CLOSE, await opened('in/mine', flags));
  const records = box.world.audit.filter(({ action }) => action === 'ssh.file').slice(-7);
  assert.deepEqual(
    records.map(({ detail }) => [detail?.access, detail?.path]),
    [
      ['mkdir', path('in/d')],
      ['setstat', path('in/d')],
      ['rename', path('in/d')],
      ['rename', path('in/e')],
      ['rmdir', path('in/e')],
      ['read', path('in/mine')],
      ['write', path('in/mine')],
    ],
  );
});

test('what holds a protected place is not renamed, and nothing takes its name', async () => {
  await using all = await SshWorld.make({ sftp_read: ['/'], sftp_write: ['/'] });
  await using client = await RawSftp.connect((await all.open()).address.port);
  for (const [from, to] of [
    ['/usr', '/usr2'],
    [path('in'), '/usr'],
    ['/etc', '/etc2'],
    [path('in'), path('out/.ssh')],
  ] as const)
    refused(await client.ask(TYPE.RENAME, from, to), `${from} ${to}`);
});
