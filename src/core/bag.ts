interface Entry<T> {
  readonly item: T;
  at: number;
}

/**
 * What is under way, in no order: for things that come and go with every request. A Set would do, but for the garbage
 * collector: a Set that is added to and deleted from moves to a new table every few dozen times, and V8 has the old table
 * refer to the new one. Once one of them is in the old generation it takes all that follow, with what was in them,
 * along: every request would outlive the young generation.
 */
export class Bag<T> {
  readonly #entries: Entry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** @returns what takes it out again, once. */
  add(item: T): () => void {
    const entry: Entry<T> = { item, at: this.#entries.length };
    this.#entries.push(entry);
    return () => this.#remove(entry);
  }

  /** What is in it now, whatever comes and goes meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return this.#entries.map(({ item }) => item)[Symbol.iterator]();
  }

  #remove(entry: Entry<T>): void {
    if (this.#entries[entry.at] !== entry) return;
    const last = this.#entries.pop();
    if (last === undefined || last === entry) return;
    this.#entries[entry.at] = last;
    last.at = entry.at;
  }
}
