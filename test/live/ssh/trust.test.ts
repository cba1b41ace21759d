import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../../scripts/command.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';
import { rig } from '../../support/rig.ts';
import { execute, type Result } from '../../support/sshworld.ts';

const CLI = join(ROOT, 'dist/cli/main.js');
const TERMINAL = join(ROOT, 'test/cli/terminal.py');
const QUESTION = 'Are these the keys of the server that you mean?';

test('broker service trust asks on the terminal: no pins nothing, yes pins what was shown', async () => {
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  const { host, port, logins, hostKey, userKey } = rig().openssh;
  const config = struct({ host, port, user: logins.ssh.user, allowed_commands: ['echo *'] });
  await admin.services.put({ name: 'new', kind: 'ssh', config, secrets: { private_key: await readFile(userKey) } });
  const env = { BROKER_ADDR: daemon.address, BROKER_TOKEN: await daemon.adminToken() };
  const answering = (answer: string): Promise<Result> =>
    execute('python3', [TERMINAL, QUESTION, answer, '--', process.execPath, CLI, 'service', 'trust', 'new'], { env });
  const pinned = async (): Promise<boolean> =>
    (await admin.services.trust({ name: 'new' })).keys.some(({ pinned }) => pinned);
  const [type = ''] = (await readFile(hostKey, 'utf8')).split(' ');

  for (const answer of ['no', '', 'y', `SHA256:${'A'.repeat(43)}`]) {
    const refused = await answering(answer);
    assert.notEqual(refused.code, 0, answer);
    assert.match(refused.stdout.toString(), /nothing was pinned/);
    assert(refused.stdout.toString().includes(` ${type}`), 'the keys are shown before the question');
    assert.equal(await pinned(), false, answer);
  }
  const agreed = await answering('yes');
  assert.equal(agreed.code, 0, agreed.stdout.toString());
  assert.match(agreed.stdout.toString(), /new: pinned/);
  assert.equal(await pinned(), true);
  const { ok, error } = await admin.services.test({ name: 'new' });
  assert(ok, error);
});
