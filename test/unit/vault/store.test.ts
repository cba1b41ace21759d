import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { Contents } from '../../../src/vault/contents.ts';
import { realDisk } from '../../../src/vault/disk.ts';
import { VaultFile } from '../../../src/vault/file.ts';
import { ensureHome } from '../../../src/vault/home.ts';
import { Kdf } from '../../../src/vault/kdf.ts';
import type { Keys } from '../../../src/vault/keys.ts';
import { NewPassword } from '../../../src/vault/slot.ts';
import { Store } from '../../../src/vault/store.ts';
import { broken, CHEAP_KDF, PASSWORD, temporaryHome, text } from './home.ts';
import { Plug } from './plug.ts';

function stretched(): Promise<NewPassword> {
  return new Kdf().alone(true, (stretch) => NewPassword.stretched(text(PASSWORD), CHEAP_KDF, stretch));
}

async function unlockedStore(t: TestContext): Promise<{ store: Store; contents: Contents; plug: Plug }> {
  const plug = new Plug();
  const file = new VaultFile(await temporaryHome(t), plug);
  const store = new Store(file);
  const contents = Contents.empty(await stretched(), 0);
  await file.create(contents.encrypt());
  store.enter(contents, store.locks);
  return { store, contents, plug };
}

function wiped(keys: Keys): boolean[] {
  return [keys.data.disposed, keys.body.disposed, keys.secrets.disposed];
}

test('a lock wipes every key', async (t) => {
  const { store, contents } = await unlockedStore(t);
  assert.deepEqual(wiped(contents.keys), [false, false, false]);
  store.lock();
  assert.deepEqual(wiped(contents.keys), [true, true, true]);
});

test('a rekey wipes the keys before it, a failed one its own', async (t) => {
  const { store, contents, plug } = await unlockedStore(t);
  const failed = contents.rekeyed(await stretched(), 0);
  plug.failAt(0, 'ENOSPC', { forGood: false });
  await assert.rejects(store.commit(failed, 'same'), broken('internal'));
  assert.deepEqual(wiped(failed.keys), [true, true, true]);
  assert.deepEqual(wiped(contents.keys), [false, false, false]);

  const next = contents.rekeyed(await stretched(), 0);
  await store.commit(next, 'same');
  assert.deepEqual(wiped(contents.keys), [true, true, true]);
  assert.deepEqual(wiped(next.keys), [false, false, false]);
});

test('a rekey that is overtaken by a lock leaves no key behind', async (t) => {
  const { store, contents } = await unlockedStore(t);
  const next = contents.rekeyed(await stretched(), 0);
  const committing = store.commit(next, 'same');
  store.lock();
  await committing;
  assert.deepEqual(
    [...wiped(contents.keys), ...wiped(next.keys)],
    Array.from({ length: 6 }, () => true),
  );
  assert.equal(store.state, 'locked');
});

test('contents that were entered too late leave no key behind', async (t) => {
  const { store } = await unlockedStore(t);
  const { locks } = store;
  store.lock();
  const late = Contents.empty(await stretched(), 0);
  assert.throws(() => store.enter(late, locks), broken('cancelled'));
  assert.deepEqual(wiped(late.keys), [true, true, true]);
});

test('a file is synced before it counts as made, and so is a folder', async (t) => {
  const home = await temporaryHome(t);
  const probe = await open(home);
  const sync = t.mock.method(Object.getPrototypeOf(probe), 'sync');
  await probe.close();
  await realDisk.create(`${home}/file`, Buffer.from('bytes'));
  assert.equal(sync.mock.callCount(), 1);
  await realDisk.syncFolder(home);
  assert.equal(sync.mock.callCount(), 2);
});

test('a new home is synced into the folders above it', async (t) => {
  const above = await temporaryHome(t);
  const probe = await open(above);
  const sync = t.mock.method(Object.getPrototypeOf(probe), 'sync');
  await probe.close();
  await ensureHome(`${above}/share/broker`);
  assert.equal(sync.mock.callCount(), 2);
  await ensureHome(`${above}/share/broker`);
  assert.equal(sync.mock.callCount(), 2);
});
