import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AuditEvent } from '../../core/audit.ts';
import { BrokerError } from '../../core/errors.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { Batch } from './batch.ts';
import { ACTIVE, ageOf, type LogFile, logNames, openLogFile } from './files.ts';
import { chainLine, type Mark } from './line.ts';
import { recover, writeAll } from './recovery.ts';
import { retire, retirement, syncFolder } from './retention.ts';

export interface ChainOptions {
  /** Where audit.log is; made 0700 where it is missing. */
  readonly folder: string;
  readonly clock?: Clock;
  /** Bytes from which on the next record starts a new file. */
  readonly maxBytes?: number;
  /** How many rotated files stay. */
  readonly keepFiles?: number;
}

/** The files at one moment, to read at leisure. */
export interface Snapshot extends AsyncDisposable {
  /** Oldest first. */
  readonly files: readonly LogFile[];
  /** The last record that was written. */
  readonly last: Mark;
}

export const MAX_FILE_BYTES = 16 * 1024 * 1024;
export const KEEP_FILES = 20;
/** Within this a written record is on disk, when nobody waits for it (MECHANISMS §7). */
const SYNC_MS = 100;
/** Records written in one go. */
const MAX_BATCH = 1_000;
/** A batch of this many says that many more come: they are gathered for that long (ms), unless somebody waits for the disk. */
const BUSY_BATCH = 4;
const GATHER_MS = 5;
const FILE_MODE = 0o600;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
/** Folders that a chain of this process writes to. Other processes are kept out by the lock of the home folder. */
const taken = new Set<string>();

/**
 * The log's writer: numbers and chains the records, writes those of concurrent callers together, shares one fdatasync among
 * them, rotates. Fails closed: a record that cannot be written is its caller's error, and nothing is appended to a file
 * that somebody else has changed.
 */
export class Chain {
  readonly folder: string;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #keepFiles: number;
  #handle: FileHandle;
  /** What the active file must be before the next write: this inode, with this many bytes. */
  #inode = 0;
  #size = 0;
  #last: Mark;
  #unsynced = false;
  #syncTimer: Timer | undefined;
  /** The last one is still being filled. */
  readonly #batches: Batch[] = [];
  /** Ends the wait for more records. */
  #hurry: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #lock: Promise<unknown> = Promise.resolve();
  #problem: BrokerError | undefined;
  #closed = false;
  #rotations = 0;
  readonly #watchers = new Set<() => void>();

  private constructor(options: ChainOptions, handle: FileHandle, last: Mark) {
    this.folder = resolve(options.folder);
    this.#clock = options.clock ?? systemClock;
    this.#maxBytes = options.maxBytes ?? MAX_FILE_BYTES;
    this.#keepFiles = Math.max(1, options.keepFiles ?? KEEP_FILES);
    this.#handle = handle;
    this.#last = last;
  }

  /**
   * Opens the log where it ends; the end of a broken-off write is set aside, and that is recorded.
   * @throws BrokerError `conflict` when this process has it open already; what the file system throws.
   */
  static async open(options: ChainOptions): Promise<Chain> {
    const folder = resolve(options.folder);
    if (taken.has(folder)) throw new BrokerError('conflict', 'the audit log is open already');
    taken.add(folder);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await rm(join(folder, `${ACTIVE}.new`), { force: true });
      const { last, torn } = await recover(folder);
      const chain = new Chain(options, await open(join(folder, ACTIVE), APPEND, FILE_MODE), last);
      await chain.#remember();
      await syncFolder(folder);
      if (torn) {
        await chain.append(
          { action: 'audit.repair', outcome: 'ok', caller: { transport: 'internal' }, detail: { ...torn } },
          true,
        );
      }
      return chain;
    } catch (error) {
      taken.delete(folder);
      throw error;
    }
  }

  /** The last record that is in the file. */
  get last(): Mark {
    return this.#last;
  }

  /** Why the last attempt to write failed; undefined while all is well. */
  get problem(): BrokerError | undefined {
    return this.#problem;
  }

  /** How often a new file was started since `open`. */
  get rotations(): number {
    return this.#rotations;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Adds a record. Resolves when it is on disk (`synced`) or in the file (on disk within SYNC_MS).
   * @throws BrokerError `unavailable` when it cannot be written or the log is closed; `corrupt` when somebody else changed it.
   */
  append(event: AuditEvent, synced: boolean): Promise<void> {
    if (this.#closed) return Promise.reject(new BrokerError('unavailable', 'the audit log is closed'));
    let batch = this.#batches.at(-1);
    if (!batch || batch.events.length >= MAX_BATCH) {
      batch = new Batch();
      this.#batches.push(batch);
    }
    batch.events.push(event);
    const done = batch.wait(synced);
    if (synced || this.#batches.length > 1) this.#hurry?.();
    this.#writing ??= this.#writeAll();
    return done;
  }

  /** Runs `work` while nothing is written. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lock.then(work);
    // The failure is the caller's; the next in line only waits for the end.
    this.#lock = result.catch(() => undefined);
    return result;
  }

  /** Everything written so far is on disk when it resolves; to be called within `exclusively`. */
  async sync(): Promise<void> {
    this.#syncTimer?.cancel();
    this.#syncTimer = undefined;
    if (!this.#unsynced) return;
    await this.#handle.datasync();
    this.#unsynced = false;
  }

  /** The files as they are now, from the one that holds record `fromSeq` on; dispose to close them. */
  async snapshot(fromSeq = 1): Promise<Snapshot> {
    // Whoever reads finds what was recorded before, written or not yet; that it could not be written is its author's to hear.
    await this.#batches
      .at(-1)
      ?.wait(false)
      .catch(() => undefined);
    return await this.exclusively(async () => {
      const files: LogFile[] = [];
      const close = async (): Promise<void> => {
        for (const file of files) await file[Symbol.asyncDispose]();
      };
      try {
        for (const name of (await logNames(this.folder)).reverse()) {
          const file = await openLogFile(this.folder, name, name === ACTIVE ? this.#size : undefined);
          files.unshift(file);
          if (file.firstSeq !== undefined && file.firstSeq <= fromSeq) break;
        }
      } catch (error) {
        await close();
        throw error;
      }
      return { files, last: this.#last, [Symbol.asyncDispose]: close };
    });
  }

  /** Calls `fn` after every write and at close. @returns how to stop that. */
  watch(fn: () => void): () => void {
    this.#watchers.add(fn);
    return () => this.#watchers.delete(fn);
  }

  /** Writes what waits, syncs, closes. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#hurry?.();
    await this.#writing;
    try {
      await this.exclusively(async () => {
        await this.sync();
        await this.#handle.close();
      });
    } finally {
      taken.delete(this.folder);
      this.#tell();
    }
  }

  async #writeAll(): Promise<void> {
    // One turn later, so that callers of the same moment share the first write too.
    await Promise.resolve();
    for (let written = 0; this.#batches.length > 0 || written >= BUSY_BATCH; ) {
      if (written >= BUSY_BATCH) await this.#gather();
      written = await this.exclusively(() => this.#commit());
    }
    this.#writing = undefined;
  }

  /** Under load each write would take a record or two, at the price of a hundred: so it waits for a few, not for long. */
  async #gather(): Promise<void> {
    const [first, second] = this.#batches;
    if (this.#closed || second || first?.demandsSync) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHER_MS);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = undefined;
  }

  /** @returns how many records there were. */
  async #commit(): Promise<number> {
    const [batch] = this.#batches;
    if (!batch) return 0;
    // What is added while the file is looked at goes with it: a session's first records share one sync.
    const take = (): boolean => this.#batches[0] === batch && this.#batches.shift() !== undefined;
    try {
      await this.#checkFile();
      if (this.#size >= this.#maxBytes) await this.#rotate();
      take();
      await this.#write(batch.events);
      batch.written();
      if (batch.demandsSync) await this.sync();
      else this.#syncTimer ??= this.#clock.after(SYNC_MS, () => this.#syncLater());
      batch.synced();
      this.#problem = undefined;
    } catch (error) {
      take();
      this.#problem = asProblem(error);
      batch.failed(this.#problem);
    }
    this.#tell();
    return batch.events.length;
  }

  async #write(events: readonly AuditEvent[]): Promise<void> {
    let last = this.#last;
    const lines: string[] = [];
    for (const event of events) {
      const next = chainLine(event, last, this.#clock.now());
      lines.push(next.line, '\n');
      last = next.mark;
    }
    const bytes = Buffer.from(lines.join(''));
    this.#unsynced = true;
    try {
      await writeAll(this.#handle, bytes);
    } catch (error) {
      // A full disk takes part of a batch: none of it counts, so none of it stays.
      await this.#handle.truncate(this.#size);
      throw error;
    }
    this.#last = last;
    this.#size += bytes.length;
  }

  /** Nobody else writes to the log, removes or replaces it while we run: a chain through such a file would prove nothing. */
  async #checkFile(): Promise<void> {
    const found = await stat(join(this.folder, ACTIVE));
    if (found.ino === this.#inode && found.size === this.#size) return;
    throw new BrokerError('corrupt', `${ACTIVE} was changed by somebody else while broker was running`, {
      hint: 'broker audit verify; then restart the daemon',
    });
  }

  /**
   * Starts a new file. Its first record says which of the oldest ones go, and where the chain then begins, so that verify
   * can tell retention from theft; they are removed only when that is on disk.
   */
  async #rotate(): Promise<void> {
    await this.sync();
    const fresh = await open(join(this.folder, `${ACTIVE}.new`), APPEND | constants.O_TRUNC, FILE_MODE);
    try {
      for (const name of await logNames(this.folder)) {
        await rename(join(this.folder, name), join(this.folder, `${ACTIVE}.${ageOf(name) + 1}`));
      }
      await rename(join(this.folder, `${ACTIVE}.new`), join(this.folder, ACTIVE));
    } catch (error) {
      await fresh.close();
      throw error;
    }
    const old = this.#handle;
    this.#handle = fresh;
    await old.close();
    await this.#remember();
    await syncFolder(this.folder);
    await this.#retire();
    this.#rotations += 1;
  }

  async #retire(): Promise<void> {
    const going = await retirement(this.folder, this.#keepFiles);
    const caller = { transport: 'internal' } as const;
    await this.#write([{ action: 'audit.rotate', outcome: 'ok', caller, detail: going.detail }]);
    if (going.files.length > 0) await this.sync();
    await retire(this.folder, going);
  }

  async #remember(): Promise<void> {
    const { ino, size } = await this.#handle.stat();
    this.#inode = ino;
    this.#size = size;
  }

  #syncLater(): void {
    this.#syncTimer = undefined;
    this.exclusively(() => (this.#closed ? Promise.resolve() : this.sync())).catch((error: unknown) => {
      this.#problem = asProblem(error);
    });
  }

  #tell(): void {
    for (const fn of [...this.#watchers]) fn();
  }
}

function asProblem(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return new BrokerError('unavailable', `the audit log cannot be written${code}`, { cause: error });
}
