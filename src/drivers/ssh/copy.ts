import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import type { Workplace } from './desk.ts';
import type { SftpFiles } from './sftp/files.ts';
import { OPEN_CREATE, OPEN_EXCLUSIVE, OPEN_READ, OPEN_WRITE } from './sftp/wire.ts';

/** Bytes of a path and of a name (PATH_MAX and NAME_MAX of Linux). */
const MAX_PATH_BYTES = 4_096;
const MAX_NAME_BYTES = 255;
/** Bytes of a temporary name beyond the one that it stands for. */
const SUFFIX_BYTES = 24;
/** Nobody else reads what is not whole yet. */
const PRIVATE = 0o600;

export interface UploadOrder {
  /** Where to: a file, or a folder that is there. */
  readonly path: string;
  /** The file's name where `path` is a folder. */
  readonly name: string;
  /** Permission bits; undefined: those of the file that is replaced, else as the server makes files. */
  readonly mode: number | undefined;
  /** For the temporary name, which nobody must be able to guess. */
  readonly nonce: string;
}

export interface Copied {
  readonly path: string;
  readonly bytes: number;
}

export interface RemoteFile {
  /** Its real path. */
  readonly path: string;
  readonly size: number | undefined;
  readonly mode: number | undefined;
}

/**
 * Writes a file that is there whole or not at all: a temporary one beside it, which then takes its name. Whatever goes
 * wrong, the temporary one is removed as long as the server can be reached.
 * @param source the content; that it has ended must mean that it is complete.
 * @throws BrokerError `denied`, `invalid_argument`, `upstream_*`, the signal's reason.
 */
export async function upload(
  { files, note, moved, signal: ended }: Workplace,
  order: UploadOrder,
  source: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<Copied> {
  const asked = { direction: 'up', path: order.path };
  await note({ action: 'ssh.copy', outcome: 'intent', detail: asked });
  let bytes = 0;
  try {
    const { path, mode } = await targetOf(files, order);
    const temporary = besides(path, order.nonce);
    const flags = OPEN_WRITE | OPEN_CREATE | OPEN_EXCLUSIVE;
    const handle = await files.open(temporary, flags, mode === undefined ? undefined : PRIVATE).catch((thrown) => {
      throw about(path, temporary, thrown);
    });
    try {
      const counted = count(until(source, signal, ended), (length) => {
        bytes += length;
        moved('up', length);
      });
      await files.write(handle, temporary, counted);
      if (mode !== undefined) await files.chmod(handle, temporary, mode);
      const synced = await files.sync(handle, temporary);
      await files.close(handle, temporary);
      throwIfAborted(signal);
      await files.rename(temporary, path);
      const detail = { ...asked, path: shown(path), synced };
      await note({ action: 'ssh.copy', outcome: 'ok', bytesUp: bytes, detail });
      return { path: shown(path), bytes };
    } catch (thrown) {
      // It may be closed or gone already; what went wrong before is what is told.
      await files.close(handle, temporary).catch(() => undefined);
      await files.remove(temporary).catch(() => undefined);
      throw about(path, temporary, thrown);
    }
  } catch (thrown) {
    throw await failed(note, asked, { bytesUp: bytes }, thrown);
  }
}

/**
 * Reads a file from its beginning to its end. Yields what it is, then its content; closes it in the end.
 * @throws BrokerError `denied`, `upstream_*`, the signal's reason.
 */
export async function* download(
  { files, note, moved, signal: ended }: Workplace,
  asked: string,
  signal: AbortSignal,
): AsyncGenerator<RemoteFile | Buffer, void, undefined> {
  const detail = { direction: 'down', path: asked };
  await note({ action: 'ssh.copy', outcome: 'intent', detail });
  let bytes = 0;
  let whole = false;
  try {
    const path = await files.realPath(pathOf(asked));
    const before = await files.stat(path);
    if (before) refuseOthers(before.type, path);
    const handle = await files.open(path, OPEN_READ);
    try {
      const { size, mode } = await files.fstat(handle, path);
      yield { path: shown(path), size, mode };
      for await (const data of until(files.read(handle, path), signal, ended)) {
        bytes += data.length;
        moved('down', data.length);
        yield data;
      }
    } finally {
      await files.close(handle, path).catch(() => undefined);
    }
    whole = true;
    await note({ action: 'ssh.copy', outcome: 'ok', bytesDown: bytes, detail: { ...detail, path: shown(path) } });
  } catch (thrown) {
    whole = true;
    throw await failed(note, detail, { bytesDown: bytes }, thrown);
  } finally {
    // Whoever takes it has left in the middle.
    if (!whole) await failed(note, detail, { bytesDown: bytes }, new BrokerError('client_gone', 'the client left'));
  }
}

/** The file that is meant, links followed, and the permissions that it is to have. */
async function targetOf(
  files: SftpFiles,
  order: UploadOrder,
): Promise<{ readonly path: string; readonly mode: number | undefined }> {
  const asked = pathOf(order.path);
  let path = await files.realPath(asked);
  let there = await files.stat(path);
  if (there?.type === 'folder') {
    path = await files.realPath(`${path === '/' ? '' : path}/${nameOf(order.name)}`);
    there = await files.stat(path);
  } else if (asked.endsWith('/')) throw refusal(path, 'there is no such folder');
  if (there) refuseOthers(there.type, path);
  return { path, mode: order.mode ?? there?.mode };
}

function refuseOthers(type: string, path: string): void {
  if (type === 'folder') throw refusal(path, 'this is a folder, and folders are not copied');
  if (type !== 'file') throw refusal(path, 'this is not a regular file');
}

/** `.NAME.NONCE.part`, in the same folder, short enough for a name. */
function besides(path: string, nonce: string): string {
  const at = path.lastIndexOf('/') + 1;
  return `${path.slice(0, at)}.${path.slice(at, at + MAX_NAME_BYTES - SUFFIX_BYTES)}.${nonce}.part`;
}

/** A path of the caller's as SFTP has it. */
function pathOf(text: string): string {
  const path = Buffer.from(text, 'utf8').toString('latin1');
  if (path.length > MAX_PATH_BYTES || /[\0]/.test(path))
    throw new BrokerError('invalid_argument', `the path must have at most ${MAX_PATH_BYTES} bytes, and no NUL`);
  return path;
}

function nameOf(text: string): string {
  const name = pathOf(text);
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.length > MAX_NAME_BYTES)
    throw new BrokerError('invalid_argument', 'a file needs a name of its own when it is copied into a folder');
  return name;
}

function shown(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

function refusal(path: string, why: string): BrokerError {
  return new BrokerError('upstream_refused', `${shown(path)}: ${why}`, { hop: 'session' });
}

/** What went wrong with the temporary file, as of the one that it stands for: nobody asked for the other. */
function about(path: string, temporary: string, thrown: unknown): unknown {
  if (!(thrown instanceof BrokerError) || !thrown.message.includes(shown(temporary))) return thrown;
  return new BrokerError(thrown.code, thrown.message.replaceAll(shown(temporary), shown(path)), {
    cause: thrown,
    ...(thrown.hop && { hop: thrown.hop }),
    ...(thrown.hint && { hint: thrown.hint }),
  });
}

async function failed(
  note: Workplace['note'],
  detail: { readonly direction: string; readonly path: string },
  moved: { readonly bytesUp?: number; readonly bytesDown?: number },
  thrown: unknown,
): Promise<BrokerError> {
  const malformed = thrown instanceof RangeError;
  const error = malformed
    ? new BrokerError('upstream_protocol', 'the server sent an SFTP answer that does not fit', { cause: thrown })
    : toBrokerError(thrown);
  const outcome = error.code === 'denied' ? 'denied' : 'failed';
  await note({ action: 'ssh.copy', outcome, code: error.code, message: error.message, ...moved, detail });
  return error;
}

async function* count(
  source: AsyncIterable<Buffer>,
  moved: (bytes: number) => void,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const bytes of source) {
    moved(bytes.length);
    yield bytes;
  }
}

/** The same, but for a source that stops without a word when one of the signals aborts. */
async function* until(
  source: AsyncIterable<Buffer>,
  ...signals: readonly AbortSignal[]
): AsyncGenerator<Buffer, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let fail: (error: BrokerError) => void = () => undefined;
  const listeners = signals.map((signal) => [signal, () => fail(toBrokerError(signal.reason))] as const);
  for (const [signal, listener] of listeners) signal.addEventListener('abort', listener, { once: true });
  try {
    for (;;) {
      for (const signal of signals) throwIfAborted(signal);
      // Not a race with one promise for all: that would keep something of every chunk until the end.
      const next = await new Promise<IteratorResult<Buffer, unknown>>((resolve, reject) => {
        fail = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done) break;
      yield next.value;
    }
    for (const signal of signals) throwIfAborted(signal);
  } finally {
    for (const [signal, listener] of listeners) signal.removeEventListener('abort', listener);
  }
}
