import type { Conn } from '../../core/conn.ts';
import type { Observer } from '../../core/relay.ts';
import { bodyLength, type Frame, MAX_FRAME_BYTES, MAX_LOGIN_FRAME_BYTES, malformed } from './wire.ts';

/**
 * One whole message; its length is checked before a byte of its body is waited for.
 * @throws BrokerError `upstream_protocol` | `client_protocol`, and as `Conn.exactly`.
 */
export async function readFrame(conn: Conn, signal: AbortSignal, maxBytes = MAX_LOGIN_FRAME_BYTES): Promise<Frame> {
  const header = await conn.exactly(5, signal);
  const body = await conn.exactly(bodyLength(header, maxBytes, conn.side), signal);
  return { type: header.readUInt8(0), body, raw: Buffer.concat([header, body]) };
}

/**
 * Follows a stream of messages by their headers alone, so that broker knows when it may add a message of its own: a
 * FATAL in the middle of one becomes row data. Its work is in the number of messages, not of bytes.
 */
export class FrameWalker {
  /** Bytes of the current body that are still to come. */
  #left = 0;
  /** The header under way, where a chunk ended inside it. */
  readonly #header = Buffer.alloc(5);
  #have = 0;

  /** True between two messages. */
  get atBoundary(): boolean {
    return this.#left === 0 && this.#have === 0;
  }

  /** @throws BrokerError `upstream_protocol` for a length that no message has. */
  readonly see: Observer = (chunk) => {
    let at = 0;
    const end = chunk.length;
    while (at < end) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, end - at);
        this.#left -= step;
        at += step;
      } else if (this.#have === 0 && end - at >= 5) {
        this.#left = checked(chunk.readInt32BE(at + 1));
        at += 5;
      } else {
        const step = Math.min(5 - this.#have, end - at);
        chunk.copy(this.#header, this.#have, at, at + step);
        this.#have += step;
        at += step;
        if (this.#have < 5) return;
        this.#left = checked(this.#header.readInt32BE(1));
        this.#have = 0;
      }
    }
  };
}

function checked(length: number): number {
  if (length < 4 || length > MAX_FRAME_BYTES) throw malformed('upstream', `a message with the length ${length >>> 0}`);
  return length - 4;
}
