import { PORT_REST_MS } from '../../core/limits.ts';

/**
 * Local ports that a lease has given back and that must not be given out again yet: a client that comes late would
 * reach somebody else's session.
 */
export class PortRest {
  readonly #until = new Map<number, number>();
  readonly #now: () => number;
  readonly #restMs: number;

  constructor(now: () => number, restMs = PORT_REST_MS) {
    this.#now = now;
    this.#restMs = restMs;
  }

  release(port: number): void {
    const now = this.#now();
    // Insertion order is expiry order: the expired ones are in front.
    for (const [old, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(old);
    }
    this.#until.delete(port);
    this.#until.set(port, now + this.#restMs);
  }

  isResting(port: number): boolean {
    return (this.#until.get(port) ?? 0) > this.#now();
  }
}
