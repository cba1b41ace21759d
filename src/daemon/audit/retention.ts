import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ACTIVE, linesOf, logNames, openLogFile } from './files.ts';
import { type Mark, parseLine } from './line.ts';

/** Which of the oldest files are too many, and what the log's next record has to say of them. */
export interface Retirement {
  /** File names, oldest first. */
  readonly files: readonly string[];
  /** Where the chain begins without them, so that verify can tell retention from theft. */
  readonly detail: Readonly<Record<string, string | number>>;
}

/** @param keep how many rotated files stay. */
export async function retirement(folder: string, keep: number): Promise<Retirement> {
  const names = (await logNames(folder)).filter((name) => name !== ACTIVE);
  const files = names.slice(0, Math.max(0, names.length - keep));
  const begins = await beginning(folder, names[files.length]);
  // With that damaged, verify could not tell why the older ones went: they stay until an operator has looked.
  if (files.length === 0 || !begins) return { files: [], detail: { removed_files: 0 } };
  const detail = { removed_files: files.length, removed_through: begins.seq, removed_hash: begins.hash };
  return { files, detail };
}

/** Removes them; to be called only when the record of it is on disk. */
export async function retire(folder: string, { files }: Retirement): Promise<void> {
  if (files.length === 0) return;
  for (const name of files) await rm(join(folder, name));
  await syncFolder(folder);
}

/** Renames and removals within a folder are on disk when it resolves. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

/** The record before the first one of a file; undefined when that one is damaged. */
async function beginning(folder: string, name: string | undefined): Promise<Mark | undefined> {
  if (name === undefined) return undefined;
  await using file = await openLogFile(folder, name);
  for await (const line of linesOf(file)) {
    const record = parseLine(line.bytes);
    return record && { seq: record.seq - 1, hash: record.prev };
  }
  return undefined;
}
