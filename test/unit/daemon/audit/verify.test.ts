import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ACTIVE, logNames } from '../../../../src/daemon/audit/files.ts';
import { chainLine, MAX_LINE_BYTES, parseLine } from '../../../../src/daemon/audit/line.ts';
import type { Walk, Witness } from '../../../../src/daemon/audit/verify.ts';
import { walkFolder, writtenLog } from './logs.ts';

/** A log of several files, and the hand of somebody who changes them. */
async function rotatedLog(
  t: Parameters<typeof writtenLog>[0],
): Promise<{ folder: string; files: Map<string, string>; total: number }> {
  const folder = await writtenLog(t, 30, { maxBytes: 1_500, keepFiles: 100 });
  const files = new Map<string, string>();
  for (const name of await logNames(folder)) files.set(name, await readFile(join(folder, name), 'utf8'));
  const { flaw, records } = await walkFolder(folder);
  assert.equal(flaw, undefined);
  assert.ok(files.size > 3);
  return { folder, files, total: records };
}

async function walkOf(files: ReadonlyMap<string, string | Buffer>, witnesses: readonly Witness[] = []): Promise<Walk> {
  const folder = await mkdtemp(join(tmpdir(), 'broker-audit-'));
  try {
    for (const [name, content] of files) await writeFile(join(folder, name), content);
    return await walkFolder(folder, witnesses);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** File and line of each record, in order. */
function places(files: ReadonlyMap<string, string>): { file: string; line: number }[] {
  return [...files].flatMap(([file, text]) =>
    text
      .trimEnd()
      .split('\n')
      .map((_, index) => ({ file, line: index + 1 })),
  );
}

test('any changed byte is found, and the record that it is in is named', async (t) => {
  const { files, total } = await rotatedLog(t);
  const where = places(files);
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (pick, offset, by) => {
      const place = where[pick % total];
      assert.ok(place);
      const lines = (files.get(place.file) ?? '').split('\n').map((line) => Buffer.from(`${line}\n`));
      const line = lines[place.line - 1];
      assert.ok(line);
      const at = offset % line.length;
      line[at] = (line[at] ?? 0) ^ by;
      const { flaw } = await walkOf(
        new Map<string, string | Buffer>(files).set(place.file, Buffer.concat(lines.slice(0, -1))),
      );
      assert.deepEqual({ file: flaw?.file, line: flaw?.line }, place);
      assert.equal(flaw?.seq, (pick % total) + 1);
    }),
    { numRuns: 60 },
  );
});

test('any removed record is found, and named', async (t) => {
  const { files, total } = await rotatedLog(t);
  const where = places(files);
  const tail: Witness[] = [{ mark: { seq: total, hash: '' }, by: 'audit.head' }];
  for (const [index, { file, line }] of where.entries()) {
    const lines = (files.get(file) ?? '').split('\n');
    lines.splice(line - 1, 1);
    const { flaw } = await walkOf(new Map(files).set(file, lines.join('\n')), index === total - 1 ? tail : []);
    assert.equal(flaw?.seq, index + 1, `record ${index + 1}: ${flaw?.message}`);
  }
});

test('two records that changed places are found', async (t) => {
  const { files } = await rotatedLog(t);
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), async (a, b) => {
      const text = files.get('audit.log.1') ?? '';
      const lines = text.trimEnd().split('\n');
      const [first, second] = [a % lines.length, b % lines.length].sort((x, y) => x - y);
      fc.pre(first !== undefined && second !== undefined && first !== second);
      const swapped = [...lines];
      swapped[first ?? 0] = lines[second ?? 0] ?? '';
      swapped[second ?? 0] = lines[first ?? 0] ?? '';
      const { flaw } = await walkOf(new Map(files).set('audit.log.1', `${swapped.join('\n')}\n`));
      assert.deepEqual({ file: flaw?.file, line: flaw?.line }, { file: 'audit.log.1', line: (first ?? 0) + 1 });
    }),
    { numRuns: 20 },
  );
});

test('a record put in twice is found', async (t) => {
  const { files } = await rotatedLog(t);
  const text = files.get(ACTIVE) ?? '';
  const { flaw } = await walkOf(new Map(files).set(ACTIVE, `${text}${text.split('\n')[0]}\n`));
  assert.match(flaw?.message ?? '', /stands where record \d+ should be/);
});

test('a log cut anywhere is found: within a record by itself, between records by whoever knows of the rest', async (t) => {
  const { files, total } = await rotatedLog(t);
  const text = files.get(ACTIVE) ?? '';
  const witness: Witness = { mark: { seq: total, hash: '' }, by: 'audit.head' };
  for (let end = 0; end < text.length; end += 37) {
    const whole = end === 0 || text[end - 1] === '\n';
    const { flaw } = await walkOf(new Map(files).set(ACTIVE, text.slice(0, end)), [witness]);
    assert.match(flaw?.message ?? '', whole ? /audit\.head knows of record/ : /cut off in the middle/);
  }
});

test('a record rewritten together with its hash is given away by the next one', async (t) => {
  const { files } = await rotatedLog(t);
  const lines = (files.get('audit.log.2') ?? '').split('\n');
  const [before, target] = [lines[0] ?? '', lines[1] ?? ''].map((line) => parseLine(Buffer.from(line)));
  assert.ok(before && target);
  lines[1] = chainLine({ ...target.event, service: 'another' }, before, Date.parse(target.time)).line;
  const { flaw } = await walkOf(new Map(files).set('audit.log.2', lines.join('\n')));
  assert.deepEqual(
    { file: flaw?.file, line: flaw?.line, seq: flaw?.seq },
    { file: 'audit.log.2', line: 3, seq: target.seq + 1 },
  );
  assert.match(flaw?.message ?? '', /does not follow from the one before it/);
});

test('a removed file is found, whichever it is', async (t) => {
  const { files, total } = await rotatedLog(t);
  const witness: Witness = { mark: { seq: total, hash: '' }, by: 'audit.head' };
  const names = [...files.keys()];
  for (const [index, name] of names.entries()) {
    const rest = new Map(files);
    rest.delete(name);
    const { flaw } = await walkOf(rest, [witness]);
    const expected =
      index === 0
        ? /oldest file was removed/
        : index === names.length - 1
          ? /its end was cut off/
          : /a file was removed/;
    assert.match(flaw?.message ?? '', expected, name);
  }
});

test('the oldest file may be missing only when retention says so', async (t) => {
  const folder = await writtenLog(t, 60, { maxBytes: 1_500, keepFiles: 3 });
  assert.equal((await walkFolder(folder)).flaw, undefined);
  await rm(join(folder, 'audit.log.3'));
  assert.match((await walkFolder(folder)).flaw?.message ?? '', /not by retention/);
});

test('a log rewritten with good hashes is not the one that was sealed', async (t) => {
  const { total } = await rotatedLog(t);
  const other = await rotatedLog(t);
  const witness: Witness = { mark: { seq: total, hash: 'f'.repeat(64) }, by: 'audit.head' };
  const { flaw } = await walkFolder(other.folder, [witness]);
  assert.match(flaw?.message ?? '', /is not the one that audit\.head knows/);
  assert.equal(flaw?.seq, total);
});

test('a line without end is named, and not held in memory', async (t) => {
  const { files } = await rotatedLog(t);
  const text = files.get(ACTIVE) ?? '';
  const { flaw } = await walkOf(new Map(files).set(ACTIVE, `${text}${'x'.repeat(40 * MAX_LINE_BYTES)}\n`));
  assert.match(flaw?.message ?? '', /was changed/);
});

test('an empty log is in order', async () => {
  assert.deepEqual((await walkOf(new Map([[ACTIVE, '']]))).flaw, undefined);
});
