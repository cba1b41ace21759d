import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Driver } from '../../../src/core/driver.ts';
import { BrokerError, type ErrorCode } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { sshConfig } from '../../../src/drivers/ssh/config.ts';
import { ssh } from '../../../src/drivers/ssh/driver.ts';
import { Command, type Execution } from '../../../src/drivers/ssh/exec.ts';
import type { Ended } from '../../../src/drivers/ssh/running.ts';
import { CommandServer } from '../../fakes/commandserver.ts';
import { refusal } from '../../support/refusal.ts';
import { caller, eventually, never, World } from '../../support/sessions.ts';

/* A command as the client of its session, on a server that does what a real one would not. */

async function setup(fields: Parameters<typeof sshConfig.parse>[0] = { allowed_commands: ['say **'] }) {
  const server = await CommandServer.start();
  const world = await World.make([ssh as Driver]);
  const { port, user, identity } = server;
  const base = { host: '127.0.0.1', port, user, host_key: identity.line };
  world.services.set('box', {
    kind: 'ssh',
    config: () => sshConfig.parse({ ...base, ...fields }, new Map([['password', Secret.fromText('password')]])),
  });
  const start = async (argv: readonly string[], more: Partial<Execution> = {}) => {
    const command = new Command({ argv, ...more });
    const request = { service: 'box', action: 'exec', kind: 'ssh' } as const;
    const { lease } = await world.manager.connect(caller(), request, never, command.greet);
    return { command, id: lease.id };
  };
  return {
    server,
    world,
    start,
    /** All of one command. */
    async run(argv: readonly string[], input = ''): Promise<{ out: string; err: string; ended: Ended }> {
      const { command } = await start(argv);
      const running = await command.opened;
      const said = { stdout: '', stderr: '' };
      void running.write(Buffer.from(input));
      running.endOfInput();
      const carried = running.carry((bytes, from) => {
        said[from] += bytes.toString();
        return undefined;
      });
      await carried;
      return { out: said.stdout, err: said.stderr, ended: await command.ended };
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** How a command fails that is started, and whose output is taken. */
async function failure({ command }: { command: Command }, code: ErrorCode): Promise<string> {
  const outcome = async (): Promise<Ended> => {
    const running = await command.opened;
    void running.carry(() => undefined);
    return await command.ended;
  };
  return (await refusal(outcome(), code)).message;
}

test('words, input, both outputs and the exit code pass as they are, and are on record', async () => {
  await using it = await setup();
  it.server.play = (channel) => {
    channel.stderr.write('aside');
    channel.on('data', (bytes: Buffer) => channel.write(bytes));
    channel.on('end', () => {
      channel.exit(7);
      channel.end();
    });
  };
  const { out, err, ended } = await it.run(['say', 'it’s', ''], 'four');
  assert.deepEqual([out, err, ended], ['four', 'aside', { code: 7 }]);
  assert.deepEqual(it.server.commands, ["'say' 'it’s' ''"]);
  const { detail, ...done } = await it.world.recorded('ssh.exec', ({ outcome }) => outcome === 'ok');
  assert.deepEqual([done.bytesUp, done.bytesDown, detail], [4, 9, { argv: '["say","it’s",""]', exitCode: 7 }]);
});

for (const [whose, hold] of [
  ['its own and its session’s', 'auditHold'],
  ['the gate’s', 'intentHold'],
] as const)
  test(`a command is sent when ${whose} intent is on disk; its channel opens meanwhile`, async () => {
    await using it = await setup();
    let release = (): void => undefined;
    it.world[hold] = new Promise((resolve) => {
      release = resolve;
    });
    const { command } = await it.start(['say', 'first']);
    await it.server.until(() => it.server.opened === 1);
    it.world[hold] = undefined;
    // On the same connection, behind whatever the first has sent.
    await it.run(['say', 'second']);
    assert.deepEqual(it.server.commands, ["'say' 'second'"]);
    release();
    void (await command.opened).carry(() => undefined);
    assert.deepEqual(await command.ended, { code: 0 });
    assert.deepEqual(it.server.commands, ["'say' 'second'", "'say' 'first'"]);
  });

test('where the log cannot be written nothing is sent', async () => {
  await using it = await setup();
  it.world.auditBroken = true;
  assert.match(await failure(await it.start(['say', 'x']), 'unavailable'), /audit log cannot be written/);
  it.world.auditBroken = false;
  await it.run(['say', 'y']);
  assert.deepEqual(it.server.commands, ["'say' 'y'"]);
});

test('what the service does not allow opens no channel, and is on record as denied', async () => {
  await using it = await setup();
  for (const [argv, why, terminal] of [
    [['sing'], /"sing" is not allowed here/],
    [['say', '-n'], /not allowed here/],
    [['say', 'a!'], /not every shell/],
    [['say', 'x'], /terminal is not allowed/, { rows: 24, columns: 80, type: 'xterm' }],
  ] as const)
    assert.match(await failure(await it.start(argv, { terminal }), 'denied'), why);
  assert.deepEqual([it.server.opened, it.server.commands], [0, []]);
  const records = it.world.audit.filter(({ action }) => action === 'ssh.exec');
  assert.deepEqual([records.length, new Set(records.map(({ outcome }) => outcome))], [4, new Set(['denied'])]);
});

test('a server that takes no channel, no command, or leaves in the middle: each is told in its own words', async () => {
  await using it = await setup();
  const say = () => it.start(['say', 'x']);
  it.server.channel = 'refused';
  assert.match(await failure(await say(), 'upstream_refused'), /refused to open a channel/);
  it.server.channel = 'opened';
  it.server.play = undefined;
  assert.match(await failure(await say(), 'upstream_refused'), /refused to run it/);
  it.server.play = (channel) => channel.end();
  assert.match(await failure(await say(), 'upstream_protocol'), /did not say how the command ended/);
  it.server.play = (_channel, _command, client) => client.end();
  assert.match(await failure(await say(), 'upstream_protocol'), /closed the connection while the command ran/);
  it.server.play = () => it.server.dropAll();
  assert.match(await failure(await say(), 'upstream_protocol'), /closed the connection while the command ran/);
  const failed = it.world.audit.filter(({ action, outcome }) => action === 'ssh.exec' && outcome === 'failed');
  assert.equal(failed.length, 5);
});

test('a lock, a change of the service and a close end a command that runs, and tell it so', async () => {
  for (const [end, why] of [
    [(world: World, _id: string) => world.manager.endAll('locked'), /the vault was locked/],
    [(world: World, id: string) => world.manager.close(id, 'closed'), /the session was closed/],
    [(world: World, _id: string) => world.manager.dropSpares('box'), /box was changed/],
  ] as const) {
    await using it = await setup();
    it.server.play = () => undefined;
    const started = await it.start(['say', 'x']);
    const failed = failure(started, 'ended');
    await it.server.until(() => it.server.commands.length === 1);
    assert.equal(it.world.manager.get(started.id)?.state, 'connected');
    await end(it.world, started.id);
    assert.match(await failed, why);
    await it.server.until(() => it.server.signals.includes('HUP'));
    assert.deepEqual(it.world.manager.list(), []);
    await it.world.recorded('session.end');
  }
});

test('a server that never answers holds up nobody who ends the session', async () => {
  await using it = await setup();
  it.server.channel = 'unanswered';
  const started = await it.start(['say', 'x']);
  const failed = failure(started, 'ended');
  await it.server.until(() => it.server.opened === 1);
  await it.world.manager.close(started.id, 'closed');
  assert.match(await failed, /the session was closed/);
});

test('output that is not taken waits at the server; once it is dropped the command ends', async () => {
  await using it = await setup();
  const size = 16 * 1024 * 1024;
  let written = false;
  it.server.play = (channel) => {
    channel.write(Buffer.alloc(size), () => {
      written = true;
      channel.exit(0);
      channel.end();
    });
  };
  const { command } = await it.start(['say', 'much']);
  const running = await command.opened;
  const chunks: number[] = [];
  const carried = running.carry((bytes) => {
    chunks.push(bytes.length);
    return new Promise(() => undefined);
  });
  await eventually(() => chunks.length === 1);
  // The connection works for others meanwhile.
  await assert.rejects(it.run(['sing']), BrokerError);
  assert.deepEqual([chunks.length, written], [1, false]);
  running.drop();
  await carried;
  assert.deepEqual([await command.ended, chunks.length, running.bytesDown], [{ code: 0 }, 1, size]);
});

test('a size of the terminal and a signal reach the command behind the end of its input', async () => {
  await using it = await setup({ allowed_commands: ['say **'], allow_pty: true });
  it.server.play = () => undefined;
  const { command, id } = await it.start(['say', 'x'], { terminal: { rows: 1, columns: 2, type: 'xterm' } });
  const running = await command.opened;
  void running.carry(() => undefined);
  running.endOfInput();
  running.resize(40, 100);
  running.signal('TERM');
  await it.server.until(() => it.server.sizes.length === 2 && it.server.signals.length === 1);
  assert.deepEqual([it.server.sizes, it.server.signals], [['1x2', '40x100'], ['TERM']]);
  await it.world.manager.close(id, 'closed');
});
