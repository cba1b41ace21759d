import type { Observer } from '../../core/relay.ts';

/** Bytes of a line's end that tell whether a literal follows: `{` + 20 digits + `+}` CR LF. */
const TAIL = 26;

/**
 * Follows the server's stream by its lines and literals (RFC 9051 §4.3), so that broker knows when it may add a BYE:
 * inside a literal it would become part of a mail. A literal is skipped, not looked at.
 */
export class ResponseWalker {
  /** Bytes of the current literal that are still to come. */
  #literal = 0;
  /** The end of the current line, where a chunk ended inside it. */
  #tail: Buffer = Buffer.alloc(0);
  #inLine = false;

  /** True between two responses. */
  get atBoundary(): boolean {
    return this.#literal === 0 && !this.#inLine;
  }

  readonly see: Observer = (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (this.#literal > 0) {
        const step = Math.min(this.#literal, chunk.length - at);
        this.#literal -= step;
        at += step;
        continue;
      }
      const end = chunk.indexOf(10, at);
      if (end < 0) {
        this.#tail = Buffer.concat([this.#tail, chunk.subarray(Math.max(at, chunk.length - TAIL))]).subarray(-TAIL);
        this.#inLine = true;
        return;
      }
      const piece = chunk.subarray(Math.max(at, end + 1 - TAIL), end + 1);
      const lineEnd = this.#tail.length === 0 ? piece : Buffer.concat([this.#tail, piece]);
      this.#literal = literalBytes(lineEnd);
      // Behind a literal its response goes on, if only with CRLF.
      this.#inLine = this.#literal >= 0 && announces(lineEnd);
      this.#tail = Buffer.alloc(0);
      at = end + 1;
    }
  };
}

const CLOSING_BRACE = 0x7d;

function announces(lineEnd: Buffer): boolean {
  return literalMark(lineEnd) !== undefined;
}

function literalBytes(lineEnd: Buffer): number {
  return Number(literalMark(lineEnd) ?? 0);
}

function literalMark(lineEnd: Buffer): string | undefined {
  // Nearly every line ends otherwise, and is not made a string of.
  if (lineEnd.at(-3) !== CLOSING_BRACE) return undefined;
  return /\{(\d{1,20})\+?\}\r\n$/.exec(lineEnd.toString('latin1'))?.[1];
}

/**
 * Notices a client's COMPRESS command (RFC 4978): behind the server's OK the stream is not IMAP lines any more. It may
 * also notice one in the middle of a mail: then the session ends without a BYE, and nothing else is different.
 */
export class CompressWatch {
  #seen = false;
  #tail = '';

  get seen(): boolean {
    return this.#seen;
  }

  readonly see: Observer = (chunk) => {
    if (this.#seen) return;
    const text = this.#tail + chunk.toString('latin1');
    this.#seen = /compress +deflate/i.test(text);
    this.#tail = text.slice(-32);
  };
}
