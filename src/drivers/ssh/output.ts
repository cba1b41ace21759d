import type { Readable } from 'node:stream';
import type { ServerChannel } from 'ssh2';

/** What a channel delivers. At its end a plain `for await` would close the channel, before its exit status is sent. */
export function chunksOf(channel: Readable): AsyncIterable<Buffer> {
  return channel.iterator({ destroyOnReturn: false });
}

/**
 * The way back to a local client: stdout and stderr through one queue, one write at a time. ssh2 keeps the chunk that it
 * could not send in a field that it never clears, and sends it again when the other of the two streams has waited for
 * the window: with one write at a time, and the field cleared behind it, nothing is sent twice.
 */
export class Output {
  readonly #channel: ServerChannel;
  #tail: Promise<void> = Promise.resolve();
  #over = false;

  constructor(channel: ServerChannel) {
    this.#channel = channel;
  }

  /** Resolves when the bytes are sent, which waits for a client that reads slowly; at once when it is gone. */
  write(bytes: Buffer | string, stream: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    this.#tail = this.#tail.then(() => this.#send(bytes, stream));
    return this.#tail;
  }

  /** Sends what is queued, then how it ended, then closes. */
  async exit(status: number | string): Promise<void> {
    await this.#tail;
    if (this.#over) return;
    this.#over = true;
    if (typeof status === 'number') this.#channel.exit(status);
    else this.#channel.exit(status, false, '');
    this.#channel.end();
  }

  /** Gives up what waits for a window. */
  abandon(): void {
    this.#over = true;
    this.#channel.emit(GONE);
  }

  #send(bytes: Buffer | string, stream: 'stdout' | 'stderr'): Promise<void> {
    if (this.#over || bytes.length === 0) return Promise.resolve();
    const channel = this.#channel;
    return new Promise((resolve) => {
      const done = (): void => {
        channel.off('close', gone).off(GONE, gone);
        for (const field of ['_chunk', '_chunkcb', '_chunkErr', '_chunkcbErr']) Reflect.set(channel, field, undefined);
        resolve();
      };
      const gone = (): void => {
        this.#over = true;
        done();
      };
      channel.once('close', gone).once(GONE, gone);
      (stream === 'stdout' ? channel : channel.stderr).write(bytes, done);
    });
  }
}

const GONE = Symbol('gone');
