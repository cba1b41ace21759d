import type { ClientChannel } from 'ssh2';
import type { SessionNote } from '../../core/driver.ts';
import type { Output } from './output.ts';
import { hangUp } from './packet.ts';

/** What all channels of a session have moved, and the channels that are open. */
export class Traffic {
  readonly note: (note: SessionNote) => Promise<void>;
  bytesUp = 0;
  bytesDown = 0;
  /** When the last byte moved, by performance.now(). */
  at = performance.now();
  readonly #open = new Set<Output>();
  readonly #running = new Set<ClientChannel>();
  #emptied: (() => void)[] = [];

  constructor(note: (note: SessionNote) => Promise<void>) {
    this.note = note;
  }

  /** Channels that are open. */
  get live(): number {
    return this.#open.size;
  }

  moved(direction: 'up' | 'down', bytes: number): void {
    this.at = performance.now();
    if (direction === 'up') this.bytesUp += bytes;
    else this.bytesDown += bytes;
  }

  /** @returns what the channel says when it is over. */
  enter(channel: Output): () => void {
    this.#open.add(channel);
    return () => {
      this.#open.delete(channel);
      if (this.#open.size === 0) for (const wake of this.#emptied.splice(0)) wake();
    };
  }

  /** Resolves when no channel is open. */
  async idle(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#emptied.push(resolve));
  }

  /** @returns what is called when the server has closed the channel. */
  running(channel: ClientChannel): () => void {
    this.#running.add(channel);
    return () => this.#running.delete(channel);
  }

  /** Tells what still runs on the server that nobody is there any more, and closes its channels: others' stay. */
  hangUp(): void {
    for (const channel of this.#running) hangUp(channel);
  }

  /** Lets go of clients that do not read. */
  abandon(): void {
    for (const channel of this.#open) channel.abandon();
  }
}
