/**
 * Finds the end of a mail, CR LF . CR LF (RFC 5321 §4.1.1.4), and every CR or LF that is not part of a CR LF: servers
 * disagree on whether such a one ends a line, and whoever knows how hides a second mail behind it.
 */
export class DataEnd {
  /** Where in a line end we are: `start` is also where the mail begins. */
  #state: 'start' | 'text' | 'cr' | 'dot' | 'dotcr' | 'over' = 'start';

  get over(): boolean {
    return this.#state === 'over';
  }

  /** @returns how many bytes of the chunk belong to the mail, or that it has a bare CR or LF. */
  see(chunk: Buffer): number | 'bare' {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === 'text') {
        // Most of a mail is this: jump to what may matter.
        const cr = chunk.indexOf(13, at);
        const stop = cr < 0 ? chunk.length : cr;
        if (includesLf(chunk, at, stop)) return 'bare';
        at = stop;
        if (cr < 0) break;
      }
      const byte = chunk[at++];
      if (byte === 10) {
        if (this.#state !== 'cr' && this.#state !== 'dotcr') return 'bare';
        if (this.#state === 'dotcr') {
          this.#state = 'over';
          return at;
        }
        this.#state = 'start';
      } else if (this.#state === 'cr' || this.#state === 'dotcr') return 'bare';
      else if (byte === 13) this.#state = this.#state === 'dot' ? 'dotcr' : 'cr';
      else this.#state = byte === 46 && this.#state === 'start' ? 'dot' : 'text';
    }
    return at;
  }
}

function includesLf(chunk: Buffer, from: number, to: number): boolean {
  return chunk.subarray(from, to).includes(10);
}
