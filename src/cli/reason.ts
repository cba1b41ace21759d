import { BrokerError } from '../core/errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this is not permitted',
  EPERM: 'this is not permitted',
  ENOSPC: 'the disk is full',
  EISDIR: 'this is a folder',
  ENOTDIR: 'part of the path is no folder',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the name is too long',
};

/** Why the system did not do it, in words; its code where there are none. */
export function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
  return REASONS[code] ?? `this failed (${code})`;
}

/** A file that a command was told to read. @param what it is, such as `the password from`. */
export function unreadable(path: string, cause: unknown, what = ''): BrokerError {
  const named = what === '' ? path : `${what} ${path}`;
  return new BrokerError('invalid_argument', `cannot read ${named}: ${reasonOf(cause)}`, { cause });
}
