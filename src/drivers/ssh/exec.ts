import type { ClientChannel } from 'ssh2';
import type { Door } from '../../core/driver.ts';
import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { within } from '../../core/within.ts';
import type { Bridge } from './bridge.ts';
import { Insider } from './insider.ts';
import { openSession, Refused, requestExec, requestPty, type Terminal } from './packet.ts';
import { type Decision, decide, type SshPolicy } from './policy.ts';
import { type Ended, Running } from './running.ts';

const ACTION = 'ssh.exec';

export interface Execution {
  readonly argv: readonly string[];
  readonly terminal?: Terminal | undefined;
}

/**
 * One command as the client of a session: through the same door, policy, connections and records as a stock client's,
 * straight to a channel of the server. The channel is opened while the intent is written; the command is sent when that
 * is on disk.
 */
export class Command extends Insider<Running> {
  readonly #execution: Execution;
  /** How it ended. @throws BrokerError what ended the session; `upstream_*` when the server cut it off. */
  readonly ended: Promise<Ended>;
  #resolve: (ended: Ended) => void = () => undefined;
  #reject: (error: BrokerError) => void = () => undefined;

  constructor(execution: Execution) {
    super();
    this.#execution = execution;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.ended.catch(() => undefined);
  }

  protected override async enter(door: Door): Promise<BrokerError | undefined> {
    this.recorded = door.recorded;
    return await door.admitSelf();
  }

  /** @throws BrokerError `denied`, `unavailable` (the log), `upstream_*`, what ended the session. */
  protected override async work({ channels, policy, traffic }: Bridge, signal: AbortSignal): Promise<void> {
    const decision = this.#decide(policy);
    if (!decision.allowed) {
      await traffic.note({ action: ACTION, outcome: 'denied', code: 'denied', message: decision.why });
      throw new BrokerError('denied', decision.why);
    }
    const { argv, command } = decision;
    if (command === undefined) throw new BrokerError('internal', 'a command without its quoted form');
    const detail = { argv: JSON.stringify(argv) };
    const began = performance.now();
    const intent = Promise.all([this.recorded, traffic.note({ action: ACTION, outcome: 'intent', detail })]);
    let lost = false;
    channels.lost = () => {
      lost = true;
    };
    let running: Running | undefined;
    let failure: BrokerError | undefined;
    try {
      const opening = channels.session(openSession, (channel) => {
        const release = traffic.running(channel);
        channel.once('close', release);
        return { channel, running: new Running(channel, (direction, bytes) => traffic.moved(direction, bytes)) };
      });
      const [opened] = await during(signal, Promise.all([opening, recorded(intent)]));
      running = opened.running;
      await this.#run(opened.channel, running, command, signal);
      failure = failureOf(undefined, running, lost);
    } catch (thrown) {
      if (running) {
        running.hangUp();
        await within(DRAIN_MS, running.closed);
      }
      failure = failureOf(thrown, running, lost);
    }
    const ended = running?.ended;
    // On its way to the disk before the caller hears of it, who waits for the disk no more than for the end of a session.
    void traffic.note({
      action: ACTION,
      outcome: failure ? 'failed' : 'ok',
      durationMs: Math.round(performance.now() - began),
      bytesUp: running?.bytesUp ?? 0,
      bytesDown: running?.bytesDown ?? 0,
      ...(failure && { code: failure.code, message: failure.message }),
      detail: { ...detail, ...(ended && ('code' in ended ? { exitCode: ended.code } : { exitSignal: ended.signal })) },
    });
    if (failure) this.#reject(failure);
    else if (ended) this.#resolve(ended);
    if (failure) throw failure;
  }

  /** Resolves when the channel is closed, after all output was taken. */
  async #run(channel: ClientChannel, running: Running, command: string, signal: AbortSignal): Promise<void> {
    const { terminal } = this.#execution;
    if (terminal) await during(signal, requestPty(channel, terminal));
    throwIfAborted(signal);
    const closed = requestExec(channel, command).then(() => running.closed);
    // Input may come at once: the server reads what is behind the command in its order.
    this.give(running);
    await during(signal, closed);
  }

  #decide(policy: SshPolicy): Decision {
    const { argv, terminal } = this.#execution;
    const decision = decide(policy, { type: 'argv', argv });
    if (!decision.allowed || !terminal) return decision;
    const pty = decide(policy, { type: 'pty' });
    return pty.allowed ? decision : pty;
  }
}

/** Why it failed, if so: what ended the session, what the server refused, or that the server never said how it ended. */
function failureOf(thrown: unknown, running: Running | undefined, lost: boolean): BrokerError | undefined {
  if (thrown !== undefined && !(thrown instanceof Refused)) return toBrokerError(thrown);
  if (running?.ended) return undefined;
  if (lost) return new BrokerError('upstream_protocol', 'the server closed the connection while the command ran');
  if (thrown) return new BrokerError('upstream_refused', thrown.message, { cause: thrown });
  return new BrokerError('upstream_protocol', 'the server did not say how the command ended');
}

async function recorded(intent: Promise<unknown>): Promise<void> {
  try {
    await intent;
  } catch (cause) {
    throw new BrokerError('unavailable', 'the audit log cannot be written', { cause });
  }
}

/** What `work` comes to, unless the signal aborts first: then its reason is thrown. */
function during<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(toBrokerError(signal.reason));
    signal.addEventListener('abort', aborted, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
    if (signal.aborted) aborted();
  });
}
