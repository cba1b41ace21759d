import assert from 'node:assert/strict';
import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AuditLog, type AuditOptions } from '../../../../src/daemon/audit/log.ts';
import type { Vault } from '../../../../src/vault/vault.ts';
import { NEVER, newVault, OWNER, PASSWORD, password, text } from '../../vault/home.ts';
import { ManualClock } from '../time.ts';
import { event } from './logs.ts';

interface Scene {
  readonly vault: Vault;
  readonly folder: string;
  readonly clock: ManualClock;
  open(options?: Partial<AuditOptions>): Promise<AuditLog>;
}

/** An unlocked vault, and the place of its audit log. */
async function scene(t: TestContext): Promise<Scene> {
  const { vault, home } = await newVault(t);
  const folder = join(home, 'audit');
  const clock = new ManualClock();
  const open = async (options: Partial<AuditOptions> = {}): Promise<AuditLog> => {
    const log = await AuditLog.open({ folder, vault, clock, ...options });
    t.after(() => log.close());
    return log;
  };
  return { vault, folder, clock, open };
}

async function fill(log: AuditLog, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await log.record(event(n));
}

/** A log of ten sealed records, closed. */
async function sealedLog(t: TestContext): Promise<Scene> {
  const made = await scene(t);
  const log = await made.open();
  await log.unlocked();
  await fill(log, 1, 10);
  await log.close();
  return made;
}

/** The problem that the next daemon finds at its first unlock, and that verify still knows later. */
async function foundAtUnlock({ open }: Scene): Promise<string> {
  const log = await open();
  await log.unlocked();
  const { problem, ok } = await log.verify();
  assert.equal(ok, problem === '');
  await log.record(event(99));
  assert.equal((await log.verify()).problem, problem);
  return problem;
}

test('verify tells how many records at the end are not sealed yet; they are within 5 s', async (t) => {
  const { open, clock } = await scene(t);
  const log = await open();
  await log.unlocked();
  await fill(log, 1, 4);
  assert.deepEqual(await log.verify().then(({ ok, unsealed, records }) => ({ ok, unsealed, records })), {
    ok: true,
    unsealed: 4,
    records: 4,
  });
  clock.advance(5_000);
  await log.seal();
  assert.equal((await log.verify()).unsealed, 0);
});

test('sealing runs by itself, once per 5 s, and not at all while nothing is written', async (t) => {
  const { open, clock, folder } = await scene(t);
  const log = await open();
  await log.unlocked();
  assert.equal(clock.pending, 0);
  await fill(log, 1, 3);
  assert.equal(clock.pending, 1);
  clock.advance(5_000);
  // Behind the seal that is under way.
  await log.verify();
  await log.record(event(4));
  assert.equal(JSON.parse(await readFile(join(folder, 'audit.head'), 'utf8')).seq, 3);
});

test('while the vault is locked records are taken, unsealed; the next unlock seals them', async (t) => {
  const { open, vault } = await scene(t);
  const log = await open();
  await log.unlocked();
  await fill(log, 1, 2);
  await log.seal();
  vault.lock();
  await fill(log, 3, 5);
  assert.deepEqual(await log.verify().then(({ ok, unsealed, headChecked }) => ({ ok, unsealed, headChecked })), {
    ok: true,
    unsealed: 3,
    headChecked: false,
  });
  await vault.unlock(password(), OWNER, NEVER);
  await log.unlocked();
  assert.equal((await log.verify()).unsealed, 0);
});

test('an untouched log passes, restart after restart', async (t) => {
  const made = await sealedLog(t);
  assert.equal(await foundAtUnlock(made), '');
});

test('a tail that was cut while no daemon ran is found, and stays found', async (t) => {
  const made = await sealedLog(t);
  const path = join(made.folder, 'audit.log');
  const lines = (await readFile(path, 'utf8')).split('\n');
  await writeFile(path, `${lines.slice(0, 6).join('\n')}\n`);
  assert.match(await foundAtUnlock(made), /the log ended before record 10, which audit\.head knows/);
});

test('a tail cut and grown again by a locked daemon is found', async (t) => {
  const made = await sealedLog(t);
  const path = join(made.folder, 'audit.log');
  await truncate(path, (await readFile(path, 'utf8')).indexOf('\n') + 1);
  made.clock.advance(1);
  const locked = await made.open();
  await fill(locked, 2, 15);
  await locked.close();
  assert.match(await foundAtUnlock(made), /record 10 is not the one that audit\.head knows/);
});

test('an older copy of log and head, put back together, is found', async (t) => {
  const made = await sealedLog(t);
  const copy = `${made.folder}.old`;
  await cp(made.folder, copy, { recursive: true });
  const log = await made.open();
  await log.unlocked();
  await fill(log, 11, 20);
  await log.close();
  await rm(made.folder, { recursive: true });
  await cp(copy, made.folder, { recursive: true });
  assert.match(await foundAtUnlock(made), /ended before record 20, which the vault knows/);
});

test('a removed head, a changed head and a head of another vault are found', async (t) => {
  const removed = await sealedLog(t);
  await rm(join(removed.folder, 'audit.head'));
  assert.match(await foundAtUnlock(removed), /audit\.head: it was removed/);
  const changed = await sealedLog(t);
  await writeFile(join(changed.folder, 'audit.head'), 'x');
  assert.match(await foundAtUnlock(changed), /audit\.head: it was changed/);
  const foreign = await sealedLog(t);
  const other = await sealedLog(t);
  await cp(join(other.folder, 'audit.head'), join(foreign.folder, 'audit.head'));
  assert.match(await foundAtUnlock(foreign), /its seal is not of this vault/);
});

test('what was found is reported until an admin has acknowledged it, and nothing else is hidden by that', async (t) => {
  const made = await sealedLog(t);
  await rm(join(made.folder, 'audit.log'));
  const log = await made.open();
  await log.unlocked();
  const { flaw } = await log.verify();
  assert.equal(flaw?.seq, 1);
  await log.acknowledge({ token: 'root' }, 0, 'too early');
  assert.notEqual((await log.verify()).problem, '');
  await log.acknowledge({ token: 'root' }, 1, 'the disk was replaced');
  assert.equal((await log.verify()).problem, '');
  await log.close();
  await rm(join(made.folder, 'audit.log'));
  assert.match(await foundAtUnlock(made), /ended before record/);
});

test('a removed log is found', async (t) => {
  const made = await sealedLog(t);
  await rm(join(made.folder, 'audit.log'));
  assert.match(await foundAtUnlock(made), /ended before record 10/);
});

test('verify of a running daemon notices a cut at once, sealed or not', async (t) => {
  const { open, folder } = await scene(t);
  const log = await open();
  await log.unlocked();
  await fill(log, 1, 3);
  const path = join(folder, 'audit.log');
  const lines = (await readFile(path, 'utf8')).split('\n');
  await writeFile(path, `${lines.slice(0, 2).join('\n')}\n`);
  assert.match((await log.verify()).problem, /ends with record 2, but the running daemon knows of record 3/);
});

test('a new data key seals anew and is no tampering', async (t) => {
  const made = await sealedLog(t);
  const log = await made.open();
  await log.unlocked();
  await made.vault.changePassword(text(PASSWORD), text('another horse'), { rekey: true }, OWNER, NEVER);
  await log.seal();
  await log.close();
  assert.equal(await foundAtUnlock(made), '');
});

test('a vault locked and opened under another data key while the daemon runs is no tampering', async (t) => {
  const { open, vault } = await sealedLog(t);
  const log = await open();
  await log.unlocked();
  await vault.changePassword(text(PASSWORD), text('another horse'), { rekey: true }, OWNER, NEVER);
  vault.lock();
  await vault.unlock(password('another horse'), OWNER, NEVER);
  await log.unlocked();
  assert.equal((await log.verify()).problem, '');
});

test('rotation seals at once, and retention does not disturb the head', async (t) => {
  const made = await scene(t);
  const log = await made.open({ maxBytes: 1_500, keepFiles: 2 });
  await log.unlocked();
  await fill(log, 1, 60);
  const { ok, problem } = await log.verify();
  assert.equal(problem, '');
  assert.ok(ok);
  await log.close();
  assert.equal(await foundAtUnlock(made), '');
});

test('verify holds while records are written and files rotate', async (t) => {
  const { open } = await scene(t);
  const log = await open({ maxBytes: 3_000, keepFiles: 4 });
  await log.unlocked();
  const writing = fill(log, 1, 150);
  for (let n = 0; n < 10; n++) assert.equal((await log.verify()).problem, '');
  await writing;
});
