import type { Observer } from '../../core/relay.ts';

/** Follows the server's replies by their lines, so that broker adds its 421 only between two of them. */
export class ReplyWalker {
  /** The first bytes of the current line: the code and what follows it. */
  #start = '';
  #inLine = false;
  #continued = false;

  /** True between two replies. */
  get atBoundary(): boolean {
    return !this.#inLine && !this.#continued;
  }

  readonly see: Observer = (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      const end = chunk.indexOf(10, at);
      const stop = end < 0 ? chunk.length : end;
      if (this.#start.length < 4) this.#start += chunk.toString('latin1', at, Math.min(stop, at + 4));
      if (end < 0) {
        this.#inLine = true;
        return;
      }
      this.#continued = this.#start.charAt(3) === '-';
      this.#start = '';
      this.#inLine = false;
      at = end + 1;
    }
  };
}
