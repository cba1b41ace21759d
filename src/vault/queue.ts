/** Runs asynchronous work one piece after the other, in the order it came. */
export class Queue {
  #tail: Promise<void> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    // The failure belongs to whoever awaits `result`; the next piece only waits for the end.
    this.#tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Resolves when all work that was handed in so far is done. */
  drained(): Promise<void> {
    return this.#tail;
  }
}
