import type { Duplex } from 'node:stream';
import { BrokerError, throwIfAborted, toBrokerError } from './errors.ts';
import { CONN_BUFFER_BYTES } from './limits.ts';

/** Which end of broker a connection is: errors name the side at fault. */
export type Side = 'client' | 'upstream';

export interface Detached {
  readonly socket: Duplex;
  readonly rest: Buffer;
  readonly ended: boolean;
}

/**
 * Pull reader and writer over a paused socket, for handshakes. Bytes that were read but not consumed are never lost:
 * they stay in order for the next read, for `detach()`, or for the refusal to upgrade to TLS over them.
 * A peer that talks ahead fills the stream's own high-water mark and then its window, not our memory.
 */
export class Conn implements AsyncDisposable {
  readonly side: Side;
  readonly #socket: Duplex;
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #onReadable = (): void => {
    // At the end of a stream that is no socket 'end' comes only when somebody reads; a socket does that by itself.
    if (this.#socket.readableLength === 0) this.#socket.read(0);
    this.#wake?.();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };
  readonly #onError = (error: Error): void => {
    this.#failure = error;
    this.#wake?.();
  };

  constructor(socket: Duplex, side: Side) {
    this.#socket = socket;
    this.side = side;
    socket.on('readable', this.#onReadable);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
    socket.on('error', this.#onError);
  }

  /** The socket underneath, for addresses and TLS facts. Reading from it directly loses bytes. */
  get socket(): Duplex {
    return this.#socket;
  }

  /** Bytes read from the socket and not consumed yet, including what the stream itself holds. */
  get buffered(): number {
    return this.#buffer.length + this.#socket.readableLength;
  }

  /** True once the peer has closed its side and everything it sent is in the buffer. */
  get atEnd(): boolean {
    return this.#ended && this.buffered === 0;
  }

  /**
   * Exactly `n` bytes.
   * @throws BrokerError `client_gone` | `upstream_protocol` when the peer closes first; the signal's reason on abort.
   */
  async exactly(n: number, signal: AbortSignal): Promise<Buffer> {
    await this.#fill((buffer) => buffer.length >= n, n, signal);
    return this.#take(n);
  }

  /** The next `n` bytes without consuming them. @throws as `exactly`. */
  async peek(n: number, signal: AbortSignal): Promise<Buffer> {
    await this.#fill((buffer) => buffer.length >= n, n, signal);
    return Buffer.from(this.#buffer.subarray(0, n));
  }

  /**
   * One line up to and including LF, at most `maxBytes` with it.
   * @throws BrokerError `client_protocol` | `upstream_protocol` when it is longer; else as `exactly`.
   */
  async line(maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    let scanned = 0;
    let end = -1;
    await this.#fill(
      (buffer) => {
        end = buffer.indexOf(10, scanned);
        scanned = buffer.length;
        if (end >= maxBytes || (end < 0 && buffer.length >= maxBytes)) {
          throw this.protocolError(`sent a line of more than ${maxBytes} bytes`);
        }
        return end >= 0;
      },
      maxBytes,
      signal,
    );
    return this.#take(end + 1);
  }

  /** Whatever is there, at least one byte; undefined at the end of the stream. */
  async some(signal: AbortSignal): Promise<Buffer | undefined> {
    await this.#fill((buffer) => buffer.length > 0 || this.#ended, CONN_BUFFER_BYTES, signal);
    return this.#buffer.length === 0 ? undefined : this.#take(this.#buffer.length);
  }

  /** Puts bytes back in front of what is still to be read. */
  unread(bytes: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([bytes, this.#buffer]);
  }

  /** Resolves once the bytes are handed to the kernel or buffered below the high-water mark. */
  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#beforeWriting(signal);
    await this.#written(this.#socket.write(bytes), signal);
  }

  /**
   * The same for bytes that are secret: they are wiped once they are sent, or never will be. Until then a stream that is
   * behind holds the very buffer, and would send what the writer had wiped.
   */
  async writeSecret(bytes: Buffer, signal: AbortSignal): Promise<void> {
    const wipe = (): void => void bytes.fill(0);
    try {
      this.#beforeWriting(signal);
    } catch (error) {
      wipe();
      throw error;
    }
    await this.#written(this.#socket.write(bytes, wipe), signal);
  }

  /** Sends `bytes` as the last words, half-closes, and waits at most `drainMs` for the peer to close; then destroys. */
  async finish(bytes: Uint8Array, drainMs: number): Promise<void> {
    const timeout = AbortSignal.timeout(drainMs);
    try {
      if (!this.#socket.destroyed && !this.#socket.writableEnded) {
        this.#socket.end(bytes);
        // A peer that closed its side already is still to get them: destroying a socket drops what is not written yet.
        await this.#until(() => this.#socket.writableFinished || this.#socket.destroyed, 'finish', timeout);
      }
      while (!this.#ended && !this.#socket.destroyed) {
        this.#buffer = Buffer.alloc(0);
        await this.some(timeout);
      }
    } catch (error) {
      // The peer is being told to go away: that it reset the connection or did not close in time is its own affair.
      void error;
    }
    this.destroy();
  }

  /**
   * Gives up the socket for relaying. `rest` are the bytes read and not consumed, to be handled before anything the
   * socket still delivers; `ended` tells that the stream is over after them (its 'end' event is past). They are
   * returned, not unshifted: a stream whose end was seen refuses an unshift.
   * An error listener must be on the socket before the next turn of the loop; `relay` does that.
   */
  detach(): Detached {
    const socket = this.#release();
    const rest = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    return { socket, rest, ended: this.#ended };
  }

  /**
   * Gives up the socket for a TLS handshake.
   * @throws BrokerError `upstream_protocol` | `client_protocol` when bytes wait that were sent before TLS (injection).
   */
  detachForTls(): Duplex {
    if (this.buffered > 0) throw this.protocolError('sent bytes in the clear behind its answer to the TLS request');
    return this.#release();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy();
  }

  /** A BrokerError that puts the blame for a protocol violation on this side. */
  protocolError(whatItDid: string): BrokerError {
    const who = this.side === 'client' ? 'the client' : 'the server';
    return new BrokerError(this.side === 'client' ? 'client_protocol' : 'upstream_protocol', `${who} ${whatItDid}`);
  }

  #release(): Duplex {
    this.#socket.off('readable', this.#onReadable);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onError);
    // A socket whose last 'readable' listener goes starts flowing by itself: hold it until the next owner reads.
    this.#socket.pause();
    return this.#socket;
  }

  #take(n: number): Buffer {
    const taken = this.#buffer.subarray(0, n);
    this.#buffer = this.#buffer.subarray(n);
    return taken;
  }

  /** Reads until `enough(buffer)`; `want` bounds how far ahead we read. */
  async #fill(enough: (buffer: Buffer) => boolean, want: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      throwIfAborted(signal);
      this.#pull(want);
      if (enough(this.#buffer)) return;
      if (this.#failure) throw this.#gone(this.#failure);
      if (this.#ended) throw this.#gone();
      await this.#until(
        () => this.#socket.readableLength > 0 || this.#ended || this.#failure !== undefined,
        undefined,
        signal,
      );
    }
  }

  #pull(want: number): void {
    while (this.#buffer.length < Math.max(want, 1)) {
      const chunk: unknown = this.#socket.read();
      if (!Buffer.isBuffer(chunk)) return;
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    }
  }

  /** Waits until `ready()`, woken by our own listeners (and by `event` on the socket). */
  async #until(ready: () => boolean, event: 'drain' | 'finish' | undefined, signal: AbortSignal): Promise<void> {
    while (!ready()) {
      throwIfAborted(signal);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#wake = undefined;
          signal.removeEventListener('abort', done);
          if (event) this.#socket.off(event, done);
          resolve();
        };
        this.#wake = done;
        signal.addEventListener('abort', done, { once: true });
        if (event) this.#socket.once(event, done);
      });
    }
  }

  #beforeWriting(signal: AbortSignal): void {
    throwIfAborted(signal);
    if (this.#failure) throw this.#gone(this.#failure);
    if (this.#socket.destroyed || this.#socket.writableEnded) throw this.#gone();
  }

  async #written(atOnce: boolean, signal: AbortSignal): Promise<void> {
    if (atOnce) return;
    await this.#until(() => !this.#socket.writableNeedDrain || this.#socket.destroyed, 'drain', signal);
    if (this.#socket.destroyed) throw this.#gone(this.#failure);
  }

  #gone(cause?: Error): BrokerError {
    if (this.side === 'client') return new BrokerError('client_gone', 'the client closed the connection', { cause });
    const why = cause ? toBrokerError(cause) : undefined;
    return why && why.code !== 'internal'
      ? why
      : new BrokerError('upstream_protocol', 'the server closed the connection during the handshake', { cause });
  }
}
