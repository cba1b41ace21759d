import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { collected, refusal } from '../../support/refusal.ts';

/* Credential files through the API. */

const LIMIT = 5 * 1024 * 1024;
let daemon: TestDaemon;
let admin: BrokerClient;

before(async () => {
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
});

after(() => daemon?.[Symbol.asyncDispose]());

const parts = (name: string, content: Buffer) => {
  const messages: { name?: string; data: Buffer }[] = [{ name, data: Buffer.alloc(0) }];
  for (let at = 0; at < content.length; at += 65_536) messages.push({ data: content.subarray(at, at + 65_536) });
  return messages;
};
const read = async (name: string): Promise<Buffer> =>
  Buffer.concat((await collected(admin.files.get({ name }))).map(({ data }) => data));

test('a file comes back byte for byte, and only encrypted onto the disk', async () => {
  const content = Buffer.from(`-----BEGIN KEY-----\0\xff${'line\n'.repeat(50_000)}`, 'latin1');
  const file = await admin.files.put(parts('service-account.json', content));
  assert.deepEqual([file.name, Number(file.size)], ['service-account.json', content.length]);
  assert.deepEqual(await read('service-account.json'), content);
  assert.ok(!readFileSync(join(daemon.home, 'vault.broker')).includes('BEGIN KEY'));
});

test('reading one back is on record as an exposure, with who did it', async () => {
  await admin.files.put(parts('exposed', Buffer.from('content')));
  await read('exposed');
  const [record] = (await daemon.audit({ action: 'file.expose' })).filter(({ detail }) => detail?.file === 'exposed');
  assert.deepEqual([record?.outcome, record?.caller.token, record?.caller.uid], ['intent', 'root', process.getuid?.()]);
});

test('five MiB fit, a byte more does not, and the refusal is on record', async () => {
  await admin.files.put(parts('largest', Buffer.alloc(LIMIT, 1)));
  await refusal(admin.files.put(parts('larger', Buffer.alloc(LIMIT + 1, 1))), 'too_large');
  assert.deepEqual((await admin.files.list({})).files.map(({ name }) => name).includes('larger'), false);
  const failed = (await daemon.audit({ action: 'file.put' })).filter(({ outcome }) => outcome === 'failed');
  assert.deepEqual(
    failed.map(({ code, detail }) => [code, detail?.name]),
    [['too_large', 'larger']],
  );
  await admin.files.delete({ name: 'largest' });
});

test('the store of files counts for itself: who comes another way than the stream is refused too', async () => {
  const { files } = daemon.instance.daemon;
  const message = `larger: more than ${LIMIT} bytes`;
  await assert.rejects(files.put('larger', Buffer.alloc(LIMIT + 1, 1)), { code: 'too_large', message });
  assert.equal(files.exists('larger'), false);
});

test('names that could be paths are refused, as are empty files', async () => {
  for (const name of ['', '../x', 'a/b', 'a\\b', 'a\nb', '..', 'x'.repeat(256)])
    await refusal(admin.files.put(parts(name, Buffer.from('x'))), 'invalid_argument');
  await refusal(admin.files.put(parts('empty', Buffer.alloc(0))), 'invalid_argument');
  await refusal(admin.files.put([]), 'invalid_argument');
});

test('what is not there is said to be not there', async () => {
  await refusal(read('nothing'), 'not_found');
  await refusal(admin.files.delete({ name: 'nothing' }), 'not_found');
  await admin.files.put(parts('short-lived', Buffer.from('x')));
  await admin.files.delete({ name: 'short-lived' });
  await refusal(read('short-lived'), 'not_found');
});
