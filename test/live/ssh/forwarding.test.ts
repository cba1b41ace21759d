import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/sessions.ts';
import { execute, SshWorld } from '../../support/sshworld.ts';

test('an agent, X11, sockets and reverse ports go to nobody, where TCP to one place is named too', async () => {
  await using box = await SshWorld.make({
    allowed_commands: ['printenv *', 'echo *'],
    allow_forward: ['127.0.0.1:9'],
  });
  const agent = join(box.folder, 'agent');
  const holder = spawn('ssh-agent', ['-D', '-a', agent], { stdio: 'ignore' });
  await eventually(async () => (await execute('ssh-add', ['-l'], { env: { SSH_AUTH_SOCK: agent } })).code === 1);
  const env = { SSH_AUTH_SOCK: agent, DISPLAY: '127.0.0.1:7' };
  const client = async (options: readonly string[], ...words: string[]) => {
    const lease = await box.open();
    return await execute('ssh', [...(await box.options(lease)), ...options, 'any@127.0.0.1', ...words], { env });
  };
  // What was refused is not there for the command, which runs nevertheless.
  for (const [option, variable] of [
    ['-A', 'SSH_AUTH_SOCK'],
    ['-Y', 'DISPLAY'],
  ] as const) {
    const { code, stdout } = await client([option], 'printenv', variable);
    assert.deepEqual([option, code, stdout.toString()], [option, 1, '']);
  }
  const failing = ['-o', 'ExitOnForwardFailure=yes'];
  for (const wanted of ['0:127.0.0.1:9', `${box.folder}/there:127.0.0.1:9`]) {
    const { code, stderr } = await client([...failing, '-R', wanted], 'echo', 'x');
    assert.equal(code, 255, wanted);
    assert.match(stderr, /remote .*forward/i);
  }
  // A socket that really listens there, and that the server would reach.
  const far = join(box.folder, 'far');
  const listening = createServer((socket) => socket.end('reached')).listen(far);
  await once(listening, 'listening');
  const near = join(box.folder, 'near');
  const lease = await box.open();
  const forwarder = spawn('ssh', [...(await box.options(lease)), '-N', '-L', `${near}:${far}`, 'any@127.0.0.1']);
  forwarder.stderr.resume();
  await eventually(async () => existsSync(near));
  let got = '';
  const socket = connect(near).on('data', (chunk: Buffer) => {
    got += chunk;
  });
  socket.on('error', () => undefined);
  await once(socket, 'close');
  assert.equal(got, '');
  forwarder.kill();
  await once(forwarder, 'exit');
  listening.close();
  holder.kill();
  await once(holder, 'exit');
});
