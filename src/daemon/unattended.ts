import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Caller } from './caller.ts';
import type { Daemon } from './daemon.ts';
import type { Log } from './log.ts';
import type { DaemonSettings } from './settings.ts';

const INTERNAL: Caller = { transport: 'internal', origin: 'internal' };
/** Milliseconds that a password may take to check. */
const UNLOCK_MS = 60_000;

/**
 * Unlocks at start with the first of: `--password-file` (BROKER_PASSWORD_FILE), `--key-file`, the systemd credentials
 * `broker.password` and `broker.key` (systemd.exec(5), LoadCredential=). With none of them it stays locked.
 * @throws BrokerError `invalid_argument` for a file that was named and cannot be read, `denied` for a wrong one.
 */
export async function unlockUnattended(
  daemon: Daemon,
  settings: DaemonSettings,
  env: NodeJS.ProcessEnv,
  log: Log,
): Promise<void> {
  if (daemon.vault.state !== 'locked') return;
  const credentials = env.CREDENTIALS_DIRECTORY;
  const candidates: readonly ['password' | 'key', string | undefined, boolean][] = [
    ['password', settings['password-file'], true],
    ['key', settings['key-file'], true],
    ['password', credentials && join(credentials, 'broker.password'), false],
    ['key', credentials && join(credentials, 'broker.key'), false],
  ];
  for (const [type, path, required] of candidates) {
    if (!path) continue;
    using secret = readCredential(path, type, required);
    if (!secret) continue;
    await daemon.audited('vault.unlock', INTERNAL, { detail: { with: `${type} file` } }, () =>
      daemon.vault.unlock({ type, secret }, INTERNAL.origin, AbortSignal.timeout(UNLOCK_MS)),
    );
    await daemon.unlocked();
    log.info('unlocked', { with: `${type} file` });
    return;
  }
}

/** A password file's last line end is not part of the password; a key file is taken as it is. */
function readCredential(path: string, type: 'password' | 'key', required: boolean): Secret | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    // A systemd credential need not be there; one that is there and cannot be read is a fault.
    if (!required && missing) return undefined;
    throw new BrokerError('invalid_argument', `cannot read the ${type} file ${path}`, { cause });
  }
  if (type === 'key') return Secret.own(bytes);
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--;
  const secret = Secret.copy(bytes.subarray(0, end));
  bytes.fill(0);
  return secret;
}
