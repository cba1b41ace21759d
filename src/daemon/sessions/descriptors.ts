import { readdir, readFile } from 'node:fs/promises';
import { BrokerError } from '../../core/errors.ts';

/** Descriptors of this process: open ones, and how many it may have. */
export interface DescriptorUse {
  readonly open: number;
  readonly limit: number;
}

/** Share of RLIMIT_NOFILE from which on no session is opened: at the limit libuv closes clients silently (MECHANISMS §2). */
const FULL = 0.9;

let limit: number | undefined;

/** @returns undefined where the system does not say (no /proc). */
export async function descriptorUse(): Promise<DescriptorUse | undefined> {
  try {
    limit ??= parseLimit(await readFile('/proc/self/limits', 'latin1'));
    // The listing itself takes one.
    return { open: (await readdir('/proc/self/fd')).length - 1, limit };
  } catch {
    return undefined;
  }
}

/** @throws BrokerError `exhausted` when there are too few descriptors left to serve another session. */
export function refuseWhenFull(use: DescriptorUse | undefined): void {
  if (use && use.open >= use.limit * FULL)
    throw new BrokerError('exhausted', `the daemon has ${use.open} of at most ${use.limit} files and sockets open`, {
      hint: 'close sessions, or raise LimitNOFILE (ulimit -n) for the daemon',
    });
}

/** `Max open files   1024   4096   files`: soft limit first (proc(5)). */
function parseLimit(text: string): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
