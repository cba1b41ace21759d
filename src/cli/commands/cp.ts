import { constants } from 'node:os';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { UploadRequest } from '../../core/proto/broker/v1/UploadRequest.ts';
import { OWN_FAILURE } from '../exitcode.ts';
import { openSource, openTarget, type Source, type Target } from '../localfile.ts';
import { sayError } from '../output.ts';
import { openClient } from '../place.ts';
import { Progress } from '../progress.ts';

export interface CopyFlags {
  readonly recursive?: boolean;
  readonly quiet?: boolean;
  readonly reason?: string;
}

interface Place {
  readonly service: string;
  readonly path: string;
}

/**
 * `broker cp SRC DST`: one of the two is NAME:PATH, a file on the server of an ssh service.
 * @returns 0; 1 where a file cannot be read or written, here or there; 125 for what broker refuses or fails itself;
 *   128 and the signal's number when we were interrupted.
 * @throws BrokerError `invalid_argument` for words that cannot be meant.
 */
export async function cp(from: string, to: string, flags: CopyFlags): Promise<number> {
  const [source, target] = [placeOf(from), placeOf(to)];
  if (flags.recursive)
    throw new BrokerError('invalid_argument', 'folders are not copied', {
      hint: 'rsync and scp -r can do that through a session: broker ssh-config',
    });
  if (source && target)
    throw new BrokerError('invalid_argument', 'both are on servers; copy to this machine first, or to - and from -');
  if (!source && !target)
    throw new BrokerError('invalid_argument', 'neither is on a server', {
      hint: 'broker cp FILE NAME:PATH, or broker cp NAME:PATH FILE; a file here with a colon in it is ./FILE',
    });
  const stop = new AbortController();
  let interrupted: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interrupted = signal;
    stop.abort(new BrokerError('cancelled', 'interrupted'));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  try {
    if (target) await upload(from, target, flags, stop.signal);
    else if (source) await download(source, to, flags, stop.signal);
    return 0;
  } catch (thrown) {
    if (interrupted) return 128 + constants.signals[interrupted];
    const error = toBrokerError(thrown);
    sayError(error);
    if (error.code === 'internal' && process.env.BROKER_DEBUG) console.error(error.cause);
    // What the server or this machine says about the files is the copy's own failure; all else is broker's.
    if ('exitCode' in error && typeof error.exitCode === 'number') return error.exitCode;
    return error.code === 'upstream_refused' ? 1 : OWN_FAILURE;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
  }
}

/** NAME:PATH as scp reads it: a colon before any slash. */
function placeOf(word: string): Place | undefined {
  const match = /^([a-zA-Z0-9][a-zA-Z0-9._-]*):(.*)$/s.exec(word);
  if (match) return { service: match[1] ?? '', path: match[2] || '.' };
  return undefined;
}

async function upload(from: string, to: Place, flags: CopyFlags, signal: AbortSignal): Promise<void> {
  await using source = await openSource(from);
  using progress = new Progress(source.name || to.path, source.size, flags.quiet ?? false);
  using client = openClient();
  let broken: unknown;
  async function* requests(): AsyncGenerator<UploadRequest, void, undefined> {
    try {
      yield { start: startOf(to, source, flags) };
      for await (const data of source.chunks()) {
        yield { data };
        progress.add(data.length);
      }
      yield { done: true };
    } catch (error) {
      broken = error;
      throw error;
    }
  }
  try {
    await client.ssh.upload(requests(), { signal });
  } catch (error) {
    // The call was cancelled since there is no more to send: why is what counts.
    throw broken ?? error;
  }
}

function startOf({ service, path }: Place, { name, mode }: Source, { reason }: CopyFlags) {
  return { service, path, name, reason: reason ?? '', ...(mode !== undefined && { mode }) };
}

async function download(from: Place, to: string, flags: CopyFlags, signal: AbortSignal): Promise<void> {
  using client = openClient(undefined, { receiveMuch: true });
  let target: Target | undefined;
  let progress: Progress | undefined;
  try {
    for await (const { file, data } of client.ssh.download({ ...from, reason: flags.reason ?? '' }, { signal })) {
      if (file) {
        const name = file.path.slice(file.path.lastIndexOf('/') + 1);
        target = await openTarget(to, name, file.mode === undefined ? undefined : file.mode & 0o777);
        progress = new Progress(name, Number(file.size), flags.quiet ?? false);
      } else if (data && target) {
        await target.write(data);
        progress?.add(data.length);
      }
    }
    if (!target) throw new BrokerError('upstream_protocol', 'the daemon sent no file');
    await target.finish();
  } catch (error) {
    await target?.abandon();
    throw error;
  } finally {
    progress?.[Symbol.dispose]();
  }
}
