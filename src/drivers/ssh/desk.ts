import type { ClientChannel } from 'ssh2';
import type { Arrival, Door, OpenParams, Visitor } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import type { SessionEnd } from '../../core/relay.ts';
import type { Bridge } from './bridge.ts';
import { decide } from './policy.ts';
import { SftpFiles } from './sftp/files.ts';

const NO_PARAMS: OpenParams = new Map();

/** A place in a session from which broker itself works with the server's files, in the caller's name. */
export interface Workplace {
  readonly files: SftpFiles;
  readonly note: Door['note'];
  /** Counts what is moved, for the session's record. */
  moved(direction: 'up' | 'down', bytes: number): void;
  /** Aborts when the session ends; what was begun may still be cleared away for DRAIN_MS. */
  readonly signal: AbortSignal;
}

/** A visitor that is broker itself. */
export interface DeskVisitor extends Visitor {
  readonly note: Door['note'];
  readonly desk: Desk;
}

/**
 * The client of a session where that is not a stock one: it comes through the same door, under the same policy and
 * records, but speaks no SSH to itself.
 */
export class Desk {
  /** @throws BrokerError the door's; `denied` where the service allows no SFTP; `upstream_*`; what ended the session. */
  readonly opened: Promise<Workplace>;
  #give: (place: Workplace) => void = () => undefined;
  #fail: (error: BrokerError) => void = () => undefined;
  #left: () => void = () => undefined;
  readonly #over: Promise<void>;

  constructor() {
    this.opened = new Promise((resolve, reject) => {
      this.#give = resolve;
      this.#fail = reject;
    });
    this.opened.catch(() => undefined);
    this.#over = new Promise((resolve) => {
      this.#left = resolve;
    });
  }

  /** The part of Driver.greet, for the one client that there is. */
  readonly greet = async (conn: Visitor['conn'], _facts: unknown, door: Door): Promise<Arrival<DeskVisitor, never>> => {
    conn.detach().socket.once('close', () => this.#fail(new BrokerError('ended', 'the session was ended')));
    const error = await door.admit(undefined);
    if (error) {
      this.#fail(error);
      return { type: 'refused', error };
    }
    const refuse = (why: BrokerError): Promise<void> => {
      this.#fail(why);
      return Promise.resolve();
    };
    const visitor: DeskVisitor = { conn, params: NO_PARAMS, note: door.note, desk: this, refuse };
    return { type: 'client', visitor };
  };

  /** Ends the session's work; it was waited for until now. */
  leave(): void {
    this.#left();
  }

  /** The part of Upstream.serve: opens the files, and stays until the work is done. Never rejects. */
  async serve(bridge: Bridge, signal: AbortSignal): Promise<Omit<SessionEnd, 'bytesUp' | 'bytesDown'>> {
    const { policy, traffic } = bridge;
    try {
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
        this.#give({ files, note, signal, moved: (direction, bytes) => traffic.moved(direction, bytes) });
        await this.#done(signal);
      } finally {
        channel.end();
      }
      return { outcome: signal.aborted ? 'ended' : 'client_finished' };
    } catch (thrown) {
      const error = toBrokerError(thrown);
      this.#fail(error);
      return { outcome: signal.aborted ? 'ended' : 'error', error };
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
