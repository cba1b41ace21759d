import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import ssh2 from 'ssh2';
import { openSession } from '../../../src/drivers/ssh/packet.ts';
import { SshWorld } from '../../support/sshworld.ts';

/* Requests on a session channel that no stock client makes, or not in this order (RFC 4254 §6). */

let box: SshWorld;
let client: ssh2.Client;
/** What would end a daemon. */
const unhandled: unknown[] = [];
const unexpected = (error: unknown): void => void unhandled.push(error);
before(async () => {
  process.on('unhandledRejection', unexpected);
  box = await SshWorld.make({ allowed_commands: ['cat', 'env', 'sh -c **'], allow_env: ['RIG_*'] });
  client = new ssh2.Client();
  const { port } = (await box.open({ connections: 0 })).address;
  client.connect({ host: '127.0.0.1', port, username: 'any', hostVerifier: () => true });
  await once(client, 'ready');
  client.setNoDelay(true);
});
after(async () => {
  client.end();
  await box[Symbol.asyncDispose]();
  process.off('unhandledRejection', unexpected);
});

/** A channel on which requests are made one by one. */
class RawChannel {
  readonly channel: ssh2.ClientChannel;
  readonly #ended: Promise<unknown>;
  out = '';
  err = '';
  end: string | number | undefined;

  private constructor(channel: ssh2.ClientChannel) {
    this.channel = channel;
    channel.on('data', (chunk: Buffer) => {
      this.out += chunk;
    });
    channel.stderr.on('data', (chunk: Buffer) => {
      this.err += chunk;
    });
    channel.on('exit', (code: number | null, signal?: string) => {
      this.end = code ?? signal;
    });
    this.#ended = once(channel, 'close');
  }

  static open(): Promise<RawChannel> {
    return new Promise((resolve, reject) =>
      openSession(client, (error, channel) => (error ? reject(error) : resolve(new RawChannel(channel)))),
    );
  }

  /** Makes a request by the library's name of it. @returns whether it was granted. */
  ask(name: string, ...args: readonly unknown[]): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: ((refused: boolean) => void)[] = Reflect.get(this.channel, '_callbacks');
      waiting.push((refused) => resolve(!refused));
      this.tell(name, ...args, true);
    });
  }

  /** The same without asking for an answer. */
  tell(name: string, ...args: readonly unknown[]): void {
    const protocol: object = Reflect.get(client, '_protocol');
    const { id } = Reflect.get(this.channel, 'outgoing') as { readonly id: number };
    Reflect.apply(Reflect.get(protocol, name) as () => void, protocol, [id, ...args]);
  }

  /** Ends its input, and waits for the end. */
  async over(input = ''): Promise<void> {
    this.channel.end(input);
    await this.#ended;
  }
}

const PTY = ['pty', 24, 80, 0, 0, 'xterm', undefined] as const;
const X11 = ['x11Forward', { single: false, protocol: 'MIT-MAGIC-COOKIE-1', cookie: 'aa', screen: 0 }] as const;

test('one thing is started on a channel: a second start comes to nothing, and the first goes on', async () => {
  for (const [name, ...args] of [
    ['exec', 'cat'],
    ['exec', 'id'],
    ['shell'],
    ['subsystem', 'sftp'],
    PTY,
    ['env', 'RIG_A', 'late'],
    ['openssh_agentForward'],
    X11,
  ]) {
    const channel = await RawChannel.open();
    assert.equal(await channel.ask('exec', 'cat'), true);
    const granted = channel.ask(String(name), ...args);
    await channel.over('goes on');
    assert.equal(await granted, false, String(name));
    assert.deepEqual([channel.out, channel.end], ['goes on', 0], String(name));
  }
  // Also behind one that was refused.
  const channel = await RawChannel.open();
  channel.tell('exec', 'id', false);
  const granted = channel.ask('exec', 'cat');
  await channel.over('nothing');
  assert.equal(await granted, false);
  assert.deepEqual([channel.out, channel.end], ['', 125]);
  assert.match(channel.err, /^broker: the command "id" is not allowed here/);
  assert.deepEqual(unhandled, []);
});

test('what a command is to find is asked for one by one, and what is not named is refused', async () => {
  const channel = await RawChannel.open();
  for (const refused of [
    PTY,
    X11,
    ['openssh_agentForward'],
    ['env', 'LD_PRELOAD', '/tmp/x.so'],
    ['env', 'PATH', '/tmp'],
    ['env', 'rig_a', 'x'],
    ['env', 'RIG_A=B', 'x'],
    ['env', 'RIG_\nLD_PRELOAD', 'x'],
    ['env', 'RIG_A\0', 'x'],
    ['env', 'RIG_*', 'x'],
    ['env', '', 'x'],
    ['env', 'RIG_NUL', 'a\0LD_PRELOAD=x'],
  ])
    assert.equal(await channel.ask(String(refused[0]), ...refused.slice(1)), false, JSON.stringify(refused));
  channel.tell('env', 'LD_PRELOAD', '/tmp/x.so', false);
  channel.tell('pty', 24, 80, 0, 0, 'xterm', undefined, false);
  for (let index = 0; index < 64; index++)
    assert.equal(await channel.ask('env', `RIG_${index}`, `line\nLD_PRELOAD=${index}`), true);
  assert.equal(await channel.ask('env', 'RIG_64', 'one too many'), false);
  assert.equal(await channel.ask('exec', 'env -0'), true);
  await channel.over();
  assert.match(channel.err, /is not allowed here/);
  const plain = await RawChannel.open();
  assert.equal(await plain.ask('env', 'RIG_A', 'one'), true);
  assert.equal(await plain.ask('exec', 'env'), true);
  await plain.over();
  assert.match(plain.out, /^RIG_A=one$/m);
  assert.doesNotMatch(plain.out, /^(LD_PRELOAD|TERM|DISPLAY|SSH_AUTH_SOCK|SSH_TTY)=/m);
});

test('signals and sizes of a terminal reach nothing but the channel’s own command', async () => {
  const [other, channel] = [await RawChannel.open(), await RawChannel.open()];
  assert.equal(await other.ask('exec', 'cat'), true);
  // Before anything runs there is nobody to tell.
  channel.tell('signal', 'KILL');
  channel.tell('windowChange', 1, 1, 0, 0);
  assert.equal(await channel.ask('exec', "sh -c 'echo up; exec sleep 60'"), true);
  await once(channel.channel, 'data');
  channel.tell('windowChange', 0xffff_ffff, 0, 0xffff_ffff, 0);
  channel.tell('signal', 'TERM');
  await channel.over();
  assert.equal(channel.end, 'SIGTERM');
  await other.over('still here');
  assert.deepEqual([other.out, other.end], ['still here', 0]);
});
