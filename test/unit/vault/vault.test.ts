import assert from 'node:assert/strict';
import { createDecipheriv, hkdfSync } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import argon2 from 'argon2';
import { BrokerError } from '../../../src/core/errors.ts';
import { Grant, GrantAuthority } from '../../../src/core/grant.ts';
import type { Change } from '../../../src/vault/vault.ts';
import { GOLDEN_VAULT } from './golden.ts';
import {
  authority,
  broken,
  key,
  NEVER,
  newVault,
  openVault,
  PASSWORD,
  password,
  revealed,
  temporaryHome,
  text,
} from './home.ts';

function service(name: string, secret = 's3cret', fields = {}): Change {
  return { type: 'put', collection: 'service', name, fields, secrets: { password: text(secret) } };
}

test('a home without a trace of a vault is absent, and stays so until it is initialized', async (t) => {
  const vault = await openVault(t, await temporaryHome(t));
  assert.equal(vault.state, 'absent');
  assert.equal(vault.generation, 0);
  assert.throws(() => vault.list('service'), broken('locked', /there is no vault yet/));
  await assert.rejects(vault.unlock(password(), 'me', NEVER), broken('locked', /there is no vault yet/));
  await assert.rejects(vault.backup(), broken('not_found'));
  await vault.initialize(text(PASSWORD), NEVER);
  assert.equal(vault.state, 'unlocked');
  assert.equal(vault.generation, 1);
});

test('a second initialize is a conflict, also in the same moment', async (t) => {
  const vault = await openVault(t, await temporaryHome(t));
  const both = await Promise.allSettled([
    vault.initialize(text(PASSWORD), NEVER),
    vault.initialize(text(PASSWORD), NEVER),
  ]);
  assert.deepEqual(
    both.map((one) => one.status),
    ['fulfilled', 'rejected'],
  );
  await assert.rejects(vault.initialize(text(PASSWORD), NEVER), broken('conflict', /there is a vault already/));
});

test('a new password has at least 8 characters, counted as characters', async (t) => {
  const vault = await openVault(t, await temporaryHome(t));
  await assert.rejects(vault.initialize(text('seven77'), NEVER), broken('invalid_argument', /at least 8 characters/));
  await assert.rejects(vault.initialize(text('üüüüüüü'), NEVER), broken('invalid_argument'));
  await assert.rejects(vault.initialize(text('x'.repeat(4097)), NEVER), broken('invalid_argument', /4096/));
  assert.equal(vault.state, 'absent');
  await vault.initialize(text('üüüüüüüü'), NEVER);
});

test('what was written is there after a restart and an unlock', async (t) => {
  const { vault, home } = await newVault(t);
  const [written] = await vault.write([service('app-db', 'hunter2', { kind: 'postgres' })]);
  await vault[Symbol.asyncDispose]();
  const again = await openVault(t, home);
  assert.equal(again.state, 'locked');
  assert.equal(again.generation, 2);
  assert.throws(() => again.get('service', 'app-db'), broken('locked', /the vault is locked/));
  await again.unlock(password(), 'me', NEVER);
  assert.deepEqual(again.get('service', 'app-db'), written);
  assert.equal(revealed(again, 'app-db', 'password'), 'hunter2');
});

test('vault, backup and lock file are the owner’s alone', async (t) => {
  const { vault, home } = await newVault(t);
  await vault.write([service('a')]);
  for (const name of ['vault.broker', 'vault.broker.bak', 'vault.broker.lock']) {
    assert.equal((await stat(join(home, name))).mode & 0o777, 0o600, name);
  }
});

test('a write is all or nothing', async (t) => {
  const { vault } = await newVault(t);
  await vault.write([service('a', 'before')]);
  const changes: Change[] = [service('a', 'after'), { type: 'delete', collection: 'token', name: 'none' }];
  await assert.rejects(vault.write(changes), broken('not_found'));
  assert.equal(revealed(vault, 'a', 'password'), 'before');
  assert.equal(vault.generation, 2);
});

test('a write without changes saves nothing', async (t) => {
  const { vault } = await newVault(t);
  assert.deepEqual(await vault.write([]), []);
  assert.equal(vault.generation, 1);
});

test('writes at the same time are made one after the other, and none is lost', async (t) => {
  const { vault, home } = await newVault(t);
  await Promise.all(Array.from({ length: 20 }, (_, i) => vault.write([service(`s${i}`, `secret ${i}`)])));
  assert.equal(vault.generation, 21);
  await vault[Symbol.asyncDispose]();
  const again = await openVault(t, home);
  await again.unlock(password(), 'me', NEVER);
  for (let i = 0; i < 20; i++) assert.equal(revealed(again, `s${i}`, 'password'), `secret ${i}`);
});

test('of two writes that expect the same revision, one wins', async (t) => {
  const { vault } = await newVault(t);
  const [first] = await vault.write([service('a', '0')]);
  assert.ok(first);
  const race = ['1', '2'].map((value) => vault.write([{ ...service('a', value), ifRevision: first.revision }]));
  const [one, two] = await Promise.allSettled(race);
  assert.equal(one?.status, 'fulfilled');
  assert.equal(two?.status === 'rejected' && two.reason instanceof BrokerError && two.reason.code, 'conflict');
  assert.equal(revealed(vault, 'a', 'password'), '1');
});

test('memory has a change only once the disk has it', async (t) => {
  const { vault, home } = await newVault(t);
  const before = await readFile(join(home, 'vault.broker'));
  const writing = vault.write([service('a')]);
  assert.equal(vault.get('service', 'a'), undefined);
  await writing;
  assert.notDeepEqual(await readFile(join(home, 'vault.broker')), before);
  assert.ok(vault.get('service', 'a'));
});

test('a write that is cancelled before its turn changes nothing', async (t) => {
  const { vault } = await newVault(t);
  const cancel = new AbortController();
  const first = vault.write([service('a')]);
  const second = vault.write([service('b')], cancel.signal);
  cancel.abort();
  await first;
  await assert.rejects(second, broken('cancelled'));
  assert.equal(vault.get('service', 'b'), undefined);
});

test('the caller may wipe its secrets as soon as write has returned', async (t) => {
  const { vault } = await newVault(t);
  const secret = text('hunter2');
  const first = vault.write([service('other')]);
  const writing = vault.write([
    { type: 'put', collection: 'service', name: 'a', fields: {}, secrets: { password: secret } },
  ]);
  secret[Symbol.dispose]();
  await Promise.all([first, writing]);
  assert.equal(revealed(vault, 'a', 'password'), 'hunter2');
});

test('a vault file that was replaced or removed meanwhile is not written over', async (t) => {
  const { vault, home } = await newVault(t);
  const path = join(home, 'vault.broker');
  await rename(path, `${path}.aside`);
  await assert.rejects(vault.write([service('a')]), broken('conflict', /was removed while broker was running/));
  await assert.rejects(vault.backup(), broken('corrupt', /is missing/));
  await writeFile(path, 'something else', { mode: 0o600 });
  await assert.rejects(vault.write([service('a')]), broken('conflict', /was replaced while broker was running/));
  assert.equal(await readFile(path, 'utf8'), 'something else');
  await rename(`${path}.aside`, path);
  await vault.write([service('a')]);
});

test('lock wipes at once, tells everybody, and is undone by the password alone', async (t) => {
  const { vault } = await newVault(t);
  await vault.write([service('a')]);
  const derived = vault.deriveKey('audit head');
  const told: string[] = [];
  vault.onLock(() => told.push(vault.state));
  const stop = vault.onLock(() => told.push('stopped'));
  stop();
  vault.lock();
  assert.deepEqual(told, ['locked']);
  for (const use of [() => vault.get('service', 'a'), () => vault.list('token'), () => vault.deriveKey('audit head')]) {
    assert.throws(use, broken('locked'));
  }
  assert.throws(() => revealed(vault, 'a', 'password'), broken('locked'));
  await assert.rejects(vault.write([service('b')]), broken('locked'));
  vault.lock();
  assert.equal(told.length, 1);
  await vault.unlock(password(), 'me', NEVER);
  assert.ok(vault.deriveKey('audit head').equals(derived));
});

test('a listener that throws keeps neither the vault open nor the others uninformed', async (t) => {
  const { vault } = await newVault(t);
  const told: string[] = [];
  vault.onLock(() => {
    throw new Error('no');
  });
  vault.onLock(() => told.push('second'));
  assert.throws(() => vault.lock(), AggregateError);
  assert.deepEqual(told, ['second']);
  assert.equal(vault.state, 'locked');
});

test('a write under way when the vault is locked reaches the disk and does not unlock it', async (t) => {
  const { vault } = await newVault(t);
  const writing = vault.write([service('a')]);
  const waiting = vault.write([service('b')]);
  await Promise.resolve(); // the first has its turn and goes to the disk; the second waits behind it
  vault.lock();
  await writing;
  await assert.rejects(waiting, broken('locked'));
  assert.equal(vault.state, 'locked');
  await vault.unlock(password(), 'me', NEVER);
  assert.ok(vault.get('service', 'a'));
  assert.equal(vault.get('service', 'b'), undefined);
});

test('a secret is revealed to an active grant of the gate for its record, and to nothing else', async (t) => {
  const { vault } = await newVault(t);
  await vault.write([service('a'), service('b'), { ...service('a'), collection: 'file' }]);
  const subject = { collection: 'service', name: 'a' } as const;
  const grant = authority.issue(subject, 'open');
  assert.equal(vault.reveal(grant, 'password').use(String), 's3cret');
  assert.throws(() => vault.reveal(grant, 'other'), broken('not_found', /service a: other is not set/));
  grant.revoke(new BrokerError('ended', 'over'));
  assert.throws(() => vault.reveal(grant, 'password'), broken('denied'));
  assert.throws(() => vault.reveal(new Grant(subject, 'open'), 'password'), broken('denied'));
  assert.throws(() => vault.reveal(new GrantAuthority().issue(subject, 'open'), 'password'), broken('denied'));
  const nothing = authority.issue({ collection: 'service', name: 'c' }, 'open');
  assert.throws(() => vault.reveal(nothing, 'password'), broken('not_found', /there is no service c/));
});

test('an ended grant opens nothing even where it is vouched for', async (t) => {
  const { vault } = await newVault(t, { vouches: () => true });
  await vault.write([service('a')]);
  const grant = new Grant({ collection: 'service', name: 'a' }, 'open');
  grant.revoke(new BrokerError('ended', 'over'));
  assert.throws(() => vault.reveal(grant, 'password'), broken('denied'));
});

test('each secret revealed is a copy of its own', async (t) => {
  const { vault } = await newVault(t);
  await vault.write([service('a')]);
  const grant = authority.issue({ collection: 'service', name: 'a' }, 'open');
  const first = vault.reveal(grant, 'password');
  const second = vault.reveal(grant, 'password');
  first[Symbol.dispose]();
  assert.equal(second.use(String), 's3cret');
});

test('derived keys differ by label and by vault', async (t) => {
  const [one, two] = [(await newVault(t)).vault, (await newVault(t)).vault];
  const keys = [one.deriveKey('a'), one.deriveKey('b'), two.deriveKey('a')].map((secret) =>
    secret.use((b) => b.toString('hex')),
  );
  assert.equal(new Set(keys).size, 3);
  assert.ok(keys.every((hex) => hex.length === 64));
});

test('a disposed vault gives the home free and does nothing more', async (t) => {
  const { vault, home } = await newVault(t);
  const writing = vault.write([service('a')]);
  await Promise.resolve(); // it has its turn and goes to the disk
  await vault[Symbol.asyncDispose]();
  await vault[Symbol.asyncDispose]();
  await writing;
  const next = await openVault(t, home);
  await assert.rejects(vault.unlock(password(), 'me', NEVER), broken('unavailable'));
  await assert.rejects(vault.write([service('b')]), broken('locked'));
  await next.unlock(password(), 'me', NEVER);
  assert.ok(next.get('service', 'a'));
});

test('opens a vault file of version 1 as it was always written', async (t) => {
  const home = await temporaryHome(t);
  await writeFile(join(home, 'vault.broker'), Buffer.from(GOLDEN_VAULT, 'hex'), { mode: 0o600 });
  const vault = await openVault(t, home);
  for (const credential of [password(), key()]) {
    await vault.unlock(credential, 'me', NEVER);
    assert.deepEqual(vault.get('service', 'app-db')?.fields, { kind: 'postgres', config: { host: 'db', port: 5432 } });
    assert.equal(revealed(vault, 'app-db', 'password'), 'hunter2');
    vault.lock();
  }
});

test('the file is what format.ts says: it opens with node:crypto and argon2 alone', async () => {
  const file = Buffer.from(GOLDEN_VAULT, 'hex');
  const open = (secret: Uint8Array, sealed: Buffer, aad: Buffer): Buffer => {
    const decipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(0, 12)).setAAD(aad);
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
  };
  const subkey = (secret: Buffer, info: string): Buffer => Buffer.from(hkdfSync('sha256', secret, vaultId, info, 32));
  const context = file.subarray(0, 32 + file.readUInt32BE(12));
  const vaultId = file.subarray(32, 48);
  const slot = file.subarray(57); // type 1, createdAt 8, label 1 + 8, cost 9, salt 16, wrapped 60
  const kek = await argon2.hash(PASSWORD, {
    raw: true,
    type: argon2.argon2id,
    salt: slot.subarray(27, 43),
    timeCost: slot.readUInt32BE(18),
    memoryCost: slot.readUInt32BE(22),
    parallelism: slot.readUInt8(26),
  });
  const slotContext = Buffer.concat([Buffer.from('broker vault v1 slot'), vaultId, slot.subarray(0, 43)]);
  const dataKey = open(kek, slot.subarray(43, 103), slotContext);
  const body = open(subkey(dataKey, 'broker vault v1 body'), file.subarray(context.length + 64), context);
  const index = JSON.parse(body.subarray(4, 4 + body.readUInt32BE(0)).toString());
  assert.deepEqual(index[0].slice(0, 2), ['service', 'app-db']);
  const sealed = body.subarray(4 + body.readUInt32BE(0));
  const place = Buffer.from('["broker vault v1 secret","service","app-db","password"]');
  assert.equal(open(subkey(dataKey, 'broker vault v1 secrets'), sealed, place).toString(), 'hunter2');
});

test('a Vault shows nothing of what it holds', async (t) => {
  const { vault } = await newVault(t);
  await vault.write([service('a', 'hunter2')]);
  const shown =
    inspect(vault, { depth: 9, showHidden: true, customInspect: false }) + JSON.stringify(vault) + String(vault);
  assert.doesNotMatch(shown, /hunter2|68756e74657232/);
});
