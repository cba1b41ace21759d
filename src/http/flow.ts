/** A flat list over HTTP/1, an object over HTTP/2. */
export type Trailers = Buffer[] | Readonly<Record<string, string | string[]>> | null;

/** What comes back, as undici's dispatch tells it; header lists are flat and raw. */
export interface Receiver {
  onConnect(abort: (reason?: Error) => void): void;
  /** @returns false to have the body wait for `resume`. */
  onHeaders(status: number, headers: Buffer[], resume: () => void, statusText: string): boolean;
  onData(chunk: Buffer): boolean;
  onComplete(trailers: Trailers): void;
  onError(error: Error): void;
}

/**
 * One answer between the library and who receives it. A server that has ended the connection is not waited for any more: what
 * it sent is taken from the library at once and kept here until the receiver wants it, since undici 7 throws, where
 * nobody can catch it, when a connection ends whose parser is paused (nodejs/undici#5360). That is at most what the
 * socket held.
 */
export class Flow implements Receiver {
  readonly #to: Receiver;
  #resume: () => void = () => undefined;
  #paused = false;
  #ended = false;
  #kept: Buffer[] = [];
  #completed: { readonly trailers: Trailers } | undefined;

  constructor(to: Receiver) {
    this.#to = to;
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#to.onConnect(abort);
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    this.#resume = resume;
    this.#paused = !this.#to.onHeaders(status, headers, () => this.#wanted(), statusText);
    return this.#ended || !this.#paused;
  }

  onData(chunk: Buffer): boolean {
    if (this.#paused) this.#kept.push(chunk);
    else this.#paused = !this.#to.onData(chunk);
    return this.#ended || !this.#paused;
  }

  onComplete(trailers: Trailers): void {
    if (this.#paused) this.#completed = { trailers };
    else this.#to.onComplete(trailers);
  }

  onError(error: Error): void {
    this.#kept = [];
    this.#to.onError(error);
  }

  /** The server has ended the connection that this came on. */
  end(): void {
    this.#ended = true;
    if (this.#paused) this.#resume();
  }

  #wanted(): void {
    this.#paused = false;
    for (let chunk = this.#kept.shift(); chunk; chunk = this.#kept.shift()) {
      this.#paused = !this.#to.onData(chunk);
      if (this.#paused) return;
    }
    const completed = this.#completed;
    this.#completed = undefined;
    if (completed) this.#to.onComplete(completed.trailers);
    else this.#resume();
  }
}
