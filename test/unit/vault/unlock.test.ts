import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import type { Vault } from '../../../src/vault/vault.ts';
import { broken, KEY, key, NEVER, newVault, OWNER, openVault, PASSWORD, password, revealed, text } from './home.ts';

const STRANGER = 'tcp:127.0.0.1';
const wrongPassword = broken('denied', /^wrong password$/);

function put(vault: Vault, name: string, secret: string): Promise<unknown> {
  return vault.write([{ type: 'put', collection: 'service', name, fields: {}, secrets: { password: text(secret) } }]);
}

test('a wrong password is denied and touches nothing', async (t) => {
  const { vault, home } = await newVault(t);
  const before = await readFile(join(home, 'vault.broker'));
  vault.lock();
  await assert.rejects(vault.unlock(password('wrong password'), OWNER, NEVER), wrongPassword);
  assert.equal(vault.state, 'locked');
  assert.deepEqual(await readFile(join(home, 'vault.broker')), before);
  await vault.unlock(password(), OWNER, NEVER);
});

test('unlocking or verifying an unlocked vault still takes the right password', async (t) => {
  const { vault } = await newVault(t);
  await assert.rejects(vault.unlock(password('wrong password'), OWNER, NEVER), wrongPassword);
  await assert.rejects(vault.verify(password('wrong password'), OWNER, NEVER), wrongPassword);
  await vault.unlock(password(), OWNER, NEVER);
  await vault.verify(password(), OWNER, NEVER);
  vault.lock();
  await assert.rejects(vault.verify(password(), OWNER, NEVER), broken('locked'));
});

test('unlock, verify and changePassword count failures together, per caller', async (t) => {
  const clock = { now: 1_000_000 };
  const { vault } = await newVault(t, { now: () => clock.now });
  await assert.rejects(vault.unlock(password('wrong password'), STRANGER, NEVER), wrongPassword);
  await assert.rejects(vault.verify(password('wrong password'), STRANGER, NEVER), wrongPassword);
  const change = vault.changePassword(text('wrong password'), text('long enough'), { rekey: false }, STRANGER, NEVER);
  await assert.rejects(change, wrongPassword);
  await assert.rejects(vault.verify(password(), STRANGER, NEVER), broken('exhausted', /wait 1 s/));
  await assert.rejects(vault.unlock(password(), STRANGER, NEVER), broken('exhausted', /wait 1 s/));
  await vault.verify(password(), OWNER, NEVER);
  clock.now += 1_000;
  await vault.verify(password(), STRANGER, NEVER);
});

test('the right password makes up for earlier failures', async (t) => {
  const { vault } = await newVault(t);
  for (let i = 0; i < 3; i++) {
    for (let wrong = 0; wrong < 2; wrong++) {
      await assert.rejects(vault.verify(password('wrong password'), STRANGER, NEVER), wrongPassword);
    }
    await vault.verify(password(), STRANGER, NEVER);
  }
});

test('a stranger’s guesses never keep the owner out for more than five seconds', async (t) => {
  const clock = { now: 1_000_000 };
  const { vault } = await newVault(t, { now: () => clock.now });
  vault.lock();
  for (const caller of [STRANGER, OWNER]) {
    for (let i = 0; i < 12; i++) {
      await assert.rejects(vault.unlock(password('wrong password'), caller, NEVER), wrongPassword);
      clock.now += 600_000;
    }
  }
  clock.now -= 600_000; // the moment of the last failure
  await assert.rejects(vault.unlock(password(), OWNER, NEVER), broken('exhausted', /wait 5 s/));
  clock.now += 5_000;
  await vault.unlock(password(), OWNER, NEVER);
});

test('one password is checked at a time, the others are turned away at once', async (t) => {
  const { vault } = await newVault(t);
  vault.lock();
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => vault.unlock(password(), OWNER, NEVER)));
  assert.deepEqual(
    results.map((one) => (one.status === 'fulfilled' ? 'ok' : one.reason.code)),
    ['ok', 'exhausted', 'exhausted', 'exhausted', 'exhausted'],
  );
  await vault.verify(password(), OWNER, NEVER); // and being turned away counts for no failure
});

test('checking a password does not hold up the writes', async (t) => {
  const { vault } = await newVault(t, { kdf: { timeCost: 3, memoryKiB: 64 * 1024, parallelism: 1 } });
  const order: string[] = [];
  const verifying = vault.verify(password(), OWNER, NEVER).then(() => order.push('verified'));
  await put(vault, 'a', '1').then(() => order.push('written'));
  await verifying;
  assert.deepEqual(order, ['written', 'verified']);
});

test('a lock while the password is checked wins', async (t) => {
  const { vault } = await newVault(t);
  vault.lock();
  const unlocking = vault.unlock(password(), OWNER, NEVER);
  vault.lock();
  await assert.rejects(unlocking, broken('cancelled', /locked again/));
  assert.equal(vault.state, 'locked');
});

test('a lock while a vault is made wins: it is there, and locked', async (t) => {
  const { vault, home } = await newVault(t);
  await vault[Symbol.asyncDispose]();
  const other = await openVault(t, join(home, 'other'));
  const making = other.initialize(text(PASSWORD), NEVER);
  other.lock();
  await assert.rejects(making, broken('cancelled'));
  assert.equal(other.state, 'locked');
  await other.unlock(password(), OWNER, NEVER);
});

test('a lock while the password is changed wins, and the old one still opens', async (t) => {
  const { vault } = await newVault(t);
  for (const rekey of [false, true]) {
    const changing = vault.changePassword(text(PASSWORD), text('battery staple'), { rekey }, OWNER, NEVER);
    vault.lock();
    await assert.rejects(changing, broken('locked'));
    await vault.unlock(password(), OWNER, NEVER);
  }
});

test('a cancelled unlock leaves the vault locked', async (t) => {
  const { vault } = await newVault(t);
  vault.lock();
  const cancel = new AbortController();
  const unlocking = vault.unlock(password(), OWNER, cancel.signal);
  cancel.abort();
  await assert.rejects(unlocking, broken('cancelled'));
  assert.equal(vault.state, 'locked');
  await assert.rejects(vault.unlock(password(), OWNER, AbortSignal.abort()), broken('cancelled'));
});

for (const rekey of [false, true]) {
  test(`changing the password ${rekey ? 'with' : 'without'} a rekey keeps every record and ends the old password, in .bak too`, async (t) => {
    const { vault, home } = await newVault(t);
    await put(vault, 'a', '1');
    await put(vault, 'b', '2');
    const derived = vault.deriveKey('audit head');
    await vault.changePassword(text(PASSWORD), text('battery staple'), { rekey }, OWNER, NEVER);
    assert.equal(vault.deriveKey('audit head').equals(derived), !rekey);
    for (const name of ['vault.broker', 'vault.broker.bak']) {
      const copy = await newVault(t);
      const bytes = await readFile(join(home, name));
      await assert.rejects(copy.vault.restore(bytes, text(PASSWORD), NEVER), broken('denied'), name);
      await copy.vault.restore(bytes, text('battery staple'), NEVER);
      await copy.vault.unlock(password('battery staple'), OWNER, NEVER);
      assert.deepEqual(
        [revealed(copy.vault, 'a', 'password'), revealed(copy.vault, 'b', 'password')],
        ['1', '2'],
        name,
      );
    }
    await put(vault, 'c', '3');
    vault.lock();
    await assert.rejects(vault.unlock(password(), OWNER, NEVER), wrongPassword);
    await vault.unlock(password('battery staple'), OWNER, NEVER);
    assert.equal(revealed(vault, 'a', 'password') + revealed(vault, 'c', 'password'), '13');
  });
}

test('a short new password changes nothing', async (t) => {
  const { vault } = await newVault(t);
  const change = vault.changePassword(text(PASSWORD), text('short'), { rekey: false }, OWNER, NEVER);
  await assert.rejects(change, broken('invalid_argument'));
  await vault.verify(password(), OWNER, NEVER);
});

test('a key opens the vault beside the password, until its slot is removed, in .bak too', async (t) => {
  const { vault, home } = await newVault(t, { now: () => 1234 });
  await vault.addSlot(key(), 'systemd');
  assert.deepEqual(vault.slots(), [
    { index: 0, type: 'password', label: 'password', createdAt: 1234 },
    { index: 1, type: 'key', label: 'systemd', createdAt: 1234 },
  ]);
  vault.lock();
  assert.equal(vault.slots().length, 2);
  await assert.rejects(vault.unlock(key(Buffer.alloc(32)), OWNER, NEVER), broken('denied', /opens none/));
  await vault.unlock(key(), OWNER, NEVER);
  await vault.removeSlot('systemd');
  vault.lock();
  await assert.rejects(vault.unlock(key(), OWNER, NEVER), broken('denied'));
  await vault.unlock(password(), OWNER, NEVER);
  const slots = await Promise.all(['vault.broker', 'vault.broker.bak'].map((name) => readFile(join(home, name))));
  assert.ok(slots.every((bytes) => !bytes.includes('systemd')));
});

test('a key is not a password, nor a password a key', async (t) => {
  const long = 'a password of thirty-two bytes!!';
  const { vault } = await newVault(t);
  await vault.addSlot(key(Buffer.from(long)), 'file');
  await assert.rejects(vault.verify(password(long), OWNER, NEVER), wrongPassword);
  await assert.rejects(vault.verify(key(Buffer.from(PASSWORD)), OWNER, NEVER), broken('denied'));
});

test('a key never waits for somebody’s password check', async (t) => {
  const { vault } = await newVault(t, { kdf: { timeCost: 3, memoryKiB: 64 * 1024, parallelism: 1 } });
  await vault.addSlot(key(), 'systemd');
  vault.lock();
  const slow = vault.unlock(password(), STRANGER, NEVER);
  await vault.unlock(key(), OWNER, NEVER);
  await put(vault, 'a', 'meanwhile');
  await slow; // it does not put back what it read before the write
  assert.equal(revealed(vault, 'a', 'password'), 'meanwhile');
});

test('slots are refused by name: a label in use, an odd label, a short key, a seventeenth, the password’s, none', async (t) => {
  const { vault } = await newVault(t);
  await vault.addSlot(key(), 'one');
  await assert.rejects(vault.addSlot(key(), 'one'), broken('already_exists', /key slot one/));
  await assert.rejects(vault.addSlot(key(), 'password'), broken('already_exists'));
  await assert.rejects(vault.addSlot(key(), 'a\nb'), broken('invalid_argument', /^label/));
  await assert.rejects(vault.addSlot(key(), 'x'.repeat(65)), broken('invalid_argument', /^label/));
  await assert.rejects(
    vault.addSlot({ type: 'key', secret: Secret.copy(KEY.subarray(1)) }, 'two'),
    broken('invalid_argument', /32 random bytes/),
  );
  await assert.rejects(vault.removeSlot('none'), broken('not_found'));
  await assert.rejects(vault.removeSlot('password'), broken('invalid_argument', /broker passwd/));
  for (let i = 2; i < 16; i++) await vault.addSlot(key(), `slot ${i}`);
  await assert.rejects(vault.addSlot(key(), 'one more'), broken('exhausted', /at most 16/));
});

test('a rekey beside key slots is refused, naming them', async (t) => {
  const { vault } = await newVault(t);
  await vault.addSlot(key(), 'systemd');
  const rekey = () => vault.changePassword(text(PASSWORD), text('battery staple'), { rekey: true }, OWNER, NEVER);
  await assert.rejects(rekey(), broken('conflict', /systemd/));
  await vault.verify(password(), OWNER, NEVER);
  await vault.removeSlot('systemd');
  await rekey();
});
