import { Duplex } from 'node:stream';
import { Conn } from '../../src/core/conn.ts';
import type { DriverIo } from '../../src/core/driver.ts';

/**
 * A connection that says of each write only after the next one that it is done, as a channel through a bastion may: what
 * is written meanwhile waits in memory as the buffer that it was given.
 */
export class LateStream extends Duplex {
  readonly #socket: Duplex;
  #written: (() => void) | undefined;

  constructor(socket: Duplex) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error: Error) => this.destroy(error));
  }

  override write(...args: unknown[]): boolean {
    const earlier = this.#written;
    this.#written = undefined;
    // By then the writer has gone on.
    if (earlier) setImmediate(earlier);
    return Reflect.apply(super.write, this, args) as boolean;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#socket.write(chunk);
    if (this.writableLength > chunk.length) setImmediate(done);
    else this.#written = done;
  }

  override _final(done: () => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** The same ways out, all of them late. */
export function late(io: DriverIo): DriverIo {
  return {
    ...io,
    async dial(target, signal) {
      const { conn, address } = await io.dial(target, signal);
      return { conn: new Conn(new LateStream(conn.detach().socket), 'upstream'), address };
    },
  };
}
