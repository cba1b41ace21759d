import type { Arrival, Door, OpenParams, Visitor } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { SessionEnd } from '../../core/relay.ts';
import type { Bridge } from './bridge.ts';

const NO_PARAMS: OpenParams = new Map();

/** A visitor that is broker itself. */
export interface InsideVisitor extends Visitor {
  readonly note: Door['note'];
  readonly insider: Pick<Insider<unknown>, 'serve'>;
}

/**
 * The client of a session where that is not a stock one: it comes through the same door, under the same policy and
 * records, but speaks no SSH to itself.
 */
export abstract class Insider<P> {
  /** @throws BrokerError the door's; those of the work; what ended the session. */
  readonly opened: Promise<P>;
  #give: (place: P) => void = () => undefined;
  #fail: (error: BrokerError) => void = () => undefined;
  /** When the session's opening is on disk. */
  protected recorded: Promise<void> = Promise.resolve();

  constructor() {
    this.opened = new Promise((resolve, reject) => {
      this.#give = resolve;
      this.#fail = reject;
    });
    this.opened.catch(() => undefined);
  }

  /** The part of Driver.greet, for the one client that there is. */
  readonly greet = async (
    conn: Visitor['conn'],
    _facts: unknown,
    door: Door,
  ): Promise<Arrival<InsideVisitor, never>> => {
    conn.detach().socket.once('close', () => this.#fail(new BrokerError('ended', 'the session was ended')));
    const error = await this.enter(door);
    if (error) {
      this.#fail(error);
      return { type: 'refused', error };
    }
    const refuse = (why: BrokerError): Promise<void> => {
      this.#fail(why);
      return Promise.resolve();
    };
    const visitor: InsideVisitor = { conn, params: NO_PARAMS, note: door.note, insider: this, refuse };
    return { type: 'client', visitor };
  };

  /** The part of Upstream.serve. Never rejects. */
  async serve(bridge: Bridge, signal: AbortSignal): Promise<Omit<SessionEnd, 'bytesUp' | 'bytesDown'>> {
    try {
      await this.work(bridge, signal);
      return { outcome: signal.aborted ? 'ended' : 'client_finished' };
    } catch (thrown) {
      const error = toBrokerError(thrown);
      this.#fail(error);
      return { outcome: signal.aborted ? 'ended' : 'error', error };
    }
  }

  /** Asks the door. Whoever does not wait for the records there sends nothing of its caller's before `recorded`. */
  protected async enter(door: Door): Promise<BrokerError | undefined> {
    this.recorded = door.recorded;
    return await door.admit(undefined);
  }

  /** What this client does in its session, to the end of it. @param signal aborts when the session ends. */
  protected abstract work(bridge: Bridge, signal: AbortSignal): Promise<void>;

  protected give(place: P): void {
    this.#give(place);
  }
}
