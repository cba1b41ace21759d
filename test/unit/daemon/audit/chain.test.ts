import assert from 'node:assert/strict';
import { appendFile, type FileHandle, open, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Chain } from '../../../../src/daemon/audit/chain.ts';
import { ACTIVE, logNames } from '../../../../src/daemon/audit/files.ts';
import { broken, temporaryHome } from '../../vault/home.ts';
import { ManualClock } from '../time.ts';
import { event, modeOf, numbers, openChain, tornFiles, walkFolder, writtenLog } from './logs.ts';

/** The prototype behind every FileHandle, to count and to fail the calls of the real thing. */
async function fileHandles(): Promise<Pick<FileHandle, 'datasync' | 'write'>> {
  await using any = await open('/dev/null', 'r');
  return Object.getPrototypeOf(any);
}

test('records are numbered from 1 and chained, in the order of the calls', async (t) => {
  const chain = await openChain(t);
  await Promise.all(Array.from({ length: 50 }, (_, n) => chain.append(event(n + 1), n % 2 === 0)));
  assert.deepEqual(
    await numbers(chain.folder),
    Array.from({ length: 50 }, (_, n) => n + 1),
  );
  const { records, flaw } = await walkFolder(chain.folder);
  assert.deepEqual({ records, flaw }, { records: 50, flaw: undefined });
});

test('the log is for its owner only', async (t) => {
  const folder = join(await temporaryHome(t), 'audit');
  const chain = await openChain(t, { folder, maxBytes: 1 });
  await chain.append(event(1), true);
  await chain.append(event(2), true);
  assert.equal(await modeOf(folder), '700');
  assert.deepEqual(await Promise.all((await logNames(folder)).map((name) => modeOf(join(folder, name)))), [
    '600',
    '600',
  ]);
});

test('concurrent callers share an fdatasync, and each resolves only after one', async (t) => {
  const chain = await openChain(t);
  const handles = await fileHandles();
  const sync = t.mock.method(handles, 'datasync');
  let before = 0;
  await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      await chain.append(event(n), true);
      if (sync.mock.callCount() === 0) before += 1;
    }),
  );
  assert.equal(before, 0);
  assert.ok(sync.mock.callCount() <= 2, `${sync.mock.callCount()} syncs for 200 records`);
});

test('a record that nobody waits for is synced within 100 ms', async (t) => {
  const clock = new ManualClock();
  const chain = await openChain(t, { clock });
  const sync = t.mock.method(await fileHandles(), 'datasync');
  await chain.append(event(1), false);
  assert.equal(sync.mock.callCount(), 0);
  clock.advance(100);
  await chain.exclusively(() => Promise.resolve());
  assert.equal(sync.mock.callCount(), 1);
});

test('a log that cannot be written rejects and says so, keeps no half of a record, and recovers', async (t) => {
  const chain = await openChain(t);
  await chain.append(event(1), true);
  const handles = await fileHandles();
  const write = handles.write;
  const full = t.mock.method(handles, 'write', function (this: FileHandle, ...args: unknown[]): unknown {
    const [bytes, offset] = args as [Buffer, number];
    // As a full disk does: part of it, then nothing.
    if (offset > 0) return Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    return Reflect.apply(write, this, [bytes, 0, Math.floor(bytes.length / 2)]);
  });
  await assert.rejects(chain.append(event(2), true), broken('unavailable', /cannot be written \(ENOSPC\)/));
  assert.equal(chain.problem?.code, 'unavailable');
  full.mock.restore();
  await chain.append(event(3), true);
  assert.equal(chain.problem, undefined);
  assert.deepEqual(await numbers(chain.folder), [1, 2]);
  assert.equal((await walkFolder(chain.folder)).flaw, undefined);
});

test('a failed fdatasync is the failure of everybody who waited for it', async (t) => {
  const chain = await openChain(t);
  const handles = await fileHandles();
  t.mock.method(handles, 'datasync', () => Promise.reject(Object.assign(new Error('bad disk'), { code: 'EIO' })), {
    times: 1,
  });
  const outcomes = await Promise.allSettled([chain.append(event(1), true), chain.append(event(2), true)]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
});

const disturbances: Record<string, (path: string) => Promise<void>> = {
  'is cut': (path) => truncate(path, 10),
  'is written to': (path) => appendFile(path, '{}\n'),
  'is moved away': (path) => rename(path, `${path}.bak`),
  'is replaced by a copy': async (path) => {
    const bytes = await readFile(path);
    await rename(path, `${path}.bak`);
    await writeFile(path, bytes);
  },
};
for (const [what, disturb] of Object.entries(disturbances)) {
  test(`when the log ${what} while broker runs, nothing more is recorded`, async (t) => {
    const chain = await openChain(t);
    await chain.append(event(1), true);
    await disturb(join(chain.folder, ACTIVE));
    await assert.rejects(chain.append(event(2), true), { name: 'BrokerError' });
    assert.notEqual(chain.problem, undefined);
  });
}

test('a second writer on the same folder is refused', async (t) => {
  const chain = await openChain(t);
  await assert.rejects(Chain.open({ folder: chain.folder }), broken('conflict'));
});

test('the chain goes on where it ended', async (t) => {
  const folder = await writtenLog(t, 3);
  const chain = await openChain(t, { folder });
  await chain.append(event(4), true);
  assert.deepEqual(await numbers(folder), [1, 2, 3, 4]);
  assert.equal((await walkFolder(folder)).flaw, undefined);
});

test('a closed log takes no record', async (t) => {
  const chain = await openChain(t);
  const last = chain.append(event(1), true);
  await chain.close();
  await last;
  await assert.rejects(chain.append(event(2), true), broken('unavailable'));
});

test('rotation under load loses nothing and keeps the chain', async (t) => {
  const chain = await openChain(t, { maxBytes: 2_000, keepFiles: 1_000 });
  for (let round = 0; round < 40; round++) {
    await Promise.all(Array.from({ length: 5 }, (_, n) => chain.append(event(n), true)));
  }
  const names = await logNames(chain.folder);
  assert.ok(names.length > 10);
  const { flaw, records, last } = await walkFolder(chain.folder);
  assert.equal(flaw, undefined);
  assert.equal(records, 200 + names.length - 1);
  assert.equal(last.seq, records);
});

test('retention removes the oldest files, and what is left still verifies', async (t) => {
  const folder = await writtenLog(t, 200, { maxBytes: 2_000, keepFiles: 3 });
  assert.deepEqual(await logNames(folder), ['audit.log.3', 'audit.log.2', 'audit.log.1', 'audit.log']);
  const { flaw, last, records } = await walkFolder(folder);
  assert.equal(flaw, undefined);
  assert.ok(last.seq > 200 && records < 100);
});

test('a hole in the numbers of the files does not make rotation overwrite one', async (t) => {
  const folder = await writtenLog(t, 30, { maxBytes: 2_000, keepFiles: 100 });
  const [oldest] = await logNames(folder);
  await rename(join(folder, oldest ?? ''), join(folder, 'audit.log.90'));
  const chain = await openChain(t, { folder, maxBytes: 1, keepFiles: 100 });
  for (let n = 0; n < 10; n++) await chain.append(event(n), true);
  assert.equal((await walkFolder(folder)).flaw, undefined);
});

test('the end of a broken-off write is set aside, and the chain says so', async (t) => {
  const folder = await writtenLog(t, 3);
  const path = join(folder, ACTIVE);
  const whole = await readFile(path);
  await appendFile(path, whole.subarray(0, 100));
  await openChain(t, { folder });
  const [torn] = await tornFiles(folder);
  assert.match(torn ?? '', /^audit\.torn\.4\./);
  assert.deepEqual(await readFile(join(folder, torn ?? '')), whole.subarray(0, 100));
  assert.equal(await modeOf(join(folder, torn ?? '')), '600');
  const { flaw, repairs, records } = await walkFolder(folder);
  assert.deepEqual({ flaw, repairs, records }, { flaw: undefined, repairs: 1, records: 4 });
});

test('a last record without its line feed is set aside too: it was never acknowledged', async (t) => {
  const folder = await writtenLog(t, 3);
  const path = join(folder, ACTIVE);
  await truncate(path, (await readFile(path)).length - 1);
  await openChain(t, { folder });
  assert.deepEqual(await numbers(folder), [1, 2, 3]);
  assert.equal((await tornFiles(folder)).length, 1);
  assert.equal((await walkFolder(folder)).flaw, undefined);
});
