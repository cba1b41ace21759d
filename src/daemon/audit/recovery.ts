import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ACTIVE, linesOf, logNames, openLogFile } from './files.ts';
import { GENESIS, type Mark, parseLine } from './line.ts';

/** Bytes that were behind the last whole record, as a crash in the middle of a write leaves them. */
export interface Torn {
  /** Where they are kept now. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Recovered {
  /** The last whole record, which the next one follows. */
  readonly last: Mark;
  readonly torn: Torn | undefined;
}

/**
 * Finds the end of the chain. What stands behind the last whole record of the active file is moved to
 * `audit.torn.NUMBER.HASH` (NUMBER is what the next record gets): nothing is thrown away, and nothing is appended to half a line.
 * Damage further up is left for verify to name.
 */
export async function recover(folder: string): Promise<Recovered> {
  const names = await logNames(folder);
  for (const name of names.reverse()) {
    const { last, end, size } = await lastRecord(folder, name);
    if (name === ACTIVE && size > end) {
      const before = last ?? (await lastOf(folder, names.slice(1)));
      return { last: before, torn: await setAside(folder, before, end, size) };
    }
    if (last) return { last, torn: undefined };
  }
  return { last: GENESIS, torn: undefined };
}

async function lastOf(folder: string, newestFirst: readonly string[]): Promise<Mark> {
  for (const name of newestFirst) {
    const { last } = await lastRecord(folder, name);
    if (last) return last;
  }
  return GENESIS;
}

/** The last line that carries its own hash, and where it ends. */
async function lastRecord(
  folder: string,
  name: string,
): Promise<{ last: Mark | undefined; end: number; size: number }> {
  await using file = await openLogFile(folder, name);
  let last: Mark | undefined;
  let end = 0;
  for await (const line of linesOf(file)) {
    const record = line.terminated ? parseLine(line.bytes) : undefined;
    if (!record) continue;
    last = { seq: record.seq, hash: record.hash };
    end = line.next;
  }
  return { last, end, size: file.end };
}

/** Copies first, cuts then: a crash in between only means doing it again, under the same name. */
async function setAside(folder: string, last: Mark, end: number, size: number): Promise<Torn> {
  await using log = await open(join(folder, ACTIVE), 'r+');
  const hash = createHash('sha256');
  for await (const block of blocksOf(log, end, size)) hash.update(block);
  const sha256 = hash.digest('hex');
  const file = `audit.torn.${last.seq + 1}.${sha256.slice(0, 8)}`;
  await using copy = await open(join(folder, file), 'w', 0o600);
  for await (const block of blocksOf(log, end, size)) await writeAll(copy, block);
  await copy.sync();
  await log.truncate(end);
  await log.sync();
  return { file, bytes: size - end, sha256 };
}

async function* blocksOf(handle: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  const block = Buffer.alloc(64 * 1024);
  for (let at = from; at < to; ) {
    const { bytesRead } = await handle.read(block, 0, Math.min(block.length, to - at), at);
    if (bytesRead === 0) return;
    yield block.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** Writes every byte at the handle's own position; a single write may take fewer. */
export async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done);
    done += bytesWritten;
  }
}
