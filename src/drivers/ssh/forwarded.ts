import { Duplex } from 'node:stream';
import type { ClientChannel, ServerChannel } from 'ssh2';

/**
 * A forwarded connection as a stream like any other. ssh2's channels never count as destroyed, and a write to one that is
 * closed never returns.
 */
export class ChannelStream extends Duplex {
  readonly #channel: ClientChannel | ServerChannel;
  #closed = false;
  #pending: (() => void) | undefined;

  constructor(channel: ClientChannel | ServerChannel) {
    super({ allowHalfOpen: true });
    this.#channel = channel;
    channel.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    channel.on('end', () => this.push(null));
    channel.on('error', (error: Error) => this.destroy(error));
    channel.on('close', () => {
      this.#closed = true;
      this.#pending?.();
      // What has come is still to be read.
      if (this.readableEnded) this.destroy();
      else this.once('end', () => this.destroy());
    });
    channel.pause();
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.#closed) {
      done(new Error('the connection is closed'));
      return;
    }
    this.#pending = () => {
      this.#pending = undefined;
      done(this.#closed ? new Error('the connection was closed') : undefined);
    };
    this.#channel.write(chunk, () => this.#pending?.());
  }

  override _final(done: () => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#channel.destroy();
    // The channel is gone only when what the server still sends has been read.
    this.#channel.removeAllListeners('data').resume();
    done(error);
  }
}
