import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { toMillis } from '../core/rpc.ts';
import { Secret } from '../core/secret.ts';
import { type BrokerClient, connect } from './connect.ts';
import { configDir, findDaemon, openClient } from './place.ts';
import { promptSecret, readSecretFile } from './prompt.ts';

/** Where the master password comes from: `--password-file`, BROKER_PASSWORD_FILE, else undefined (the prompt). */
export function passwordFromFile(file: string | undefined): Secret | undefined {
  const path = file ?? process.env.BROKER_PASSWORD_FILE;
  return path ? readSecretFile(path, 'master password') : undefined;
}

/**
 * A client that may change things: with BROKER_TOKEN as it is; else with an admin token that the daemon gives for the
 * master password, remembered for 5 minutes for this terminal.
 */
export async function adminClient(passwordFile: string | undefined): Promise<BrokerClient> {
  if (process.env.BROKER_TOKEN) return openClient();
  const given = passwordFromFile(passwordFile);
  if (!given) {
    const remembered = recall();
    if (remembered) return connect({ ...findDaemon(), token: remembered });
  }
  using plain = openClient();
  const { state } = await plain.vault.status({});
  if (state !== 'STATE_UNLOCKED') {
    throw new BrokerError('locked', state === 'STATE_ABSENT' ? 'there is no vault yet' : 'the vault is locked', {
      hint: state === 'STATE_ABSENT' ? 'to create one: broker up' : 'to unlock it: broker unlock',
    });
  }
  if (!given && !process.stdin.isTTY) {
    throw new BrokerError('denied', 'this needs an admin', {
      hint: 'set BROKER_TOKEN to an admin token, or give the master password by --password-file or BROKER_PASSWORD_FILE',
    });
  }
  using password = given ?? (await promptSecret('Master password'));
  const { token, expiresAt } = await plain.vault.elevate({ password: password.use((bytes) => Buffer.from(bytes)) });
  if (!given) remember(token, toMillis(expiresAt) ?? 0);
  return connect({ ...findDaemon(), token });
}

/** Forgets what this terminal remembered (`broker lock`). */
export function forget(): void {
  const path = memoryPath();
  if (path) rmSync(path, { force: true });
}

function remember(token: string, expiresAt: number): void {
  const path = memoryPath();
  if (!path) return;
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(path, JSON.stringify({ token, expiresAt, address: findDaemon().address }), { mode: 0o600 });
}

function recall(): Secret | undefined {
  const path = memoryPath();
  if (!path) return undefined;
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { token, expiresAt, address } = parsed as Record<string, unknown>;
    const good = typeof token === 'string' && typeof expiresAt === 'number' && expiresAt - Date.now() > 2_000;
    return good && address === findDaemon().address ? Secret.fromText(token) : undefined;
  } catch {
    return undefined; // nothing remembered, or not readable as such: ask again
  }
}

/** One file per terminal and login session, so that another terminal of the same user must ask for itself. */
function memoryPath(): string | undefined {
  if (!process.stdin.isTTY && !process.stderr.isTTY) return undefined;
  try {
    // proc(5): after the parenthesised name come state, ppid, pgrp, session, tty_nr.
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , , session, tty] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (!tty || tty === '0') return undefined;
    const dir = process.env.XDG_RUNTIME_DIR ? join(process.env.XDG_RUNTIME_DIR, 'broker') : configDir();
    return join(dir, `elevated-${tty}-${session}.json`);
  } catch {
    return undefined; // no /proc: nothing is remembered
  }
}
