import { BrokerError } from '../../core/errors.ts';
import { after, type Link } from './link.ts';

interface Greeting {
  readonly scope: Link;
  /** True once the kernel said that it is the lease's own user. */
  trusted: boolean;
}

/**
 * The clients of one lease that have not finished their handshake. Bounded in number and time, so that whoever
 * connects and stays silent can neither hold up the rightful client nor use up descriptors.
 */
export class Greetings {
  readonly #current = new Set<Greeting>();
  readonly #max: number;
  readonly #timeoutMs: number;

  constructor(max: number, timeoutMs: number) {
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Admits a handshake. When there are too many, the oldest that is not known to be the rightful user's makes room.
   * @param scope aborted on timeout or eviction.
   * @param isOwner resolves to true for the rightful user's process.
   * @returns what marks it as finished; undefined when there is no room.
   */
  begin(scope: Link, isOwner: Promise<boolean>): (() => void) | undefined {
    if (this.#current.size >= this.#max) {
      const victim = [...this.#current].find((greeting) => !greeting.trusted);
      if (!victim) return undefined;
      this.#current.delete(victim);
      victim.scope.abort(new BrokerError('exhausted', 'too many clients are connecting at the same time'));
    }
    const greeting: Greeting = { scope, trusted: false };
    this.#current.add(greeting);
    void isOwner.then((trusted) => {
      greeting.trusted = trusted;
    });
    const stop = after(this.#timeoutMs, () =>
      scope.abort(new BrokerError('client_timeout', `the client did not log in within ${this.#timeoutMs / 1000} s`)),
    );
    return () => {
      stop();
      this.#current.delete(greeting);
    };
  }
}
