import type { Readable } from 'node:stream';
import type { Client, ClientChannel, PseudoTtyInfo, PseudoTtyOptions, ServerChannel, Session } from 'ssh2';
import { BrokerError } from '../../core/errors.ts';
import type { AgentSource } from './agent.ts';
import type { Channels } from './channels.ts';
import { chunksOf, Output } from './output.ts';
import { hangUp, hearAfterEof, sendSignal } from './packet.ts';
import { type Decision, decide, type SshPolicy, type SshRequest } from './policy.ts';
import { filterSftp } from './sftp/filter.ts';
import type { Traffic } from './traffic.ts';

/** Exit status for what broker refuses or fails itself, as in `broker exec` (DESIGN §7). */
export const OWN_FAILURE = 125;
/** Environment variables that one session may set. */
const MAX_ENV = 64;

/** What the channels of one session have in common. */
export interface Bridge {
  readonly channels: Channels;
  readonly policy: SshPolicy;
  readonly traffic: Traffic;
}

type Start = (
  upstream: Client,
  options: StartOptions,
  opened: (error: Error | undefined, channel: ClientChannel) => void,
) => void;

interface StartOptions {
  readonly pty: PseudoTtyOptions | undefined;
  readonly env: Record<string, string>;
  /** The client's agent, where it offered it. */
  readonly agent: AgentSource | undefined;
}

/**
 * One session channel of the local client: env, pty and agent are collected, then exactly one thing is started.
 * @param clientAgent opens connections to the client's agent, once the client has offered it.
 */
export function bridgeSession(session: Session, bridge: Bridge, clientAgent: AgentSource): void {
  const { policy } = bridge;
  const env: Record<string, string> = {};
  let pty: PseudoTtyOptions | undefined;
  let agent: AgentSource | undefined;
  let running: ClientChannel | undefined;
  const permits = (request: SshRequest): boolean => decide(policy, request).allowed;

  hearAfterEof(session);
  session.on('env', (accept, reject, { key, val }) => {
    if (!permits({ type: 'env', name: key }) || Object.keys(env).length >= MAX_ENV || val.includes('\0'))
      return reject?.();
    env[key] = val;
    accept?.();
  });
  session.on('pty', (accept, reject, info) => {
    if (!permits({ type: 'pty' })) return reject?.();
    pty = terminal(info);
    accept?.();
  });
  session.on('auth-agent', (accept, reject) => {
    if (!permits({ type: 'agent' })) return reject?.();
    agent = clientAgent;
    accept?.();
  });
  session.on('window-change', (accept, _reject, { rows, cols, height, width }) => {
    running?.setWindow(rows, cols, height, width);
    accept?.();
  });
  session.on('signal', (accept, _reject, { name }) => {
    if (/^[A-Z0-9]{1,16}$/.test(name)) sendSignal(running, name);
    accept?.();
  });

  // The library loses what a client sends before its request is accepted: accept first, whatever the decision is. Where
  // something was started already it gives no channel and says nothing (RFC 4254 §6.5: only one can succeed).
  const run = (
    request: SshRequest,
    what: string,
    channel: ServerChannel | undefined,
    start: (decision: Allowed) => Start,
  ): void => {
    if (!channel) return;
    const started = (up: ClientChannel): void => {
      running = up;
    };
    void serveChannel(session, channel, bridge, decide(policy, request), what, { pty, env, agent }, start, started);
  };
  session.on('exec', (accept, _reject, { command }) => {
    run(
      { type: 'exec', line: command },
      'exec',
      accept(),
      ({ command: line }) =>
        (upstream, { pty, env, agent }, opened) =>
          // A command that was allowed has its quoted form; without one nothing would be run.
          void upstream.exec(line ?? 'false', startOptions(env, agent, pty), opened),
    );
  });
  session.on('shell', (accept) => {
    run(
      { type: 'shell' },
      'shell',
      accept(),
      () =>
        (upstream, { pty, env, agent }, opened) =>
          void upstream.shell(pty ?? false, startOptions(env, agent), opened),
    );
  });
  session.on('subsystem', (accept, _reject, { name }) => {
    run(
      { type: 'subsystem', name },
      name === 'sftp' ? 'sftp' : 'subsystem',
      accept(),
      () => (upstream, _options, opened) => void upstream.subsys(name, opened),
    );
  });
}

type Allowed = Extract<Decision, { allowed: true }>;

/** Runs what was asked for and carries its streams. Never rejects: whatever happens is told on the channel. */
async function serveChannel(
  session: Session,
  local: ServerChannel,
  bridge: Bridge,
  decision: Decision,
  what: string,
  options: StartOptions,
  start: (decision: Allowed) => Start,
  started: (up: ClientChannel) => void,
): Promise<void> {
  const { traffic } = bridge;
  const output = new Output(local);
  const leave = traffic.enter(output);
  local.on('error', () => output.abandon());
  const began = performance.now();
  const moved = { up: 0, down: 0 };
  let up: ClientChannel | undefined;
  let left = false;
  session.once('close', () => {
    left = true;
  });
  const detail = {
    ...(decision.allowed && decision.argv && { argv: JSON.stringify(decision.argv) }),
    ...(options.agent && { agent: 'forwarded' }),
  };
  try {
    if (!decision.allowed) {
      await traffic.note({ action: `ssh.${what}`, outcome: 'denied', code: 'denied', message: decision.why });
      await fail(output, decision.why);
      return;
    }
    // On disk before anything runs.
    await traffic.note({ action: `ssh.${what}`, outcome: 'intent', detail });
    const opened = await open(bridge.channels, options, start(decision));
    up = opened.up;
    // A client that has left meanwhile is noticed nowhere else.
    if (left) throw new BrokerError('client_gone', 'the client closed the channel');
    started(up);
    const ended = await carry(session, local, opened, output, bridge, what === 'sftp', moved);
    await traffic.note({
      action: `ssh.${what}`,
      outcome: ended.lost ? 'failed' : 'ok',
      durationMs: Math.round(performance.now() - began),
      bytesUp: moved.up,
      bytesDown: moved.down,
      detail: {
        ...detail,
        ...(ended.code !== undefined && { exitCode: ended.code }),
        ...(ended.signal && { exitSignal: ended.signal }),
      },
    });
    if (ended.lost) await fail(output, 'the server ended the connection');
    else await output.exit(ended.signal ?? ended.code ?? 0);
  } catch (thrown) {
    if (up) hangUp(up);
    await fail(output, thrown instanceof BrokerError ? thrown.message : 'the session could not be served');
  } finally {
    leave();
  }
}

/** A channel of the server, watched from the first moment: how it ended may come in the packet that says it began. */
interface Opened {
  readonly up: ClientChannel;
  readonly ended: () => Ended;
  readonly closed: Promise<void>;
}

function open(channels: Channels, options: StartOptions, start: Start): Promise<Opened> {
  return channels.session((upstream, opened) => start(upstream, options, opened), watch, options.agent);
}

function watch(up: ClientChannel): Opened {
  let ended: Ended = { lost: true };
  up.on('exit', (code: number | null, signal?: string) => {
    ended = code === null ? { lost: false, signal: (signal ?? 'KILL').replace(/^SIG/, '') } : { lost: false, code };
  });
  up.on('error', () => undefined);
  return { up, ended: () => ended, closed: new Promise<void>((resolve) => up.once('close', resolve)) };
}

interface Ended {
  readonly code?: number;
  readonly signal?: string;
  /** The channel closed without saying how it ended. */
  readonly lost: boolean;
}

/** Both ways, with back-pressure, until the server has closed the channel. */
async function carry(
  session: Session,
  local: ServerChannel,
  { up, ended, closed }: Opened,
  output: Output,
  { policy, traffic }: Bridge,
  isSftp: boolean,
  moved: { up: number; down: number },
): Promise<Ended> {
  const clientGone = (): void => {
    output.abandon();
    if (ended().lost) hangUp(up);
    else up.destroy();
  };
  session.once('close', clientGone);
  const release = traffic.running(up);
  up.once('close', release);
  const count =
    (direction: 'up' | 'down') =>
    (bytes: Buffer): void => {
      moved[direction] += bytes.length;
      traffic.moved(direction, bytes.length);
    };
  if (isSftp) {
    await filterSftp(local, up, output, policy, traffic.note, count('up'), count('down'));
    up.end();
  } else {
    const seen = count('up');
    local.on('data', seen);
    local.pipe(up);
    const down = async (stream: Readable, name: 'stdout' | 'stderr'): Promise<void> => {
      for await (const chunk of chunksOf(stream)) {
        count('down')(chunk);
        await output.write(chunk, name);
      }
    };
    await Promise.all([down(up, 'stdout'), down(up.stderr, 'stderr')]);
  }
  await closed;
  session.off('close', clientGone);
  // A subsystem's end has no status that anybody looks at.
  return isSftp ? { lost: false, code: ended().code ?? 0 } : ended();
}

/** The library's types do not know of `agentForward`, which it documents. */
function startOptions(
  env: Record<string, string>,
  agent: AgentSource | undefined,
  pty?: PseudoTtyOptions,
): { env: Record<string, string>; pty?: PseudoTtyOptions; agentForward: boolean } {
  return { env, agentForward: agent !== undefined, ...(pty && { pty }) };
}

async function fail(output: Output, why: string): Promise<void> {
  await output.write(`broker: ${why}\n`, 'stderr');
  await output.exit(OWN_FAILURE);
}

function terminal(info: PseudoTtyInfo): PseudoTtyOptions {
  const { rows, cols, width, height, modes } = info;
  const term = /^[\w.+-]{1,64}$/.test(info.term) ? info.term : 'xterm';
  return { rows, cols, width, height, term, modes };
}
