import assert from 'node:assert/strict';
import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Flock, koffiFlock, lockHome } from '../../../src/vault/lock.ts';
import { broken, openVault, temporaryHome } from './home.ts';

const without = async (): Promise<Flock | undefined> => undefined;

for (const [by, load] of [
  ['flock', koffiFlock],
  ['socket', without],
] as const) {
  test(`one process at a time, by ${by}: the second learns the pid of the first`, async (t) => {
    const home = await temporaryHome(t);
    const first = await lockHome(home, load);
    assert.equal(first.by, by);
    await assert.rejects(lockHome(home, load), broken('conflict', new RegExp(`pid ${process.pid}\\).*${home}`)));
    await first[Symbol.asyncDispose]();
    const second = await lockHome(home, load);
    await second[Symbol.asyncDispose]();
  });

  test(`two homes do not lock each other, by ${by}`, async (t) => {
    const locks = [await lockHome(await temporaryHome(t), load), await lockHome(await temporaryHome(t), load)];
    for (const lock of locks) await lock[Symbol.asyncDispose]();
  });
}

test('a file system that knows no flock is locked by socket', async (t) => {
  const home = await temporaryHome(t);
  const lock = await lockHome(home, async () => () => 'unsupported');
  assert.equal(lock.by, 'socket');
  await assert.rejects(lockHome(home, without), broken('conflict'));
  await lock[Symbol.asyncDispose]();
});

test('the pid that a dead process left is not taken for a lock', async (t) => {
  const home = await temporaryHome(t);
  await writeFile(join(home, 'vault.broker.lock'), `${process.ppid}\n`);
  const lock = await lockHome(home);
  await lock[Symbol.asyncDispose]();
});

test('a lock file that is a link elsewhere is refused', async (t) => {
  const home = await temporaryHome(t);
  await writeFile(join(home, 'elsewhere'), 'precious');
  await symlink('elsewhere', join(home, 'vault.broker.lock'));
  await assert.rejects(lockHome(home), broken('conflict', /ELOOP/));
});

test('a second vault on one home is refused, and the first goes on', async (t) => {
  const home = await temporaryHome(t);
  const first = await openVault(t, home);
  await assert.rejects(openVault(t, home), broken('conflict', /is using broker's home/));
  assert.equal(first.state, 'absent');
  await first[Symbol.asyncDispose]();
  await openVault(t, home);
});

test('a new home is closed to others, with every folder made on the way', async (t) => {
  const home = join(await temporaryHome(t), 'share', 'broker');
  await openVault(t, home);
  for (const folder of [home, join(home, '..')]) assert.equal((await stat(folder)).mode & 0o777, 0o700);
});

test('a home that others can enter is refused with the command that closes it', async (t) => {
  const home = join(await temporaryHome(t), 'home');
  await mkdir(home);
  for (const mode of [0o755, 0o710, 0o701, 0o2770]) {
    await chmod(home, mode);
    await assert.rejects(openVault(t, home), {
      ...broken('conflict', new RegExp(`open to other users \\(mode ${mode.toString(8).padStart(4, '0')}\\)`)),
      hint: `chmod 700 ${home}`,
    });
  }
  await chmod(home, 0o700);
  await openVault(t, home);
});

test('a home that is a file is refused', async (t) => {
  const home = join(await temporaryHome(t), 'home');
  await writeFile(home, '');
  await assert.rejects(openVault(t, home), broken('conflict', /cannot be used \(EEXIST\)/));
});
