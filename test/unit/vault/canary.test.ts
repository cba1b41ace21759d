import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { Change } from '../../../src/vault/vault.ts';
import { authority, key, NEVER, newVault, OWNER, password, text } from './home.ts';
import { Plug } from './plug.ts';

const MARKER = 'canary-8f1d3c-marker';
const FIRST_PASSWORD = 'canary-first-password';
const NEXT_PASSWORD = 'canary-next-password';
const KEY_FILE = Buffer.from('canary-key-file-0123456789abcdef');

/** The forms in which bytes could lie about: raw, hex, and base64 at each of its three alignments (whole groups only). */
function forms(marker: Uint8Array): string[] {
  const shifted = [0, 1, 2].map((shift) => {
    const aligned = marker.subarray(shift, marker.length - ((marker.length - shift) % 3));
    return Buffer.from(aligned).toString('base64');
  });
  const raw = Buffer.from(marker);
  return [raw.toString('latin1'), raw.toString('hex'), raw.toString('hex').toUpperCase(), ...shifted];
}

const canaries = [Buffer.from(MARKER), Buffer.from(FIRST_PASSWORD), Buffer.from(NEXT_PASSWORD), KEY_FILE].flatMap(
  forms,
);

function found(haystack: Buffer | string): string[] {
  const textual = typeof haystack === 'string' ? haystack : haystack.toString('latin1');
  return canaries.filter((form) => textual.includes(form));
}

function service(name: string): Change {
  return {
    type: 'put',
    collection: 'service',
    name,
    fields: { kind: 'postgres', host: 'db' },
    secrets: { password: text(MARKER) },
  };
}

test('the search finds every form that it looks for', () => {
  for (const form of canaries) assert.deepEqual(found(Buffer.from(`..${form}..`, 'latin1')), [form]);
  assert.equal(found(Buffer.from(`{"p":"${Buffer.from(`x${MARKER}`).toString('base64')}"}`)).length, 1);
});

test('no secret, password or key, in any form, is ever written to the disk, nor anything that a record says', async (t) => {
  const plug = new Plug();
  const { vault, home } = await newVault(t, { disk: plug });
  await vault.changePassword(text('correct horse'), text(FIRST_PASSWORD), { rekey: false }, OWNER, NEVER);
  await vault.write([
    service('app-db'),
    { ...service('file'), collection: 'file' },
    { ...service('t'), collection: 'token' },
  ]);
  await vault.write([
    { ...service('app-db'), type: 'put', secrets: { password: 'keep', other: text(MARKER) } } as Change,
  ]);
  await vault.addSlot(key(KEY_FILE), 'systemd');
  vault.lock();
  await vault.unlock(key(KEY_FILE), OWNER, NEVER);
  await vault.removeSlot('systemd');
  await vault.changePassword(text(FIRST_PASSWORD), text(NEXT_PASSWORD), { rekey: true }, OWNER, NEVER);
  await vault.write([{ type: 'delete', collection: 'token', name: 't' }]);
  plug.failAt(2, 'ENOSPC', { forGood: false });
  await assert.rejects(vault.write([service('more')]));
  await vault.restore(await vault.backup(), text(NEXT_PASSWORD), NEVER);
  await vault.unlock(password(NEXT_PASSWORD), OWNER, NEVER);

  const files = await Promise.all((await readdir(home)).map((name) => readFile(join(home, name))));
  const everything = [...plug.written, ...files];
  assert.ok(everything.length > 12);
  for (const bytes of everything) {
    assert.deepEqual(found(bytes), []);
    assert.ok(!/app-db|postgres/.test(bytes.toString('latin1')), 'records are encrypted as a whole');
  }
});

test('no secret or password is in an error, a record, or what inspect shows of the vault', async (t) => {
  const { vault } = await newVault(t);
  await vault.changePassword(text('correct horse'), text(FIRST_PASSWORD), { rekey: false }, OWNER, NEVER);
  await vault.write([service('app-db')]);
  const grant = authority.issue({ collection: 'service', name: 'app-db' }, 'open');
  const misplaced = { ...service('b'), fields: { note: text(MARKER) as unknown as string } };
  const failures = await Promise.all([
    vault.verify(password(NEXT_PASSWORD), OWNER, NEVER).catch((error: unknown) => error),
    vault.initialize(text(NEXT_PASSWORD), NEVER).catch((error: unknown) => error),
    vault.write([misplaced]).catch((error: unknown) => error),
    vault.write([{ ...service('app-db'), ifRevision: 1 }]).catch((error: unknown) => error),
    vault.write([{ ...service('x\n') }]).catch((error: unknown) => error),
    vault.restore(Buffer.from(MARKER), text(NEXT_PASSWORD), NEVER).catch((error: unknown) => error),
  ]);
  assert.ok(failures.every((error) => error instanceof Error));
  const shown = [...failures, vault, vault.list('service'), vault.slots(), vault.reveal(grant, 'password')].map(
    (value) => inspect(value, { depth: 12, showHidden: true }),
  );
  assert.deepEqual(found(shown.join('\n') + JSON.stringify(vault.list('service'))), []);
});
