import type { Disk } from '../../../src/vault/disk.ts';
import { realDisk } from '../../../src/vault/disk.ts';

/** The operations that change something on the disk: a crash can come before or after each. */
export type Operation = 'create' | 'link' | 'rename' | 'remove' | 'syncFolder';

/**
 * The real disk, except that it can be told to fail at the nth changing operation from now: once (a full disk), or from
 * then on for good, as after a power cut. A `create` that fails leaves half of the file behind, as a full disk does.
 */
export class Plug implements Disk {
  /** What was done since `failAt`, in order, with the file's own name. */
  readonly done: [operation: Operation, name: string][] = [];
  /** All bytes that were ever written. */
  readonly written: Buffer[] = [];
  #failAt = Number.POSITIVE_INFINITY;
  #errno = '';
  #forGood = false;

  readonly read = realDisk.read;
  readonly identity = realDisk.identity;

  failAt(operation: number, errno: string, options: { readonly forGood: boolean }): void {
    this.done.length = 0;
    this.#failAt = operation;
    this.#errno = errno;
    this.#forGood = options.forGood;
  }

  async create(path: string, bytes: Buffer): Promise<void> {
    await this.#operation('create', path, () => realDisk.create(path, bytes.subarray(0, bytes.length / 2)));
    this.written.push(bytes);
    await realDisk.create(path, bytes);
  }

  async link(from: string, to: string): Promise<void> {
    await this.#operation('link', to);
    await realDisk.link(from, to);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operation('rename', to);
    await realDisk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#operation('remove', path);
    await realDisk.remove(path);
  }

  async syncFolder(path: string): Promise<void> {
    await this.#operation('syncFolder', path);
    await realDisk.syncFolder(path);
  }

  async #operation(operation: Operation, path: string, leave?: () => Promise<void>): Promise<void> {
    const index = this.done.length;
    this.done.push([operation, path.slice(path.lastIndexOf('/') + 1)]);
    if (index < this.#failAt || (index > this.#failAt && !this.#forGood)) return;
    if (index === this.#failAt) await leave?.();
    throw Object.assign(new Error('the disk failed'), { code: this.#errno });
  }
}
