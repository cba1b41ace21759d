import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Vault } from '../../../src/vault/vault.ts';
import { broken, NEVER, newVault, OWNER, openVault, password, revealed, temporaryHome, text } from './home.ts';

function put(vault: Vault, name: string, secret: string): Promise<unknown> {
  return vault.write([{ type: 'put', collection: 'service', name, fields: {}, secrets: { password: text(secret) } }]);
}

/** A closed vault with record a in its .bak and a, b in itself. */
async function closedVault(t: TestContext): Promise<{ home: string; path: string; bytes: Buffer }> {
  const { vault, home } = await newVault(t);
  await put(vault, 'a', '1');
  await put(vault, 'b', '2');
  await vault[Symbol.asyncDispose]();
  const path = join(home, 'vault.broker');
  return { home, path, bytes: await readFile(path) };
}

function flippedAt(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

function futureVersion(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(2, 8);
  createHash('sha256').update(copy.subarray(0, 20)).digest().copy(copy, 20, 0, 12);
  return copy;
}

const damages: readonly [what: string, damage: (bytes: Buffer) => Buffer, code: string, message: RegExp][] = [
  ['an empty file', () => Buffer.alloc(0), 'corrupt', /is empty/],
  ['a file cut short', (bytes) => bytes.subarray(0, bytes.length - 1), 'corrupt', /is cut short: \d+ of \d+ bytes/],
  ['a flipped byte in the header', (bytes) => flippedAt(bytes, 60), 'corrupt', /is damaged in its header/],
  ['a flipped byte in the body', (bytes) => flippedAt(bytes, bytes.length - 1), 'corrupt', /is damaged in its body/],
  ['a newer version', futureVersion, 'conflict', /is of format 2; this broker reads format 1/],
  ['another file', () => Buffer.from('x'.repeat(400)), 'corrupt', /is not a vault/],
];

for (const [what, damage, code, message] of damages) {
  test(`${what}: one clear error, file untouched, and a restore of .bak helps`, async (t) => {
    const { home, path, bytes } = await closedVault(t);
    const broke = damage(bytes);
    await writeFile(path, broke);
    const vault = await openVault(t, home);
    assert.equal(vault.state, 'locked');
    assert.match(vault.damage?.message ?? '', message);
    await assert.rejects(vault.unlock(password(), OWNER, NEVER), broken(code, message));
    await assert.rejects(vault.initialize(password().secret, NEVER), broken('conflict', /there is a vault already/));
    await assert.rejects(vault.backup(), broken(code, message));
    assert.throws(() => vault.list('service'), broken(code, message));
    assert.deepEqual(await readFile(path), broke);

    await vault.restore(await readFile(`${path}.bak`), password().secret, NEVER);
    assert.equal(vault.damage, undefined);
    await vault.unlock(password(), OWNER, NEVER);
    assert.equal(revealed(vault, 'a', 'password'), '1');
    assert.deepEqual(await readFile(`${path}.damaged`), broke, 'the damaged file is set aside, not the backup');
  });
}

test('a missing file beside its .bak is an error that says what to do, never a new vault', async (t) => {
  const { home, path } = await closedVault(t);
  await rm(path);
  const before = await readdir(home);
  const vault = await openVault(t, home);
  assert.equal(vault.state, 'locked');
  const missing = /vault\.broker is missing, but vault\.broker\.bak is there/;
  await assert.rejects(vault.unlock(password(), OWNER, NEVER), {
    ...broken('corrupt', missing),
    hint: `put the vault back (broker restore ${path}.bak), or if you want none of it, move ${path}.bak away`,
  });
  await assert.rejects(vault.initialize(text('a new password'), NEVER), broken('conflict', missing));
  assert.deepEqual(await readdir(home), before);
  await vault.restore(await readFile(`${path}.bak`), password().secret, NEVER);
  await vault.unlock(password(), OWNER, NEVER);
  assert.equal(revealed(vault, 'a', 'password'), '1');
});

test('a missing file beside what an interrupted save left is an error, too', async (t) => {
  for (const trace of ['tmp', 'bak.tmp', 'damaged']) {
    const home = await temporaryHome(t);
    await writeFile(join(home, `vault.broker.${trace}`), 'something');
    const vault = await openVault(t, home);
    await assert.rejects(
      vault.initialize(text('a new password'), NEVER),
      broken('conflict', new RegExp(`broker\\.${trace} is there`)),
    );
    assert.equal(await readFile(join(home, `vault.broker.${trace}`), 'utf8'), 'something');
  }
});

test('a file that was put back while broker ran locked is taken as it is', async (t) => {
  const { home, path } = await closedVault(t);
  await rename(path, `${path}.elsewhere`);
  const vault = await openVault(t, home);
  await rename(`${path}.elsewhere`, path);
  await vault.unlock(password(), OWNER, NEVER);
  assert.equal(revealed(vault, 'b', 'password'), '2');
});

test('what an interrupted save left beside an intact vault is removed, beside a damaged one kept', async (t) => {
  const { home, path, bytes } = await closedVault(t);
  await writeFile(`${path}.tmp`, 'half');
  await writeFile(path, bytes.subarray(0, 100));
  const damaged = await openVault(t, home);
  await damaged[Symbol.asyncDispose]();
  assert.equal(await readFile(`${path}.tmp`, 'utf8'), 'half');
  await writeFile(path, bytes);
  await openVault(t, home);
  assert.deepEqual((await readdir(home)).sort(), ['vault.broker', 'vault.broker.bak', 'vault.broker.lock']);
});

test('a backup restores byte for byte, keeps what was there as .bak, and locks', async (t) => {
  const { vault, home } = await newVault(t);
  await put(vault, 'a', 'old');
  const backup = await vault.backup();
  await put(vault, 'a', 'new');
  const present = await readFile(join(home, 'vault.broker'));
  let locked = 0;
  vault.onLock(() => locked++);
  await vault.restore(backup, password().secret, NEVER);
  assert.equal(locked, 1);
  assert.equal(vault.state, 'locked');
  assert.deepEqual(await readFile(join(home, 'vault.broker')), backup);
  assert.deepEqual(await readFile(join(home, 'vault.broker.bak')), present);
  await vault.unlock(password(), OWNER, NEVER);
  assert.equal(revealed(vault, 'a', 'password'), 'old');
  await put(vault, 'a', 'newer');
  assert.equal(revealed(vault, 'a', 'password'), 'newer');
});

test('a backup restores into an empty home', async (t) => {
  const { bytes } = await closedVault(t);
  const vault = await openVault(t, await temporaryHome(t));
  await vault.restore(bytes, password().secret, NEVER);
  assert.equal(vault.state, 'locked');
  await vault.unlock(password(), OWNER, NEVER);
  assert.equal(revealed(vault, 'b', 'password'), '2');
});

test('a backup can be made while the vault is locked, and while writes go on', async (t) => {
  const { vault } = await newVault(t);
  const writes = Promise.all(Array.from({ length: 10 }, (_, i) => put(vault, `s${i}`, 'x')));
  const backups = await Promise.all(Array.from({ length: 10 }, () => vault.backup()));
  await writes;
  vault.lock();
  for (const backup of [...backups, await vault.backup()]) await vault.restore(backup, password().secret, NEVER);
});

test('no backup that the password does not open, or that is not whole, replaces the vault', async (t) => {
  const { bytes } = await closedVault(t);
  const { vault, home } = await newVault(t);
  await put(vault, 'mine', 'm');
  const before = await readFile(join(home, 'vault.broker'));
  const restore = (backup: Buffer, word = 'correct horse') => vault.restore(backup, text(word), NEVER);
  await assert.rejects(restore(bytes, 'wrong password'), broken('denied', /backup cannot be used: wrong password/));
  for (const [what, damage, code, message] of damages) {
    await assert.rejects(restore(damage(bytes)), broken(code, message), what);
  }
  assert.deepEqual(await readFile(join(home, 'vault.broker')), before);
  assert.equal(vault.state, 'unlocked');
  assert.equal(revealed(vault, 'mine', 'password'), 'm');
  await put(vault, 'mine', 'still');
});
