import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '../core/json.ts';
import { Secret } from '../core/secret.ts';
import { configDir } from './place.ts';

/** An admin token must be good for at least so many milliseconds to be worth using. */
const MARGIN_MS = 2_000;

/**
 * Keeps an elevated token for this terminal until it expires. A file that another user could read, write or point
 * elsewhere is never written to: it is removed and made anew, and nothing is followed.
 * @param expiresAt epoch milliseconds.
 */
export function remember(path: string, address: string, token: string, expiresAt: number): void {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    writeFileSync(fd, JSON.stringify({ token, expiresAt, address }));
  } finally {
    closeSync(fd);
  }
}

/** The token remembered at `path` for the daemon at `address`; undefined when there is none, or none to be trusted. */
export function recall(path: string, address: string, now = Date.now()): Secret | undefined {
  const parsed = parse(readOwn(path));
  if (!isJsonObject(parsed)) return undefined;
  const { token, expiresAt, address: of } = parsed;
  const good = typeof token === 'string' && typeof expiresAt === 'number' && expiresAt - now > MARGIN_MS;
  if (good && of === address) return Secret.fromText(token);
  if (!good) rmSync(path, { force: true });
  return undefined;
}

export function forget(path: string): void {
  rmSync(path, { force: true });
}

/**
 * Where this terminal's token is kept: a file per terminal and login session, so that another terminal of the same user
 * must ask for itself. Undefined where there is no terminal, or no /proc to tell which one.
 */
export function memoryPath(): string | undefined {
  if (!process.stdin.isTTY && !process.stderr.isTTY) return undefined;
  let stat: string;
  try {
    stat = readFileSync('/proc/self/stat', 'utf8');
  } catch {
    return undefined; // no /proc: nothing is remembered
  }
  // proc(5): after the parenthesised name come state, ppid, pgrp, session, tty_nr.
  const [, , , session, tty] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (!tty || tty === '0') return undefined;
  const dir = process.env.XDG_RUNTIME_DIR ? join(process.env.XDG_RUNTIME_DIR, 'broker') : configDir();
  return join(dir, `elevated-${tty}-${session}.json`);
}

/** The content of a plain file that is ours alone; else undefined. The check is on what was opened, not on the name. */
function readOwn(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined; // not there, a link, or not ours to read: nothing is remembered
  }
  try {
    const { mode, uid } = fstatSync(fd);
    const isPlain = (mode & constants.S_IFMT) === constants.S_IFREG;
    const isOurs = uid === process.getuid?.() && (mode & 0o077) === 0;
    return isPlain && isOurs ? readFileSync(fd, 'utf8') : undefined;
  } finally {
    closeSync(fd);
  }
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // damaged: as if there were none
  }
}
