import { BrokerError } from '../../core/errors.ts';
import type { Running } from '../../drivers/ssh/running.ts';
import { after, type Link } from '../sessions/link.ts';

/** Milliseconds that a command has to end by itself after its time is over, before it is killed. */
const GRACE_MS = 1_000;

/**
 * Ends a command whose time is over, or whose caller is gone: TERM, then KILL, then the end of its session. Whatever the
 * command does, and whether its output is read or not, the call ends.
 */
export class Curfew implements Disposable {
  readonly #over: Link;
  readonly #close: () => void;
  readonly #stops: (() => void)[] = [];
  #running: Running | undefined;
  /** Chunks of output that the caller has not taken. */
  #behind = 0;

  /**
   * @param over aborts when the caller is gone; is aborted when the time is over.
   * @param timeoutMs undefined or 0: no limit.
   * @param close ends the session.
   */
  constructor(over: Link, timeoutMs: number | undefined, close: () => void) {
    this.#over = over;
    this.#close = close;
    const begin = (): void => this.#begin();
    over.signal.addEventListener('abort', begin, { once: true });
    this.#stops.push(() => over.signal.removeEventListener('abort', begin));
    if (timeoutMs) this.#later(timeoutMs, () => over.abort(this.#late(timeoutMs)));
  }

  /** From now on there is something to end. */
  watch(running: Running): void {
    this.#running = running;
    if (this.#over.signal.aborted) this.#begin();
  }

  /** Counts what the caller has yet to take. @param sent resolves when it has. */
  async owed(sent: Promise<void>): Promise<void> {
    this.#behind++;
    await sent;
    this.#behind--;
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #begin(): void {
    const running = this.#running;
    if (!running) {
      // The session's end is the end of what was to begin.
      this.#close();
      return;
    }
    this.#end(running, 'TERM');
    this.#later(GRACE_MS, () => this.#end(running, 'KILL'));
    // A server that passes no signals on does not hold up the call.
    this.#later(2 * GRACE_MS, this.#close);
  }

  /** Its last words are passed on, but not waited for: a caller that does not read would keep it for ever. */
  #end(running: Running, signal: string): void {
    if (this.#behind > 0) running.drop();
    running.signal(signal);
  }

  #late(timeoutMs: number): BrokerError {
    const limit = `within ${timeoutMs / 1_000} s`;
    return this.#running?.ended
      ? new BrokerError('client_timeout', `the output of the command was not read ${limit}`)
      : new BrokerError('upstream_timeout', `the command did not end ${limit}`);
  }

  #later(ms: number, then: () => void): void {
    this.#stops.push(after(ms, then));
  }
}
