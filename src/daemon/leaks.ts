import { constants, type Dirent } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokerError, throwIfAborted } from '../core/errors.ts';
import { digestOf, type Found, type Wanted } from '../vault/search.ts';
import type { Caller } from './caller.ts';
import { Rations } from './rations.ts';
import { rootName } from './token.ts';

const MAX_VALUES = 2_000;
const MAX_VALUE_BYTES = 1 << 20;
const CHUNK_BYTES = 1 << 20;
/** Longest secret that is found across the border of two chunks. */
const OVERLAP_BYTES = 1 << 16;
const NONE: ReadonlySet<string> = new Set();

/** The vault as far as it is looked through. */
export interface SearchedVault {
  /** @throws BrokerError `locked`. */
  search(wanted: Wanted): Found;
}

/** Finds stored secrets where none should be, without telling which they are. */
export class Leaks {
  readonly #vault: SearchedVault;
  readonly #rations: Rations;

  constructor(vault: SearchedVault, now: () => number) {
    this.#vault = vault;
    this.#rations = new Rations(now);
  }

  /**
   * Which of the values are a stored secret, whole for whole; a line end behind either does not count.
   * @returns their indexes.
   * @throws BrokerError `locked`, `invalid_argument`, `exhausted`: see Rations.
   */
  among(caller: Caller, values: readonly Buffer[]): number[] {
    if (values.length > MAX_VALUES)
      throw new BrokerError('invalid_argument', `values: more than ${MAX_VALUES} in one call`);
    if (values.some((value) => value.length > MAX_VALUE_BYTES))
      throw new BrokerError('invalid_argument', `values: one is longer than ${MAX_VALUE_BYTES} bytes`);
    this.#rations.take(rootName(caller.token?.name ?? ''), values);
    const digests = values.map(digestOf);
    const found = this.#vault.search({ digests: new Set(digests) }).digests;
    return digests.flatMap((digest, index) => (found.has(digest) ? [index] : []));
  }

  /**
   * The files under `folder` that hold a stored secret as it is. Links are not followed.
   * @returns their paths, from `folder`.
   * @throws BrokerError `locked`, or as the signal says.
   */
  async inFiles(folder: string, signal: AbortSignal): Promise<string[]> {
    const found: string[] = [];
    for (const path of await filesUnder(folder)) {
      throwIfAborted(signal);
      if (await this.#stands(join(folder, path), signal)) found.push(path);
    }
    return found;
  }

  async #stands(path: string, signal: AbortSignal): Promise<boolean> {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(gone);
    if (!file) return false;
    try {
      const buffer = Buffer.alloc(OVERLAP_BYTES + CHUNK_BYTES);
      let kept = 0;
      for (;;) {
        throwIfAborted(signal);
        const { bytesRead } = await file.read(buffer, kept, CHUNK_BYTES, null);
        if (bytesRead === 0) return false;
        const within = buffer.subarray(0, kept + bytesRead);
        if (this.#vault.search({ digests: NONE, within }).within) return true;
        kept = Math.min(OVERLAP_BYTES, within.length);
        buffer.copy(buffer, 0, within.length - kept, within.length);
      }
    } finally {
      await file.close();
    }
  }
}

async function filesUnder(folder: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (inside: string): Promise<void> => {
    const entries: Dirent[] = await readdir(join(folder, inside), { withFileTypes: true });
    for (const entry of entries) {
      const path = join(inside, entry.name);
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) found.push(path);
    }
  };
  await walk('');
  return found.sort();
}

/** A file that was renamed or removed between the listing and the look. */
function gone(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ELOOP') return undefined;
  throw error;
}
