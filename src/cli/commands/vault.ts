import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { BrokerError } from '../../core/errors.ts';
import type { VaultStatus__Output } from '../../core/proto/broker/v1/VaultStatus.ts';
import { toMillis } from '../../core/rpc.ts';
import type { Secret } from '../../core/secret.ts';
import { adminClient, adminFor, forgetAdmin, ownerOrAdmin, passwordFromFile } from '../admin.ts';
import { formatDuration } from '../duration.ts';
import { print, printJson, say, sayError } from '../output.ts';
import { findDaemon, findToken, isLocal, openClient } from '../place.ts';
import { promptNewSecret, promptSecret, readKeyFile, readSecretFile } from '../prompt.ts';
import { unreadable } from '../reason.ts';
import { refuseTerminal, saveNew } from '../savefile.ts';

interface PasswordOption {
  readonly passwordFile?: string;
}

/** Milliseconds that `down` waits for the daemon to be gone, and between two looks. */
const STOP_MS = 15_000;
const LOOK_MS = 20;

export async function down(options: PasswordOption): Promise<number> {
  let pid: number;
  try {
    using client = openClient();
    pid = (await client.vault.status({})).pid;
    await ownerOrAdmin(options.passwordFile, async (allowed) => {
      await allowed.daemon.shutdown({ reason: 'broker down' });
    }).catch((error: unknown) => end(pid, error));
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'unavailable') throw error;
    say('broker is not running');
    return 0;
  }
  forgetAdmin();
  if (!isLocal(findDaemon().address) || (await gone(pid))) say('locked and stopped');
  else say(`locked; the daemon (process ${pid}) is still ending what it does`);
  return 0;
}

/** A daemon that cannot even put its end on record (a damaged audit log) ends all the same, for whoever may end its process. */
function end(pid: number, error: unknown): void {
  const isRefusal =
    !(error instanceof BrokerError) || ['denied', 'unauthenticated', 'unavailable'].includes(error.code);
  if (isRefusal || !isLocal(findDaemon().address)) throw error;
  sayError(error);
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    throw error; // not ours to end: what the daemon said stands
  }
}

/** Whether the process ended in time: whoever calls `up` next must not meet the old daemon's lock on the vault. */
async function gone(pid: number): Promise<boolean> {
  for (const until = Date.now() + STOP_MS; Date.now() < until; ) {
    if (!isRunning(pid)) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended and that nobody has waited for (no init in a container) holds nothing any more.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    return !(error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'ENOENT'));
  }
}

export async function init(options: PasswordOption): Promise<number> {
  using client = openClient();
  using password = passwordFromFile(options.passwordFile) ?? (await promptNewSecret('New master password'));
  await client.vault.initialize({ password: bytes(password) });
  say('the vault is made and open');
  return 0;
}

export async function unlock(options: PasswordOption & { keyFile?: string }): Promise<number> {
  using client = openClient();
  if (options.keyFile) {
    using key = readKeyFile(options.keyFile);
    await client.vault.unlock({ key: bytes(key) });
  } else {
    using password = passwordFromFile(options.passwordFile) ?? (await promptSecret('Master password'));
    await client.vault.unlock({ password: bytes(password) });
  }
  say('unlocked');
  return 0;
}

export async function lock(options: PasswordOption & { reason?: string }): Promise<number> {
  using plain = openClient();
  const { state } = await plain.vault.status({});
  if (state !== 'STATE_UNLOCKED') {
    say(state === 'STATE_LOCKED' ? 'locked already' : 'there is no vault yet');
    return 0;
  }
  using client = await adminClient(options.passwordFile);
  await client.vault.lock({ reason: options.reason ?? '' });
  forgetAdmin();
  say('locked: every session has ended');
  return 0;
}

const STATES = {
  STATE_UNSPECIFIED: 'unknown',
  STATE_ABSENT: 'absent',
  STATE_LOCKED: 'locked',
  STATE_UNLOCKED: 'unlocked',
} as const satisfies Record<VaultStatus__Output['state'], string>;

export async function status(options: { json?: boolean }): Promise<number> {
  using client = openClient();
  const status = await client.vault.status({});
  const vault = STATES[status.state];
  const up = formatDuration(Date.now() - (toMillis(status.startedAt) ?? 0));
  if (options.json) {
    const { version, pid, caller, openSessions, weaknesses } = status;
    printJson({
      vault,
      version,
      pid,
      address: findDaemon().address,
      http: status.http || 'off',
      ...(caller && { token: caller.name, scope: caller.scope }),
      open_sessions: openSessions,
      weaknesses,
    });
    return 0;
  }
  print(`vault       ${vault}`);
  print(`daemon      version ${status.version}, process ${status.pid}, up ${up}`);
  print(`address     ${findDaemon().address}`);
  print(`http        ${status.http || 'off'}`);
  print(`your token  ${status.caller ? `${status.caller.name} (${status.caller.scope})` : tokenTrouble(vault)}`);
  if (status.state !== 'STATE_UNLOCKED')
    say(vault === 'absent' ? 'to create it: broker up' : 'to unlock it: broker unlock');
  for (const weakness of status.weaknesses) say(`weaker than it could be: ${weakness}`);
  return 0;
}

/** Tokens live in the vault: while that is closed, nobody knows whose one is. */
function tokenTrouble(vault: string): string {
  if (vault !== 'unlocked') return 'not known while the vault is closed';
  return findToken()
    ? 'not known to this daemon; for another: broker up, or broker login'
    : 'none; broker up, or broker login';
}

export async function passwd(options: PasswordOption & { newPasswordFile?: string; rekey?: boolean }): Promise<number> {
  using before = passwordFromFile(options.passwordFile) ?? (await promptSecret('Current master password'));
  using after = options.newPasswordFile
    ? readSecretFile(options.newPasswordFile, 'new password')
    : await promptNewSecret('New master password');
  using client = await adminFor(before);
  await client.vault.changePassword({
    oldPassword: bytes(before),
    newPassword: bytes(after),
    rekey: options.rekey ?? false,
  });
  forgetAdmin();
  say(options.rekey ? 'the password is changed and everything encrypted anew' : 'the password is changed');
  return 0;
}

export async function backup(file: string, options: PasswordOption): Promise<number> {
  if (file !== '-' && existsSync(file))
    throw new BrokerError('already_exists', `${file} exists already, and is not overwritten`);
  if (file === '-') refuseTerminal('a backup');
  using client = await adminClient(options.passwordFile);
  const parts: Buffer[] = [];
  for await (const { data } of client.vault.backup({})) parts.push(data);
  const whole = Buffer.concat(parts);
  if (file === '-') process.stdout.write(whole);
  else saveNew(file, whole);
  say(`${whole.length} bytes, encrypted with the master password of today`);
  return 0;
}

export async function restore(file: string, options: PasswordOption): Promise<number> {
  let data: Buffer;
  try {
    data = readFileSync(file === '-' ? 0 : file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  using password = passwordFromFile(options.passwordFile) ?? (await promptSecret('Master password of the backup'));
  const first = { password: bytes(password), data: Buffer.alloc(0) };
  const chunks = Array.from({ length: Math.ceil(data.length / 65_536) }, (_, i) => ({
    data: data.subarray(i * 65_536, (i + 1) * 65_536),
  }));
  await ownerOrAdmin(undefined, async (client) => {
    await client.vault.restore([first, ...chunks]);
  });
  forgetAdmin();
  say('restored and unlocked; the vault that was there is kept beside it as .bak');
  say('tokens are those of the backup: broker up leaves a new one if yours is not among them');
  return 0;
}

export async function addSlot(label: string, file: string, options: PasswordOption): Promise<number> {
  if (!existsSync(file)) {
    saveNew(file, Buffer.from(`${randomBytes(48).toString('base64')}\n`));
    say(`${file}: a new key`);
  }
  using key = readKeyFile(file);
  using client = await adminClient(options.passwordFile);
  await client.vault.addKeySlot({ key: bytes(key), label });
  say(`${label}: this file now unlocks the vault; start with: broker daemon --key-file ${file}`);
  return 0;
}

export async function removeSlot(label: string, options: PasswordOption): Promise<number> {
  using client = await adminClient(options.passwordFile);
  await client.vault.removeKeySlot({ label });
  say(`${label}: removed`);
  return 0;
}

function bytes(secret: Secret): Buffer {
  return secret.use((held) => Buffer.from(held));
}
