import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const HOW = `
import childProcess from 'node:child_process';
import { existsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { spawn } = childProcess;
childProcess.spawn = (...words) => {
  const child = spawn(...words);
  // The child is faster than we are: it has done what it does when spawn returns.
  while (!existsSync(process.env.DONE));
  return child;
};
syncBuiltinESMExports();
const { runChild } = await import('./src/cli/child.ts');
process.exitCode = await runChild(['sh', '-c', process.argv[1]], process.env);
`;

/** How a process ends that runs the script as its child: its exit code, or the signal. */
async function endOf(script: string): Promise<number | string> {
  const folder = mkdtempSync(join(tmpdir(), 'broker-child-'));
  const args = ['--import', 'tsx', '--input-type=module', '--eval', HOW, script];
  try {
    await promisify(execFile)(process.execPath, args, { env: { ...process.env, DONE: join(folder, 'done') } });
    return 0;
  } catch (error) {
    const { code, signal } = error as { code: number | null; signal: string };
    return code ?? signal;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a Ctrl-C is the child’s to take from its first moment, before spawn has returned', async () => {
  assert.equal(await endOf('kill -INT $PPID; >$DONE; exit 3'), 3);
  assert.equal(await endOf('kill -QUIT $PPID; >$DONE; kill -INT $$'), 130);
});
