import { BrokerError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { encode } from './resp.ts';

const LF = 0x0a;
const MINUS = 0x2d;
const NOTHING = Buffer.alloc(0);
/** Bytes of an error or OK line in the cut; the server's own error lines are shorter. */
const MAX_LINE_BYTES = 1_024;
/** Lines between the two marks: AUTH and SELECT. */
const MAX_LINES = 4;

/**
 * RESET logs the connection out and selects database 0. Behind each, broker logs in again and selects the service's
 * database, between two marks: unknown commands whose names nobody can guess. The server answers in order and RESET
 * ends whatever could come between (subscriptions, MONITOR, tracking), so all that stands between the two marks'
 * errors, they included, is ours and is cut out of the replies. They are searched for only while a RESET is under way.
 *
 * A server with the fix of CVE-2025-21605 closes when more than 16 KB of pipelined replies wait at the moment in which
 * RESET has logged the client out; it does so without broker too.
 */
export class Resets {
  readonly #begin: Buffer;
  readonly #end: Buffer;
  readonly #auth: Secret | undefined;
  readonly #db: number;
  /** RESETs whose marks have not come back yet. */
  #pending = 0;
  #held: Buffer = NOTHING;
  /** The bytes before `#held` ended in the middle of a line. */
  #midLine = false;
  /** Lines seen since the first mark; -1 outside. */
  #lines = -1;

  /**
   * @param nonce at least 16 random bytes.
   * @param auth the real AUTH command; undefined where the server needs none.
   */
  constructor(nonce: Buffer, auth: Secret | undefined, db: number) {
    this.#begin = Buffer.from(`${nonce.toString('hex')}a`);
    this.#end = Buffer.from(`${nonce.toString('hex')}b`);
    this.#auth = auth;
    this.#db = db;
  }

  /** Another RESET goes to the server. @returns what goes behind it. */
  relogin(): Buffer {
    if (!this.#auth && this.#db === 0) return NOTHING;
    this.#pending++;
    return Buffer.concat([
      encode([this.#begin]),
      this.#auth?.use((bytes) => Buffer.from(bytes)) ?? NOTHING,
      ...(this.#db > 0 ? [encode(['SELECT', String(this.#db)])] : []),
      encode([this.#end]),
    ]);
  }

  /**
   * The server's replies without what broker asked for itself.
   * @throws BrokerError `upstream_auth` when the server did not let us in again; `upstream_protocol` for endless lines.
   */
  readonly cut = (chunk: Buffer): Buffer => {
    if (this.#pending === 0) return chunk;
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    const out: Buffer[] = [];
    while (bytes.length > 0 && this.#pending > 0) {
      const rest = this.#lines < 0 ? this.#search(bytes, out) : this.#drop(bytes);
      if (!rest) break;
      bytes = rest;
      if (this.#pending === 0) out.push(bytes);
    }
    return Buffer.concat(out);
  };

  /** Lets pass what stands before the first mark. @returns what stands behind its line; undefined: not come yet. */
  #search(bytes: Buffer, out: Buffer[]): Buffer | undefined {
    const mark = bytes.indexOf(this.#begin);
    const lineStart = bytes.lastIndexOf(LF, mark < 0 ? bytes.length : mark) + 1;
    const lineEnd = mark < 0 ? -1 : bytes.indexOf(LF, mark);
    if (lineEnd >= 0) {
      out.push(bytes.subarray(0, lineStart));
      this.#lines = 0;
      return bytes.subarray(lineEnd + 1);
    }
    // A complete reply ends in LF: only a line that may become the mark's error is kept back, and only until it ends.
    const isLine = lineStart > 0 || !this.#midLine;
    const keep = isLine && bytes[lineStart] === MINUS && bytes.length - lineStart <= MAX_LINE_BYTES;
    const pass = keep ? bytes.subarray(0, lineStart) : bytes;
    out.push(pass);
    this.#hold(bytes.subarray(pass.length));
    this.#midLine = pass.length > 0 ? pass.at(-1) !== LF : this.#midLine;
    return undefined;
  }

  /** Takes one line between the marks away. @returns what stands behind it; undefined: it has not come yet. */
  #drop(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf(LF);
    if ((end < 0 ? bytes.length : end) > MAX_LINE_BYTES || this.#lines >= MAX_LINES)
      throw new BrokerError('upstream_protocol', 'the server did not answer the login after RESET as it should');
    if (end < 0) {
      this.#hold(bytes);
      return undefined;
    }
    const line = bytes.subarray(0, end);
    if (line.includes(this.#end)) {
      this.#lines = -1;
      this.#midLine = false;
      this.#pending--;
    } else {
      if (line[0] === MINUS)
        throw new BrokerError('upstream_auth', 'the server did not accept the login after RESET', { hop: 'auth' });
      this.#lines++;
    }
    return bytes.subarray(end + 1);
  }

  #hold(bytes: Buffer): void {
    this.#held = Buffer.from(bytes);
  }
}
