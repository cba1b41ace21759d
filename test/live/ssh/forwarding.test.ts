import assert from 'node:assert/strict';
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { rig } from '../../support/rig.ts';
import { eventually } from '../../support/sessions.ts';
import { Sshd } from '../../support/sshd.ts';
import { execute, SshWorld } from '../../support/sshworld.ts';

test('an agent, X11, sockets and reverse ports go to nobody, where TCP to one place is named too', async () => {
  await using box = await SshWorld.make({
    allowed_commands: ['printenv *', 'echo *'],
    allow_forward: ['127.0.0.1:9'],
  });
  await using agent = await Agent.start(box.folder);
  const env = { SSH_AUTH_SOCK: agent.path, DISPLAY: '127.0.0.1:7' };
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
  try {
    const socket = await connected(near);
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk;
    });
    await once(socket, 'close');
    assert.equal(got, '');
  } finally {
    const gone = once(forwarder, 'exit');
    forwarder.kill();
    await gone;
    listening.close();
  }
});

test('an agent that the service allows reaches the command that asked, and no other one of the service', async () => {
  await using box = await SshWorld.make({ allowed_commands: ['ssh-add -l', 'sh -c **'], allow_agent: true });
  await using mine = await Agent.start(box.folder, 'mine');
  await using theirs = await Agent.start(box.folder, 'theirs');
  const client = async (agent: Agent, ...words: string[]) => {
    const lease = await box.open();
    const options = { env: { ...process.env, SSH_AUTH_SOCK: agent.path } };
    return spawn('ssh', [...(await box.options(lease)), ...words], options);
  };
  // Held until the others are done, so that all could be put on one connection.
  const holding = await client(theirs, '-A', 'any@127.0.0.1', `sh -c 'echo here; read line; ssh-add -l'`);
  const held = collected(holding);
  await once(holding.stdout, 'data');
  const keys = async (...words: string[]): Promise<string> => collected(await client(mine, ...words));
  for (let round = 0; round < 2; round++)
    assert.match(await keys('-A', 'any@127.0.0.1', `sh -c 'ssh-add -l; ssh-add -l | cat'`), /^(256 \S+ mine \S+\n){2}/);
  assert.doesNotMatch(await keys('-a', 'any@127.0.0.1', 'ssh-add', '-l'), /mine|theirs/);
  holding.stdin.end('\n');
  assert.match(await held, /^here\n256 \S+ theirs \S+\n/);
  const intents = box.world.audit.filter(({ action, outcome }) => action === 'ssh.exec' && outcome === 'intent');
  assert.deepEqual(
    intents.map(({ detail }) => detail?.agent),
    ['forwarded', 'forwarded', 'forwarded', undefined],
  );
});

test('a server that forwards no agent is named, and runs nothing', async () => {
  await using server = await Sshd.start('AllowAgentForwarding no\nAuthorizedKeysFile %f/keys\n', {
    keys: await readFile(`${rig().openssh.userKey}.pub`, 'utf8'),
  });
  await using box = await SshWorld.make({
    ...{ host: '127.0.0.1', port: server.port, host_key: server.hostKey },
    allowed_commands: ['echo *'],
    allow_agent: true,
  });
  await using agent = await Agent.start(box.folder);
  const lease = await box.open();
  const env = { SSH_AUTH_SOCK: agent.path };
  const options = [...(await box.options(lease)), '-A'];
  const { code, stdout, stderr } = await execute('ssh', [...options, 'any@127.0.0.1', 'echo', 'x'], { env });
  assert.deepEqual([code, stdout.toString()], [125, '']);
  assert.match(stderr, /^broker: the server forwards no agent \(AllowAgentForwarding\)$/m);
});

/** To a socket that another program is still making: its file is there before anybody listens on it. */
async function connected(path: string): Promise<Socket> {
  let socket: Socket | undefined;
  await eventually(async () => {
    const attempt = connect(path);
    try {
      await once(attempt, 'connect');
    } catch {
      return false; // and so until it does, or the time is up
    }
    socket = attempt.on('error', () => undefined);
    return true;
  });
  assert.ok(socket);
  return socket;
}

/** All that a program says on standard output, to its end. */
async function collected(child: ChildProcessWithoutNullStreams): Promise<string> {
  const parts: Buffer[] = [];
  child.stderr.resume();
  child.stdout.on('data', (chunk: Buffer) => parts.push(chunk));
  await once(child, 'close');
  return Buffer.concat(parts).toString();
}

/** A stock agent, in the foreground. */
class Agent implements AsyncDisposable {
  readonly path: string;
  readonly #process: ChildProcess;

  private constructor(path: string, process: ChildProcess) {
    this.path = path;
    this.#process = process;
  }

  /** @param name of its only key; without one it has none. */
  static async start(folder: string, name = ''): Promise<Agent> {
    const path = join(folder, `agent-${name}`);
    const child = spawn('ssh-agent', ['-D', '-a', path], { stdio: 'ignore' });
    await eventually(async () => (await execute('ssh-add', ['-l'], { env: { SSH_AUTH_SOCK: path } })).code === 1);
    if (name !== '') {
      const key = join(folder, `key-${name}`);
      await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key]);
      await execute('ssh-add', [key], { env: { SSH_AUTH_SOCK: path } });
    }
    return new Agent(path, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await once(this.#process, 'exit');
  }
}
