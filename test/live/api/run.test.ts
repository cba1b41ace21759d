import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { rig } from '../../support/rig.ts';
import { nodeFor } from '../../support/user.ts';

/* What a command that `broker run --preset` started can find of the key, as an ordinary user: root reads everything. */

const MAIN = resolve(import.meta.dirname, '../../../dist/cli/main.js');
const KEY = 'sk-proj-canary0123456789abcdef';
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-run-test-'));
  chownSync(folder, rig().account.uid, -1);
});
after(() => rm(folder, { recursive: true, force: true }));

async function run(script: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const { uid, gid } = rig().account;
  const child = spawn(nodeFor(uid), [MAIN, 'run', '--preset', 'openai', '--', 'sh', '-c', script], {
    uid,
    gid,
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, OPENAI_API_KEY: KEY, OTHER: 'stays' },
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

test('the command finds the key neither in its environment nor in that of broker, whose process is closed to it', async () => {
  const { code, stdout, stderr } = await run(
    'env; for name in environ mem maps; do cat /proc/$PPID/$name 2>/dev/null | head -c 1000000; done; echo OVER',
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /OTHER=stays/);
  assert.match(stdout, /OPENAI_API_KEY=brk_/);
  assert.match(stdout, /OVER/);
  assert.ok(!stdout.includes(KEY));
  const refused = await run('cat /proc/$PPID/environ');
  assert.match(refused.stderr, /Permission denied/);
});

test('nothing is left when the command was killed', async () => {
  const { code, stdout } = await run('echo "$BROKER_ADDR"; kill -9 $$');
  assert.equal(code, 137);
  assert.match(stdout, /broker\.sock/);
  assert.ok(!existsSync(resolve(stdout.trim().replace('unix:', ''), '..')));
});
