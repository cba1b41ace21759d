import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { tool } from '../../scripts/command.ts';
import { objection, summaryOf, testFiles } from '../../scripts/suite.ts';

/** What Node's own spec reporter prints about a test file. */
async function outputOf(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'broker-suite-'));
  try {
    const file = join(folder, 'a.test.mjs');
    await writeFile(file, `import { test } from 'node:test';\n${text}`);
    const env = ['-u', 'NODE_TEST_CONTEXT', process.execPath, '--test', '--test-reporter=spec', file];
    return (await tool('/usr/bin/env', env)).output;
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('a run of the suite', () => {
  test('is good if a test passed and none was left out', async () => {
    const summary = summaryOf(await outputOf("test('a', () => {});"));
    assert.deepEqual(summary, { tests: 1, pass: 1, fail: 0, cancelled: 0, skipped: 0, todo: 0 });
    assert.equal(objection(summary), undefined);
  });

  test('is bad if a test was skipped', async () => {
    const summary = summaryOf(await outputOf("test('a', () => {}); test.skip('b', () => {});"));
    assert.match(objection(summary) ?? '', /1 tests were skipped/);
  });

  test('is bad if a test is still to do', async () => {
    const summary = summaryOf(await outputOf("test('a', () => {}); test.todo('b');"));
    assert.match(objection(summary) ?? '', /1 tests are marked todo/);
  });

  test('is bad if no test ran, or the runner did not come to an end', () => {
    const none = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
    assert.equal(objection(none), 'no test ran');
    assert.equal(objection(summaryOf('▶ something\n')), 'the test runner ended without a summary');
  });

  test('reads the summary through colours, and the last one of several', () => {
    const lines = (pass: number) => ['tests 3', `pass ${pass}`, 'fail 0', 'cancelled 0', 'skipped 0', 'todo 0'];
    const coloured = [...lines(1), ...lines(3)].map((line) => `\u001b[34mℹ ${line}\u001b[39m`).join('\n');
    assert.equal(summaryOf(coloured)?.pass, 3);
  });
});

test('the suite is every *.test.ts, or those whose path has one of the given parts', async () => {
  const root = await mkdtemp(join(tmpdir(), 'broker-suite-'));
  try {
    for (const folder of ['unit/core', 'live']) await mkdir(join(root, 'test', folder), { recursive: true });
    for (const file of ['unit/core/b.test.ts', 'unit/a.test.ts', 'unit/notes.ts', 'live/a.test.ts']) {
      await writeFile(join(root, 'test', file), '');
    }
    assert.deepEqual(await testFiles([], root), [
      'test/live/a.test.ts',
      'test/unit/a.test.ts',
      'test/unit/core/b.test.ts',
    ]);
    assert.deepEqual(await testFiles(['./test/live', 'core/'], root), [
      'test/live/a.test.ts',
      'test/unit/core/b.test.ts',
    ]);
    assert.deepEqual(await testFiles(['nothing'], root), []);
  } finally {
    await rm(root, { recursive: true });
  }
});
