import { writeFileSync } from 'node:fs';
import { BrokerError } from '../core/errors.ts';

/**
 * Writes a file that only its owner may read, and that was not there before.
 * @throws BrokerError `already_exists`, `invalid_argument`.
 */
export function saveNew(path: string, content: Buffer): void {
  try {
    writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    throw exists
      ? new BrokerError('already_exists', `${path} exists already, and is not overwritten`, { cause })
      : new BrokerError('invalid_argument', `cannot write ${path}`, { cause });
  }
}

/** Bytes on a terminal help nobody. @throws BrokerError `invalid_argument`. */
export function refuseTerminal(what: string): void {
  if (process.stdout.isTTY)
    throw new BrokerError('invalid_argument', `${what} is not text; send standard output to a file or a program`);
}
