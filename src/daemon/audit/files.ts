import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_LINE_BYTES, seqOf } from './line.ts';

/** The file that is written to; older ones are `audit.log.1` (the newest of them), `audit.log.2` and so on. */
export const ACTIVE = 'audit.log';
const READ_BYTES = 64 * 1024;
const LF = 10;

/** One file of the log, held open: rotating or removing it does not disturb whoever reads. */
export interface LogFile extends AsyncDisposable {
  readonly name: string;
  readonly handle: FileHandle;
  /** Bytes that count; what is written behind them is not part of the reading. */
  readonly end: number;
  /** The first record's number; undefined for an empty file, or one whose first line is damaged. */
  readonly firstSeq: number | undefined;
}

export interface Line {
  /** Without the line feed; cut off where the line is longer than MAX_LINE_BYTES. */
  readonly bytes: Buffer;
  /** Counted from 1 where the reading started. */
  readonly number: number;
  /** Offset in the file of the first byte, and of the one behind the line feed. */
  readonly start: number;
  readonly next: number;
  /** False for a last line that has no line feed. */
  readonly terminated: boolean;
}

/** Names of the log's files in the folder, oldest first, the active one (if it is there) last. */
export async function logNames(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /^audit\.log(\.[1-9][0-9]{0,5})?$/.test(name));
  return names.sort((a, b) => ageOf(b) - ageOf(a));
}

/** 0 for the active file, then 1, 2 and so on. */
export function ageOf(name: string): number {
  return name === ACTIVE ? 0 : Number(name.slice(ACTIVE.length + 1));
}

export async function openLogFile(folder: string, name: string, end?: number): Promise<LogFile> {
  const handle = await open(join(folder, name), 'r');
  try {
    const front = Buffer.alloc(32);
    await handle.read(front, 0, front.length, 0);
    const size = end ?? (await handle.stat()).size;
    return { name, handle, end: size, firstSeq: seqOf(front), [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The lines of a file from `start` on, holding no more than one of them and one block in memory. */
export async function* linesOf(file: Pick<LogFile, 'handle' | 'end'>, start = 0): AsyncGenerator<Line> {
  const block = Buffer.alloc(READ_BYTES);
  let kept: Buffer = Buffer.alloc(0);
  let lineStart = start;
  let number = 0;
  for (let at = start; at < file.end; ) {
    const { bytesRead } = await file.handle.read(block, 0, Math.min(block.length, file.end - at), at);
    if (bytesRead === 0) break;
    let from = 0;
    for (let lf = block.indexOf(LF); lf >= 0 && lf < bytesRead; lf = block.indexOf(LF, from)) {
      const bytes = joined(kept, block.subarray(from, lf));
      number += 1;
      yield { bytes, number, start: lineStart, next: at + lf + 1, terminated: true };
      kept = Buffer.alloc(0);
      from = lf + 1;
      lineStart = at + from;
    }
    kept = joined(kept, block.subarray(from, bytesRead));
    at += bytesRead;
  }
  if (kept.length > 0)
    yield { bytes: kept, number: number + 1, start: lineStart, next: lineStart + kept.length, terminated: false };
}

/** A copy, since the block is read into again; one byte above the limit is kept, to show that the line is too long. */
function joined(kept: Buffer, more: Buffer): Buffer {
  const room = MAX_LINE_BYTES + 1 - kept.length;
  return room <= 0 ? kept : Buffer.concat([kept, more.subarray(0, room)]);
}
