/** What is to be posted: `handed` are buffers that go over rather than being copied. */
export type Post<T> = (said: readonly T[], handed: readonly ArrayBuffer[]) => void;

/**
 * What one thread has to say to another, gathered while it works through what has come in: a message of its own for each
 * thing said would cost more than what it is about.
 */
export class Outbox<T> {
  readonly #post: Post<T>;
  #said: T[] = [];
  #handed: ArrayBuffer[] = [];

  constructor(post: Post<T>) {
    this.#post = post;
  }

  say(what: T): void {
    if (this.#said.push(what) === 1) setImmediate(this.#send);
  }

  /** As `say`, for what has buffers that are handed over. */
  hand(make: (handed: ArrayBuffer[]) => T): void {
    this.say(make(this.#handed));
  }

  readonly #send = (): void => {
    const [said, handed] = [this.#said, this.#handed];
    this.#said = [];
    this.#handed = [];
    this.#post(said, handed);
  };
}
