import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../../scripts/command.ts';
import { execute } from '../support/sshworld.ts';

/* The scripts as shells read them. The names of services come from a `broker` that is none. */

const CLI = join(ROOT, 'dist/cli/main.js');
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-completion-'));
  const table = "printf 'NAME  KIND\\napp-db  postgres\\nprod  ssh\\n'";
  await writeFile(join(folder, 'broker'), `#!/bin/sh\n[ "$*" = 'service list' ] && ${table}\n`, { mode: 0o755 });
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await execute(process.execPath, [CLI, 'completion', shell]);
    assert.equal(code, 0);
    await writeFile(join(folder, shell), stdout);
  }
});
after(() => rm(folder, { recursive: true }));

/** What bash offers for the last of the words, one a line. */
async function offered(...words: string[]): Promise<string[]> {
  const script = `source ${folder}/bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _broker; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { PATH: `${folder}:${process.env.PATH}` };
  const { code, stdout, stderr } = await execute('bash', ['--norc', '-c', script, 'bash', ...words], { env });
  assert.deepEqual([code, stderr], [0, '']);
  return stdout.toString().split('\n').filter(Boolean);
}

test('bash offers commands, their subcommands, their options, and the names of services where one is due', async () => {
  assert.deepEqual(await offered('broker', 'serv'), ['service']);
  assert((await offered('broker', 'service', '')).includes('trust'));
  assert.deepEqual(await offered('broker', 'service', 'trust', '--fing'), ['--fingerprint']);
  assert.deepEqual(await offered('broker', 'service', 'trust', 'pr'), ['prod']);
  assert.deepEqual(await offered('broker', 'exec', 'app'), ['app-db']);
  assert.deepEqual(await offered('broker', 'no-such-command'), []);
});

for (const shell of ['zsh', 'fish'] as const)
  test(`${shell} reads its script without a word of complaint, where it is installed`, async () => {
    const found = await execute('sh', ['-c', `command -v ${shell}`]);
    if (found.code !== 0) {
      // Still every quote must have its end: that is what a shell would stumble over first.
      const { stdout } = await execute(process.execPath, [CLI, 'completion', shell]);
      assert.equal((stdout.toString().replaceAll("\\'", '').match(/'/g)?.length ?? 1) % 2, 0);
      return;
    }
    const { code, stderr } = await execute(shell, ['-n', join(folder, shell)]);
    assert.deepEqual([code, stderr], [0, '']);
  });
