import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import { eventually } from '../../support/sessions.ts';
import { makeKey, run } from '../../support/sshd.ts';
import { execute, SshWorld } from '../../support/sshworld.ts';

test('the example and the variables of the hint work as printed, with and without a ticket', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['echo *'] });
  for (const check of ['peer', 'ticket'] as const) {
    const lease = await box.open({ check });
    const command = lease.hint.example.includes('; rm')
      ? lease.hint.example.replace('; rm', ' echo hello; rm')
      : `${lease.hint.example} echo hello`;
    const { stdout, stderr } = await execute('sh', ['-c', command], { env: lease.hint.env });
    assert.equal(stdout.toString(), 'hello\n', stderr);
  }
});

test('a ticket opens as a password or as the key made of it; another key, or none, does not', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['echo *'] });
  const own = join(box.folder, 'own');
  await makeKey(box.folder, 'own', '-t', 'ed25519', '-N', '');
  const lease = await box.open({ check: 'ticket', connections: 0 });
  const key = join(box.folder, 'key');
  await writeFile(key, lease.hint.env.BROKER_SSH_KEY ?? '', { mode: 0o600 });
  const options = await box.options(lease, 'IdentitiesOnly=yes');
  const ssh = (...more: string[]) => execute('ssh', [...options, ...more, 'any@127.0.0.1', 'echo', 'in']);
  assert.equal((await ssh('-i', key)).stdout.toString(), 'in\n');
  // Other keys are offered first and do no harm.
  assert.equal((await ssh('-i', own, '-i', key)).stdout.toString(), 'in\n');
  const other = await ssh('-i', own);
  assert.equal(other.code, 255);
  assert.match(other.stderr, /Permission denied/);
  assert.equal((await ssh()).code, 255);
  const asking = { SSH_ASKPASS_REQUIRE: 'force', SSH_ASKPASS: join(box.folder, 'ask') };
  const password = async (answer: string) => {
    await writeFile(asking.SSH_ASKPASS, `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
    const typed = options.map((word) => (word === 'BatchMode=yes' ? 'PubkeyAuthentication=no' : word));
    return execute('ssh', [...typed, 'any@127.0.0.1', 'echo', 'in'], { env: asking });
  };
  const ticket = lease.ticket?.use((bytes) => bytes.toString()) ?? '';
  assert.equal((await password(ticket)).stdout.toString(), 'in\n');
  const wrong = await password('f'.repeat(32));
  assert.equal(wrong.code, 255);
  assert(box.world.audit.some(({ action, code }) => action === 'session.refuse' && code === 'denied'));
});

test('the local host key is new for every lease, and the client refuses any other', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['echo *'] });
  const [one, two] = [await box.open(), await box.open()];
  const keyOf = (line = ''): string => line.split(' ')[2] ?? '';
  assert.notEqual(keyOf(one.hint.env.BROKER_KNOWN_HOSTS), keyOf(two.hint.env.BROKER_KNOWN_HOSTS));
  const options = await box.options(one);
  await writeFile(
    join(box.folder, `known-${one.id}`),
    `[127.0.0.1]:${one.address.port} ${two.hint.env.BROKER_KNOWN_HOSTS?.split(' ').slice(1).join(' ')}\n`,
  );
  const { code, stderr } = await execute('ssh', [...options, 'any@127.0.0.1', 'echo', 'x']);
  assert.equal(code, 255);
  assert.match(stderr, /HOST IDENTIFICATION HAS CHANGED|verification failed/);
});

test('who is too late is told so by ssh itself', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['cat'] });
  const lease = await box.open();
  const options = await box.options(lease);
  const first = spawn('ssh', [...options, 'any@127.0.0.1', 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  first.stdin.write('x');
  await once(first.stdout, 'data');
  const second = await execute('ssh', [...options, 'any@127.0.0.1', 'cat']);
  assert.match(second.stderr, /broker: this session is for one client and has had it/);
  first.stdin.end();
  await once(first, 'close');
});

test('revoking ends the connection with the reason, and what ran on the server', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['sh -c *'] });
  const lease = await box.open();
  const script = `sh -c 'echo started; exec sleep 60.${lease.address.port}'`;
  const child = spawn('ssh', [...(await box.options(lease)), 'any@127.0.0.1', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  await once(child.stdout, 'data');
  const running = async (): Promise<boolean> => {
    const found = await run('pgrep', ['-f', `sleep 60.${lease.address.port}`]).catch(() => ({ stdout: '' }));
    return found.stdout.trim() !== '';
  };
  assert(await running());
  box.world.grants[0]?.revoke(new BrokerError('ended', 'the token was revoked'));
  const [code] = await once(child, 'close');
  assert.equal(code, 255);
  assert.match(stderr, /broker: the token was revoked/);
  await eventually(async () => !(await running()));
});

test('a command whose client leaves is told so on the server', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['sleep *'] });
  const lease = await box.open();
  const seconds = `61.${lease.address.port}`;
  const child = spawn('ssh', [...(await box.options(lease)), 'any@127.0.0.1', 'sleep', seconds], { stdio: 'ignore' });
  const running = async (): Promise<boolean> => {
    const found = await run('pgrep', ['-f', `^sleep ${seconds}`]).catch(() => ({ stdout: '' }));
    return found.stdout.trim() !== '';
  };
  await eventually(running);
  child.kill();
  await eventually(async () => !(await running()));
});

test('one connection takes ten channels and refuses the eleventh', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['cat'] });
  const lease = await box.open();
  const control = join(box.folder, 'control');
  const options = await box.options(lease, `ControlPath=${control}`);
  const master = spawn('ssh', [...options, '-M', '-N', 'any@127.0.0.1'], { stdio: 'ignore' });
  await eventually(async () => (await execute('ssh', [...options, '-O', 'check', 'any@127.0.0.1'])).code === 0);
  const cats = Array.from({ length: 10 }, () =>
    spawn('ssh', [...options, 'any@127.0.0.1', 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] }),
  );
  for (const cat of cats) {
    cat.stdin.write('x');
    await once(cat.stdout, 'data');
  }
  const eleventh = await execute('ssh', [...options, '-o', 'ControlMaster=no', 'any@127.0.0.1', 'cat']);
  assert.notEqual(eleventh.code, 0);
  for (const cat of cats) cat.stdin.end();
  await Promise.all(cats.map((cat) => once(cat, 'close')));
  master.kill();
  await once(master, 'close');
});
