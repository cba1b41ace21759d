import { BrokerError } from '../core/errors.ts';
import {
  FIRST_WAIT_MS,
  FORGET_FAILURES_MS,
  FREE_FAILURES,
  MAX_CALLERS,
  MAX_OWNER_WAIT_MS,
  MAX_WAIT_MS,
} from './limits.ts';

interface Failures {
  readonly count: number;
  readonly lastAt: number; // epoch ms
}

/**
 * Slows down whoever gives wrong passwords: from the third failure on 1 s, 2 s, 4 s and so on until the next attempt.
 * Each caller waits for its own failures only, and the daemon's own user never longer than five seconds, so that
 * nobody can lock the owner out.
 */
export class Backoff {
  readonly #failures = new Map<string, Failures>();
  readonly #owner: string;
  readonly #now: () => number;

  constructor(owner: string, now: () => number) {
    this.#owner = owner;
    this.#now = now;
  }

  /** @throws BrokerError `exhausted` while `caller` has to wait; asking does not lengthen the wait. */
  check(caller: string): void {
    const failures = this.#failures.get(caller);
    if (failures === undefined) return;
    const leftMs = failures.lastAt + this.#waitMs(caller, failures.count) - this.#now();
    if (leftMs <= 0) return;
    const seconds = Math.ceil(leftMs / 1000);
    throw new BrokerError('exhausted', `too many wrong passwords or keys; wait ${seconds} s before the next`);
  }

  failed(caller: string): void {
    const count = (this.#failures.get(caller)?.count ?? 0) + 1;
    // Deleted first, so that the map stays in the order of the last failure.
    this.#failures.delete(caller);
    this.#failures.set(caller, { count, lastAt: this.#now() });
    this.#forget();
  }

  succeeded(caller: string): void {
    this.#failures.delete(caller);
  }

  #waitMs(caller: string, count: number): number {
    if (count <= FREE_FAILURES) return 0;
    const most = caller === this.#owner ? MAX_OWNER_WAIT_MS : MAX_WAIT_MS;
    return Math.min(most, FIRST_WAIT_MS * 2 ** (count - FREE_FAILURES - 1));
  }

  /** Drops the oldest callers beyond MAX_CALLERS, and those whose last failure is long past. */
  #forget(): void {
    for (const [caller, { lastAt }] of this.#failures) {
      const old = this.#now() - lastAt > FORGET_FAILURES_MS;
      if (!old && this.#failures.size <= MAX_CALLERS) return;
      this.#failures.delete(caller);
    }
  }
}
