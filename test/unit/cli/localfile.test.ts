import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTarget } from '../../../src/cli/localfile.ts';

test('a file has the mode that it is given, and where none is stated that of any new file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'broker-local-'));
  try {
    for (const [name, mode, made] of [
      ['stated', 0o640, 0o640],
      ['none', 0, 0],
      ['unstated', undefined, 0o666 & ~process.umask()],
    ] as const) {
      const target = await openTarget(folder, name, mode);
      await target.write(Buffer.from('content'));
      await target.finish();
      assert.equal((await stat(join(folder, name))).mode & 0o777, made, name);
    }
    assert.equal(String(await readFile(join(folder, 'unstated'))), 'content');
    assert.deepEqual((await readdir(folder)).sort(), ['none', 'stated', 'unstated']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
