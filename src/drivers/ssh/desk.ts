import type { ClientChannel } from 'ssh2';
import type { Door } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import type { Bridge } from './bridge.ts';
import { Insider } from './insider.ts';
import { decide } from './policy.ts';
import { SftpFiles } from './sftp/files.ts';

/** A place in a session from which broker itself works with the server's files, in the caller's name. */
export interface Workplace {
  readonly files: SftpFiles;
  readonly note: Door['note'];
  /** Counts what is moved, for the session's record. */
  moved(direction: 'up' | 'down', bytes: number): void;
  /** Aborts when the session ends; what was begun may still be cleared away for DRAIN_MS. */
  readonly signal: AbortSignal;
}

/** Where broker itself copies files: the client of a session that speaks no SSH to itself. */
export class Desk extends Insider<Workplace> {
  #left: () => void = () => undefined;
  readonly #over: Promise<void>;

  constructor() {
    super();
    this.#over = new Promise((resolve) => {
      this.#left = resolve;
    });
  }

  /** Ends the session's work; it was waited for until now. */
  leave(): void {
    this.#left();
  }

  /**
   * Opens the files, and stays until the work is done.
   * @throws BrokerError `denied` where the service allows no SFTP; `upstream_*`; what ended the session.
   */
  protected override async work(bridge: Bridge, signal: AbortSignal): Promise<void> {
    const { policy, traffic } = bridge;
    const decision = decide(policy, { type: 'subsystem', name: 'sftp' });
    if (!decision.allowed) {
      await traffic.note({ action: 'ssh.sftp', outcome: 'denied', code: 'denied', message: decision.why });
      throw new BrokerError('denied', decision.why);
    }
    const channel = await subsystem(bridge);
    const release = traffic.running(channel);
    channel.once('close', release);
    try {
      const files = await SftpFiles.start(channel, policy, traffic.note);
      const { note } = traffic;
      this.give({ files, note, signal, moved: (direction, bytes) => traffic.moved(direction, bytes) });
      await this.#done(signal);
    } finally {
      channel.end();
    }
  }

  /** Until the work is done; when the session ends meanwhile, for as long as clearing up may take. */
  async #done(signal: AbortSignal): Promise<void> {
    let stop = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      const begin = (): void => {
        const timer = setTimeout(resolve, DRAIN_MS);
        stop = () => clearTimeout(timer);
      };
      if (signal.aborted) begin();
      else signal.addEventListener('abort', begin, { once: true });
      void this.#over.then(() => signal.removeEventListener('abort', begin));
    });
    await Promise.race([this.#over, late]);
    stop();
  }
}

function subsystem({ channels }: Bridge): Promise<ClientChannel> {
  return channels.session(
    (client, opened) => void client.subsys('sftp', opened),
    (channel) => channel.on('error', () => undefined),
  );
}
