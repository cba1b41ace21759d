import { basename, join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { type Disk, errnoOf, type Identity } from './disk.ts';
import { MAX_VAULT_BYTES } from './limits.ts';

export const VAULT_FILE = 'vault.broker';

/** What a save leaves in `.bak`: the generation before, or (after a change of password or slots) the new one too. */
export type Previous = 'previous' | 'same';

/**
 * `vault.broker` in the broker's home and the files around it:
 *
 *     vault.broker           the vault, never absent once it exists
 *     vault.broker.bak       the generation before
 *     vault.broker.tmp       the next generation while it is written
 *     vault.broker.bak.tmp   the next .bak, for a moment
 *     vault.broker.damaged   a broken vault that a restore replaced
 *
 * The caller holds the home's lock (lock.ts) and runs one operation at a time.
 */
export class VaultFile {
  readonly #disk: Disk;
  readonly #home: string;
  readonly #vault: string;
  readonly #bak: string;
  readonly #tmp: string;
  readonly #bakTmp: string;
  readonly #damaged: string;
  /** The file as this process last read or wrote it. */
  #known: Identity | undefined;

  constructor(home: string, disk: Disk) {
    this.#disk = disk;
    this.#home = home;
    this.#vault = join(home, VAULT_FILE);
    this.#bak = `${this.#vault}.bak`;
    this.#tmp = `${this.#vault}.tmp`;
    this.#bakTmp = `${this.#bak}.tmp`;
    this.#damaged = `${this.#vault}.damaged`;
  }

  /**
   * The bytes of the vault file; undefined when there is neither a vault nor a trace of one.
   * @throws BrokerError `corrupt` when the file is missing beside a trace of it, or cannot be read.
   */
  async read(): Promise<Buffer | undefined> {
    const content = await this.#guarded('read', () => this.#disk.read(this.#vault, MAX_VAULT_BYTES));
    this.#known = content?.identity;
    if (content !== undefined) return content.bytes;
    const trace = await this.#trace();
    if (trace !== undefined) throw this.#missing(trace);
    return undefined;
  }

  /** @throws BrokerError `conflict` when there is a vault or any trace of one. */
  async checkNone(): Promise<void> {
    if ((await this.#guarded('read', () => this.#disk.identity(this.#vault))) !== undefined) {
      throw new BrokerError('conflict', 'there is a vault already', { hint: 'open it with: broker unlock' });
    }
    const trace = await this.#trace();
    if (trace !== undefined) throw new BrokerError('conflict', ...this.#missingWords(trace));
  }

  /** Writes the first generation. @throws BrokerError `conflict` as checkNone; nothing is touched then. */
  async create(bytes: Buffer): Promise<void> {
    await this.checkNone();
    await this.#replace(bytes, undefined);
  }

  /**
   * Replaces the vault by its next generation. The change is on the disk when this resolves, and not made when it
   * rejects.
   * @throws BrokerError `conflict` when the file is not the one last read or written; `internal` when the disk refuses.
   */
  async save(bytes: Buffer, previous: Previous): Promise<void> {
    const present = await this.#guarded('read', () => this.#disk.identity(this.#vault));
    if (present === undefined || present !== this.#known) {
      const what = present === undefined ? 'removed' : 'replaced';
      throw new BrokerError('conflict', `the vault file was ${what} while broker was running; nothing was saved`, {
        hint: `put ${this.#vault} back, or lock and unlock to go on with what is there now`,
      });
    }
    await this.#replace(bytes, previous);
  }

  /** The bytes of the vault file as it is now, for a backup; undefined when it is not there. */
  async copy(): Promise<Buffer | undefined> {
    return (await this.#guarded('read', () => this.#disk.read(this.#vault, MAX_VAULT_BYTES)))?.bytes;
  }

  /**
   * Puts another vault's bytes in place. An intact present file becomes `.bak`; a damaged one is set aside instead, so
   * that it does not push out the backup; a missing one leaves the backup alone.
   */
  async restore(bytes: Buffer, presentIsIntact: boolean): Promise<void> {
    const present = await this.#guarded('read', () => this.#disk.identity(this.#vault));
    if (present !== undefined && !presentIsIntact) {
      await this.#guarded('saved', async () => {
        await this.#disk.remove(this.#damaged);
        await this.#disk.link(this.#vault, this.#damaged);
      });
    }
    await this.#replace(bytes, present !== undefined && presentIsIntact ? 'previous' : undefined);
  }

  /** Removes what an interrupted save left. Only for when the vault itself was found intact. */
  async tidy(): Promise<void> {
    await this.#guarded('saved', async () => {
      await this.#disk.remove(this.#tmp);
      await this.#disk.remove(this.#bakTmp);
    });
  }

  async #replace(bytes: Buffer, previous: Previous | undefined): Promise<void> {
    await this.#guarded('saved', async () => {
      const disk = this.#disk;
      try {
        await disk.remove(this.#tmp);
        await disk.create(this.#tmp, bytes);
        if (previous !== undefined) await this.#backUp(bytes, previous);
        await disk.rename(this.#tmp, this.#vault);
      } catch (error) {
        // What stays behind is removed by the next save or start; the first failure is the one to report.
        await Promise.allSettled([disk.remove(this.#tmp), disk.remove(this.#bakTmp)]);
        throw error;
      }
      this.#known = await disk.identity(this.#vault);
      await disk.syncFolder(this.#home);
    });
  }

  /** `.bak` comes first, so that the vault's rename is what decides: after a change of password no old backup survives. */
  async #backUp(bytes: Buffer, previous: Previous): Promise<void> {
    await this.#disk.remove(this.#bakTmp);
    if (previous === 'previous') await this.#disk.link(this.#vault, this.#bakTmp);
    else await this.#disk.create(this.#bakTmp, bytes);
    await this.#disk.rename(this.#bakTmp, this.#bak);
    // rename(2) leaves both names when they are the same file already.
    await this.#disk.remove(this.#bakTmp);
  }

  async #trace(): Promise<string | undefined> {
    for (const path of [this.#bak, this.#tmp, this.#bakTmp, this.#damaged]) {
      if ((await this.#guarded('read', () => this.#disk.identity(path))) !== undefined) return path;
    }
    return undefined;
  }

  #missing(trace: string): BrokerError {
    return new BrokerError('corrupt', ...this.#missingWords(trace));
  }

  #missingWords(trace: string): [message: string, options: { hint: string }] {
    const name = basename(trace);
    return [
      `${VAULT_FILE} is missing, but ${name} is there: broker makes no new vault in its place`,
      {
        hint: `put the vault back (broker restore ${trace}), or if you want none of it, move ${trace} away`,
      },
    ];
  }

  async #guarded<T>(done: 'read' | 'saved', work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof BrokerError) throw error;
      throw diskError(done, error);
    }
  }
}

function diskError(done: 'read' | 'saved', error: unknown): BrokerError {
  const errno = errnoOf(error);
  if (errno === 'ERANGE') {
    return new BrokerError('corrupt', `the vault file is larger than ${MAX_VAULT_BYTES / 1024 / 1024} MiB`, {
      cause: error,
    });
  }
  const why = REASONS[errno] ?? 'the file system refused';
  return new BrokerError('internal', `the vault could not be ${done}: ${why} (${errno || 'no errno'})`, {
    cause: error,
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file size limit is reached',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'something else than a file is in its place',
  EBUSY: 'it is mounted on its own; mount the folder instead',
  ELOOP: 'a symbolic link is in its place',
  EIO: 'the disk reports an error',
};
