import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { toStruct } from '../../../src/core/struct.ts';
import { LOCKED_KEY_PASSPHRASE } from '../../rig/table.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { refusal } from '../../support/refusal.ts';
import { rig } from '../../support/rig.ts';

/* Secrets of services that are in stored files. */

let daemon: TestDaemon;
let admin: BrokerClient;

before(async () => {
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
});

after(() => daemon?.[Symbol.asyncDispose]());

const struct = (config: JsonObject) => toStruct(config) as never;
const store = (name: string, text: string) => admin.files.put([{ name, data: Buffer.from(text) }]);

async function add(config: JsonObject, secrets: Record<string, Buffer> = {}) {
  const { host, tlsPort: port, logins, ca } = rig().dovecot;
  const fields = { host, port, user: logins.alice.user, ca: ca.cert, ...config };
  return await admin.services.put({ name: 'mail', kind: 'imap', config: struct(fields), secrets });
}

test('a service logs in with what a stored file holds, its final line end aside, and with what it holds next', async () => {
  await store('alice.txt', `${rig().dovecot.logins.alice.password}\n`);
  const service = await add({ password_file_ref: 'alice.txt' });
  assert.deepEqual(service.secretsSet, []);
  const tried = async () => (await admin.services.test({ name: 'mail' })).error;
  assert.equal(await tried(), '');
  await store('alice.txt', 'another');
  assert.match(await tried(), /refused the login of alice/);
  const exposed = await daemon.audit({ action: 'file.expose' });
  assert.equal(exposed.length, 0);
});

test('a file that a service refers to cannot be deleted, and has to be there', async () => {
  await store('used', 'x');
  await add({ password_file_ref: 'used' });
  const used = await refusal(admin.files.delete({ name: 'used' }), 'conflict');
  assert.equal(used.message, 'used is used by mail');
  const missing = await refusal(add({ password_file_ref: 'none' }), 'invalid_argument');
  assert.equal(missing.message, 'password_file_ref: there is no stored file none');
  assert.equal(missing.hint, 'to store it: broker file put none PATH');
  await refusal(add({ password_file_ref: '../x' }), 'invalid_argument');
  await refusal(add({ host_file_ref: 'used' }), 'invalid_argument');
  const both = await refusal(add({ password_file_ref: 'used' }, { password: Buffer.from('x') }), 'invalid_argument');
  assert.match(both.message, /password and password_file_ref are two ways to say the same/);
  await admin.services.delete({ name: 'mail' });
  await admin.files.delete({ name: 'used' });
});

test('a secret takes the place of a reference and the other way round; a redirection drops both', async () => {
  await store('ref', 'x');
  await add({ password_file_ref: 'ref' });
  const shown = async () => {
    const { config, secretsSet } = await admin.services.get({ name: 'mail' });
    return [config?.fields.password_file_ref?.stringValue, secretsSet.join()];
  };
  await admin.services.set({ name: 'mail', secrets: { password: Buffer.from('y') } });
  assert.deepEqual(await shown(), [undefined, 'password']);
  await admin.services.set({ name: 'mail', config: struct({ password_file_ref: 'ref' }) });
  assert.deepEqual(await shown(), ['ref', '']);
  const elsewhere = await refusal(
    admin.services.set({ name: 'mail', config: struct({ host: '127.0.0.2' }) }),
    'invalid_argument',
  );
  assert.match(elsewhere.message, /password is required; changing host drops the stored password/);
  await admin.services.set({ name: 'mail', config: struct({ host: '127.0.0.2', password_file_ref: 'ref' }) });
  assert.deepEqual(await shown(), ['ref', '']);
});

test('a key that cannot be used is refused when it is stored, also where it or its passphrase is stored already', async () => {
  const { host, port, user, lockedUserKey } = { ...rig().openssh, user: 'x' };
  await admin.files.put([{ name: 'locked', data: await readFile(lockedUserKey) }]);
  await store('nonsense', 'no key at all');
  const put = (config: JsonObject, secrets: Record<string, Buffer> = {}) =>
    admin.services.put({ name: 'web', kind: 'ssh', config: struct({ host, port, user, ...config }), secrets });
  const refusedAs = async (call: Promise<unknown>, problem: RegExp) =>
    assert.match((await refusal(call, 'invalid_argument')).message, problem);
  const [right, wrong] = [Buffer.from(LOCKED_KEY_PASSPHRASE), Buffer.from('another')];
  await refusedAs(put({ private_key_file_ref: 'nonsense' }), /private_key is not a private key/);
  await refusedAs(put({ private_key_file_ref: 'locked' }), /passphrase is required: private_key is encrypted/);
  await refusedAs(
    put({ private_key_file_ref: 'locked' }, { passphrase: wrong }),
    /passphrase does not open private_key/,
  );
  await put({ private_key_file_ref: 'locked' }, { passphrase: right });
  const set = (config: JsonObject, secrets: Record<string, Buffer> = {}) =>
    admin.services.set({ name: 'web', config: struct(config), secrets });
  await refusedAs(set({}, { passphrase: wrong }), /passphrase does not open private_key/);
  await refusedAs(set({ private_key_file_ref: 'nonsense' }), /private_key is not a private key/);
  await put({}, { private_key: await readFile(lockedUserKey), passphrase: right });
  await refusedAs(set({}, { passphrase: wrong }), /passphrase does not open private_key/);
  // What was spoilt where it is stored does not stand in the way of other changes.
  await put({ private_key_file_ref: 'locked' }, { passphrase: right });
  await store('locked', 'spoilt');
  await set({ allowed_commands: ['uptime'] });
  await admin.services.delete({ name: 'web' });
});
