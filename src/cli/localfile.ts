import { randomBytes } from 'node:crypto';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { isMissing } from './place.ts';
import { reasonOf } from './reason.ts';

/** Bytes of a name, less what a temporary one adds (NAME_MAX of Linux is 255). */
const MAX_NAME_BYTES = 230;
const CHUNK_BYTES = 256 * 1024;
const PRIVATE = 0o600;

/** What went wrong at this end of a copy: the copy's own failure, as cp and scp exit for it, not broker's. */
export class LocalFileError extends BrokerError {
  readonly exitCode = 1;

  constructor(path: string, why: string, cause?: unknown) {
    super('invalid_argument', `${path}: ${why}`, { cause });
  }
}

export interface Source extends AsyncDisposable {
  /** Its name in a folder; empty for standard input. */
  readonly name: string;
  readonly size: number | undefined;
  readonly mode: number | undefined;
  chunks(): AsyncIterable<Buffer>;
}

/** A local file to be sent, `-` for standard input. @throws LocalFileError */
export async function openSource(path: string): Promise<Source> {
  if (path === '-') {
    return {
      name: '',
      size: undefined,
      mode: undefined,
      chunks: () => process.stdin,
      [Symbol.asyncDispose]: async () => void process.stdin.destroy(),
    };
  }
  const file = await doing(path, () => open(path, 'r'));
  try {
    const about = await doing(path, () => file.stat());
    if (about.isDirectory()) throw new LocalFileError(path, 'this is a folder, and folders are not copied');
    const regular = about.isFile();
    return {
      name: basename(path),
      size: regular ? about.size : undefined,
      mode: regular ? about.mode & 0o777 : undefined,
      chunks: () => read(path, file),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

export interface Target {
  write(bytes: Buffer): Promise<void>;
  /** It is whole: it takes its name. */
  finish(): Promise<void>;
  /** It is not: nothing of it stays. */
  abandon(): Promise<void>;
}

/**
 * Where a file is received: `-` for standard output, a folder, or a file, which is then replaced by one that is whole
 * (a temporary one beside it, with its own permissions, synced). Devices and pipes are written to as they are.
 * @param name of the file where `path` is a folder. @param mode undefined: as this user makes files.
 * @throws LocalFileError
 */
export async function openTarget(path: string, name: string, mode: number | undefined): Promise<Target> {
  if (path === '-') return standardOutput();
  let target = path;
  let about = await look(target);
  if (about?.isDirectory()) {
    target = join(target, basename(name));
    about = await look(target);
    if (about?.isDirectory()) throw new LocalFileError(target, 'this is a folder');
  } else if (path.endsWith('/')) throw new LocalFileError(path, 'there is no such folder');
  if (about && !about.isFile()) return await special(target);
  // Through links to the file that they mean, as cp does it.
  const real = about ? await doing(target, () => realpath(target)) : target;
  const short = Buffer.from(basename(real))
    .subarray(0, MAX_NAME_BYTES)
    .toString('utf8')
    .replace(/\ufffd+$/, '');
  const temporary = join(dirname(real), `.${short}.${randomBytes(6).toString('hex')}.part`);
  const file = await doing(target, () => open(temporary, 'wx', mode === undefined ? 0o666 : PRIVATE));
  const abandon = async (): Promise<void> => {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
  };
  return {
    write: (bytes) => doing(target, () => writeAll(file, bytes)),
    abandon,
    async finish() {
      try {
        await doing(target, async () => {
          if (mode !== undefined) await file.chmod(mode);
          await file.sync();
          await file.close();
          await rename(temporary, real);
        });
      } catch (error) {
        await abandon();
        throw error;
      }
      await syncFolder(dirname(real));
    },
  };
}

async function special(path: string): Promise<Target> {
  const file = await doing(path, () => open(path, 'w'));
  const close = (): Promise<void> => file.close();
  return { write: (bytes) => doing(path, () => writeAll(file, bytes)), finish: close, abandon: close };
}

function standardOutput(): Target {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    finish: nothing,
    abandon: nothing,
  };
}

async function* read(path: string, file: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    // A fresh one each time: the last may still be on its way.
    const { bytesRead, buffer } = await doing(path, () => file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

/** The name itself is on the disk only then. Folders that cannot be opened so are left to the system. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

async function look(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw wrong(path, error);
  }
}

async function doing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw wrong(path, error);
  }
}

function wrong(path: string, cause: unknown): LocalFileError {
  return new LocalFileError(path, reasonOf(cause), cause);
}
