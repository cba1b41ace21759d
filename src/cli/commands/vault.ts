import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { BrokerError } from '../../core/errors.ts';
import type { VaultStatus__Output } from '../../core/proto/broker/v1/VaultStatus.ts';
import { toMillis } from '../../core/rpc.ts';
import type { Secret } from '../../core/secret.ts';
import { adminClient, forget, passwordFromFile } from '../admin.ts';
import { formatDuration } from '../duration.ts';
import { print, printJson, say, table } from '../output.ts';
import { findDaemon, openClient } from '../place.ts';
import { promptNewSecret, promptSecret, readSecretFile } from '../prompt.ts';

interface PasswordOption {
  readonly passwordFile?: string;
}

export async function down(): Promise<number> {
  using client = openClient();
  try {
    await client.daemon.shutdown({ reason: 'broker down' });
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'unavailable') throw error;
    say('broker is not running');
    return 0;
  }
  forget();
  say('locked and stopped');
  return 0;
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
  forget();
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
      ...(caller && { token: caller.name, scope: caller.scope }),
      open_sessions: openSessions,
      weaknesses,
    });
    return 0;
  }
  const who = status.caller ? `${status.caller.name} (${status.caller.scope})` : 'none';
  print(
    table(
      ['', ''],
      [
        ['vault', vault],
        ['daemon', `version ${status.version}, process ${status.pid}, up ${up}`],
        ['address', findDaemon().address],
        ['your token', who],
      ],
    ).trimStart(),
  );
  for (const weakness of status.weaknesses) say(`weaker than it could be: ${weakness}`);
  return 0;
}

export async function passwd(options: PasswordOption & { newPasswordFile?: string; rekey?: boolean }): Promise<number> {
  using before = passwordFromFile(options.passwordFile) ?? (await promptSecret('Current master password'));
  using after = options.newPasswordFile
    ? readSecretFile(options.newPasswordFile, 'new password')
    : await promptNewSecret('New master password');
  using client = await adminClient(options.passwordFile);
  await client.vault.changePassword({
    oldPassword: bytes(before),
    newPassword: bytes(after),
    rekey: options.rekey ?? false,
  });
  say(options.rekey ? 'the password is changed and everything encrypted anew' : 'the password is changed');
  return 0;
}

export async function backup(file: string, options: PasswordOption): Promise<number> {
  if (file !== '-' && existsSync(file))
    throw new BrokerError('already_exists', `${file} exists; a backup never overwrites`);
  using client = await adminClient(options.passwordFile);
  const parts: Buffer[] = [];
  for await (const { data } of client.vault.backup({})) parts.push(data);
  const whole = Buffer.concat(parts);
  if (file === '-') process.stdout.write(whole);
  else writeFileSync(file, whole, { mode: 0o600, flag: 'wx' });
  say(`${whole.length} bytes, encrypted with the master password of today`);
  return 0;
}

export async function restore(file: string, options: PasswordOption): Promise<number> {
  let data: Buffer;
  try {
    data = readFileSync(file === '-' ? 0 : file);
  } catch (cause) {
    throw new BrokerError('invalid_argument', `cannot read ${file}`, { cause });
  }
  using client = openClient();
  using password = passwordFromFile(options.passwordFile) ?? (await promptSecret('Master password of the backup'));
  const first = { password: bytes(password), data: Buffer.alloc(0) };
  const chunks = Array.from({ length: Math.ceil(data.length / 65_536) }, (_, i) => ({
    data: data.subarray(i * 65_536, (i + 1) * 65_536),
  }));
  await client.vault.restore([first, ...chunks]);
  say('restored; the vault that was there is kept beside it as .bak');
  return 0;
}

export async function addSlot(label: string, file: string, options: PasswordOption): Promise<number> {
  if (!existsSync(file)) {
    writeFileSync(file, `${randomBytes(48).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
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

function readKeyFile(path: string): Secret {
  return readSecretFile(path, 'key');
}

function bytes(secret: Secret): Buffer {
  return secret.use((held) => Buffer.from(held));
}
