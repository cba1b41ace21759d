import type { BrokerError } from '../core/errors.ts';

/** What comes back for one request; where a call of it throws, the request is broken off, and it gets the error. Lists of fields are flat (name, value, name, ...), each a text of bytes (latin1). */
export interface Receiver {
  /** Told once the request is on its way. `abort` breaks it off, and has `onError` called. */
  onConnect(abort: (reason: BrokerError) => void): void;
  /** Called for each informational answer, too. @returns false to have the body wait for `resume`. */
  onHeaders(status: number, headers: readonly string[], resume: () => void, statusText: string): boolean;
  /** @returns false to have what comes next wait for `resume`. */
  onData(chunk: Buffer): boolean;
  onComplete(trailers: readonly string[]): void;
  onError(error: BrokerError): void;
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
  #completed: { readonly trailers: readonly string[] } | undefined;

  constructor(to: Receiver) {
    this.#to = to;
  }

  onConnect(abort: (reason: BrokerError) => void): void {
    this.#to.onConnect(abort);
  }

  onHeaders(status: number, headers: readonly string[], resume: () => void, statusText: string): boolean {
    this.#resume = resume;
    this.#paused = !this.#to.onHeaders(status, headers, () => this.#wanted(), statusText);
    return this.#ended || !this.#paused;
  }

  onData(chunk: Buffer): boolean {
    if (this.#paused) this.#kept.push(chunk);
    else this.#paused = !this.#to.onData(chunk);
    return this.#ended || !this.#paused;
  }

  onComplete(trailers: readonly string[]): void {
    if (this.#paused) this.#completed = { trailers };
    else this.#to.onComplete(trailers);
  }

  onError(error: BrokerError): void {
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
