import { BrokerError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { Contents } from './contents.ts';
import type { Previous, VaultFile } from './file.ts';
import { decodeImage, type Header, type Image } from './format.ts';

export type VaultState = 'absent' | 'locked' | 'unlocked';

/**
 * What the vault knows right now: absent, locked or unlocked, and the one way from each to the next. Memory follows the
 * disk: new contents are taken over only after the file has them.
 */
export class Store {
  readonly #file: VaultFile;
  readonly #onLock = new Set<() => void>();
  /** The header as last read or written, also while locked. */
  #header: Header | undefined;
  #damage: BrokerError | undefined;
  #contents: Contents | undefined;
  #locks = 0;

  constructor(file: VaultFile) {
    this.#file = file;
  }

  get state(): VaultState {
    if (this.#contents !== undefined) return 'unlocked';
    return this.#header === undefined && this.#damage === undefined ? 'absent' : 'locked';
  }

  get header(): Header | undefined {
    return this.#header;
  }

  get damage(): BrokerError | undefined {
    return this.#damage;
  }

  /** Counts locks: work that waits compares it, so that a lock is never undone by what began before it. */
  get locks(): number {
    return this.#locks;
  }

  get contents(): Contents | undefined {
    return this.#contents;
  }

  /** The contents. @throws BrokerError `locked`, or what is wrong with the file. */
  unlocked(): Contents {
    if (this.#contents !== undefined) return this.#contents;
    if (this.#damage !== undefined) throw this.#damage;
    throw this.#header === undefined ? noVault() : lockedNow();
  }

  /**
   * Reads the file anew; undefined when there is no vault.
   * @throws BrokerError what is wrong with the file, noted as `damage` too.
   */
  async load(): Promise<Image | undefined> {
    try {
      const bytes = await this.#file.read();
      const image = bytes === undefined ? undefined : decodeImage(bytes);
      this.#header = image?.header;
      this.#damage = undefined;
      return image;
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** As `load`, but damage is only noted. Removes what an interrupted save left beside an intact file. */
  async survey(): Promise<void> {
    try {
      if ((await this.load()) !== undefined) await this.#file.tidy();
    } catch (error) {
      if (error !== this.#damage) throw error;
    }
  }

  /** Decrypts what `load` gave, taking over `dataKey`. @throws BrokerError `corrupt`, noted as `damage` too. */
  decrypt(image: Image, dataKey: Secret): Contents {
    try {
      return Contents.decrypt(image, dataKey);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /**
   * Unlocks with `contents`, which the disk has.
   * @param locksBefore `locks` when this was begun
   * @throws BrokerError `cancelled` when the vault was locked since then.
   */
  enter(contents: Contents, locksBefore: number): void {
    this.#header = contents.header;
    this.#damage = undefined;
    if (locksBefore === this.#locks) {
      this.#contents = contents;
      return;
    }
    contents.keys[Symbol.dispose]();
    throw lockedMeanwhile();
  }

  /** Saves the next generation and takes it over, unless the vault was locked meanwhile: then the disk alone has it. */
  async commit(next: Contents, previous: Previous): Promise<void> {
    const before = this.unlocked();
    const rekeyed = before.keys !== next.keys;
    try {
      await this.#file.save(next.encrypt(), previous);
    } catch (error) {
      if (rekeyed) next.keys[Symbol.dispose]();
      throw error;
    }
    this.#header = next.header;
    const stillUnlocked = this.#contents === before;
    if (stillUnlocked) this.#contents = next;
    if (rekeyed) (stillUnlocked ? before : next).keys[Symbol.dispose]();
  }

  /** Puts the bytes of another vault, which begin with `header`, in the place of this one, and locks. */
  async replace(bytes: Buffer, header: Header): Promise<void> {
    await this.survey();
    await this.#file.restore(bytes, this.#damage === undefined);
    this.#header = header;
    this.#damage = undefined;
    this.lock();
  }

  lock(): void {
    this.#locks++;
    const contents = this.#contents;
    if (contents === undefined) return;
    this.#contents = undefined;
    contents.keys[Symbol.dispose]();
    const failures: unknown[] = [];
    for (const listener of [...this.#onLock]) {
      try {
        listener();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'the vault is locked, but telling so failed');
  }

  onLock(listener: () => void): () => void {
    this.#onLock.add(listener);
    return () => this.#onLock.delete(listener);
  }

  #noted(error: unknown): unknown {
    if (error instanceof BrokerError) {
      this.#header = undefined;
      this.#damage = error;
    }
    return error;
  }
}

export function noVault(): BrokerError {
  return new BrokerError('locked', 'there is no vault yet', { hint: 'make one with: broker up' });
}

export function lockedMeanwhile(): BrokerError {
  return new BrokerError('cancelled', 'the vault was locked again while it was being opened');
}

function lockedNow(): BrokerError {
  return new BrokerError('locked', 'the vault is locked', { hint: 'unlock it with: broker unlock' });
}
