import type { Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { hangUp, sendResize, sendSignal } from './packet.ts';

/** How a command ended: by itself, or by a signal (its name without SIG). */
export type Ended = { readonly code: number } | { readonly signal: string };
/** Takes output; what it returns is waited for before there is more of that stream. */
export type Take = (bytes: Buffer, from: 'stdout' | 'stderr') => Promise<void> | undefined;

/** What a command has moved: `up` is its input. */
export type Moved = (direction: 'up' | 'down', bytes: number) => void;

/**
 * A command on a channel of the server, whose bytes go from there to the caller as they are. It watches the channel from
 * the first moment, since how a command ended may come in the packet that says it began.
 */
export class Running {
  readonly #channel: ClientChannel;
  readonly #moved: Moved;
  /** When the channel is closed, which it is once its output was taken. */
  readonly closed: Promise<void>;
  #over = false;
  #dropping = false;
  #ended: Ended | undefined;
  bytesUp = 0;
  bytesDown = 0;

  constructor(channel: ClientChannel, moved: Moved) {
    this.#channel = channel;
    this.#moved = moved;
    channel.on('exit', (code: number | null, name?: string) => {
      this.#ended = code === null ? { signal: (name ?? 'KILL').replace(/^SIG/, '') } : { code };
    });
    channel.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      channel.once('close', () => {
        this.#over = true;
        resolve();
      });
    });
  }

  /** How it ended, as soon as the server has said so; there may be output that nobody has taken. */
  get ended(): Ended | undefined {
    return this.#ended;
  }

  /** Takes input; waits for a command that does not read. */
  write(bytes: Buffer): Promise<void> {
    if (this.#over || bytes.length === 0) return Promise.resolve();
    this.bytesUp += bytes.length;
    this.#moved('up', bytes.length);
    const channel = this.#channel;
    return new Promise((resolve) => {
      // The library forgets a write into a channel that is closing.
      channel.once('close', resolve);
      channel.write(bytes, () => {
        channel.off('close', resolve);
        resolve();
      });
    });
  }

  endOfInput(): void {
    this.#channel.end();
  }

  resize(rows: number, columns: number): void {
    sendResize(this.#channel, rows, columns);
  }

  signal(name: string): void {
    sendSignal(this.#channel, name);
  }

  /** Resolves when all output was taken or dropped. */
  async carry(take: Take): Promise<void> {
    await Promise.all([this.#flow(this.#channel, 'stdout', take), this.#flow(this.#channel.stderr, 'stderr', take)]);
  }

  /** What comes from now on is read and dropped: nobody takes it any more. */
  drop(): void {
    this.#dropping = true;
    this.#channel.resume();
    this.#channel.stderr.resume();
  }

  /** Tells the command that nobody is there any more, and closes the channel. */
  hangUp(): void {
    this.drop();
    hangUp(this.#channel);
  }

  #flow(stream: Readable, from: 'stdout' | 'stderr', take: Take): Promise<void> {
    return new Promise((resolve) => {
      stream.once('end', resolve);
      stream.on('data', (bytes: Buffer) => {
        this.bytesDown += bytes.length;
        this.#moved('down', bytes.length);
        if (this.#dropping) return;
        const taken = take(bytes, from);
        if (!taken) return;
        stream.pause();
        void taken.then(() => stream.resume());
      });
    });
  }
}
