/** A limit on requests per minute looks this far back, in ms. */
export const RATE_WINDOW_MS = 60_000;

/** How much of a limit is used, by whom it is for. All requests of a daemon share one, as all run in one process. */
export class Counters {
  readonly #now: () => number;
  readonly #uses = new Map<string, Use>();
  #sweepAt = 1_000;

  /** @param now milliseconds that never go back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Milliseconds until `key` has room for one more under `rate` requests in any minute, exactly; 0: it has now.
   * @param rate 0 for no limit.
   */
  wait(key: string, rate: number): number {
    return rate === 0 ? 0 : (this.#uses.get(key)?.wait(this.#now(), rate) ?? 0);
  }

  /** Requests of `key` under way. */
  running(key: string): number {
    return this.#uses.get(key)?.running ?? 0;
  }

  /** Counts a request. @returns what to call when it is over; calling it again does nothing. */
  start(key: string): () => void {
    this.#sweep();
    const use = this.#uses.get(key) ?? new Use();
    this.#uses.set(key, use);
    use.add(this.#now());
    use.running += 1;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      use.running -= 1;
    };
  }

  /** Forgets what counts for nothing any more, each time that the number of keys has doubled. */
  #sweep(): void {
    if (this.#uses.size < this.#sweepAt) return;
    const now = this.#now();
    for (const [key, use] of this.#uses) if (use.idle(now)) this.#uses.delete(key);
    this.#sweepAt = Math.max(1_000, this.#uses.size * 2);
  }
}

/** The starts within the last minute, oldest first from `head` on. */
class Use {
  running = 0;
  #starts: number[] = [];
  #head = 0;

  wait(now: number, rate: number): number {
    this.#forget(now);
    const count = this.#starts.length - this.#head;
    if (count < rate) return 0;
    return (this.#starts[this.#starts.length - rate] ?? now) + RATE_WINDOW_MS - now;
  }

  add(now: number): void {
    this.#forget(now);
    this.#starts.push(now);
  }

  idle(now: number): boolean {
    this.#forget(now);
    return this.running === 0 && this.#head === this.#starts.length;
  }

  #forget(now: number): void {
    while (this.#head < this.#starts.length && (this.#starts[this.#head] ?? 0) + RATE_WINDOW_MS <= now) this.#head += 1;
    if (this.#head * 2 > this.#starts.length) {
      this.#starts = this.#starts.slice(this.#head);
      this.#head = 0;
    }
  }
}
