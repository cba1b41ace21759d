import { BrokerError } from '../core/errors.ts';
import { toMillis } from '../core/rpc.ts';
import type { Secret } from '../core/secret.ts';
import { type BrokerClient, type ConnectOptions, connect } from './connect.ts';
import { forget, memoryPath, recall, remember } from './memory.ts';
import { whenOver } from './passing.ts';
import { findDaemon, findToken, openClient } from './place.ts';
import { canPrompt, promptSecret, readSecretFile } from './prompt.ts';

/** Milliseconds that a command that is over waits for its admin token to end; after 5 minutes it does by itself. */
const REVOKE_TIMEOUT_MS = 2_000;

/** Where the master password comes from: `--password-file`, BROKER_PASSWORD_FILE, else undefined (the prompt). */
export function passwordFromFile(file: string | undefined): Secret | undefined {
  const path = file || process.env.BROKER_PASSWORD_FILE;
  return path ? readSecretFile(path, 'master password') : undefined;
}

/**
 * A client that may change things: with an admin token that the daemon gives for the master password in
 * `--password-file`; else with BROKER_TOKEN as it is; else for the password in BROKER_PASSWORD_FILE, or as remembered for
 * this terminal, or asked for and then remembered for 5 minutes.
 * @throws BrokerError `locked`, `denied` where there is nobody to ask, `cancelled`.
 */
export async function adminClient(passwordFile: string | undefined): Promise<BrokerClient> {
  const atHand = await adminAtHand(passwordFile);
  if (atHand) return atHand;
  using plain = openClient();
  await demandUnlocked(plain);
  if (!canPrompt()) {
    throw new BrokerError('denied', 'this needs an admin', {
      hint: 'set BROKER_TOKEN to an admin token, or give the master password by --password-file or BROKER_PASSWORD_FILE (service add and set: --master-password-file)',
    });
  }
  using password = await promptSecret('Master password');
  const { address } = findDaemon();
  const { token, expiresAt } = await elevated(plain, password);
  const path = memoryPath();
  if (path) remember(path, address, token, expiresAt);
  else endWithCommand({ ...findDaemon(), token });
  return connect({ ...findDaemon(), token });
}

/** As adminClient, but undefined where it would have to ask. */
export async function adminAtHand(passwordFile: string | undefined): Promise<BrokerClient | undefined> {
  if (!passwordFile && process.env.BROKER_TOKEN) return openClient();
  using given = passwordFromFile(passwordFile);
  if (given) return await adminFor(given);
  const path = memoryPath();
  const remembered = path && recall(path, findDaemon().address);
  return remembered ? connect({ ...findDaemon(), token: remembered }) : undefined;
}

/** An admin client for a master password that is known already. Its token ends with the command. */
export async function adminFor(password: Secret): Promise<BrokerClient> {
  using plain = openClient();
  await demandUnlocked(plain);
  const { token } = await elevated(plain, password);
  const admin = { ...findDaemon(), token };
  endWithCommand(admin);
  return connect(admin);
}

/**
 * An admin where one is at hand or can be asked for, else whoever the caller's own token is: for what everybody may do
 * within bounds (tokens: one's own and their children).
 */
export async function anyClient(passwordFile: string | undefined): Promise<BrokerClient> {
  const atHand = await adminAtHand(passwordFile);
  if (atHand) return atHand;
  return !canPrompt() && findToken() ? openClient() : await adminClient(passwordFile);
}

/**
 * For what the daemon's own user may do without any token (stop it, restore a backup), and an admin otherwise.
 * @param act is called again with an admin client if the caller's own is not enough.
 */
export async function ownerOrAdmin(
  passwordFile: string | undefined,
  act: (client: BrokerClient) => Promise<void>,
): Promise<void> {
  using own = openClient();
  try {
    await act(own);
  } catch (error) {
    const refused = error instanceof BrokerError && (error.code === 'denied' || error.code === 'unauthenticated');
    if (!refused) throw error;
    using admin = await adminClient(passwordFile);
    await act(admin);
  }
}

/** Forgets what this terminal remembered (`broker lock`, `broker down`, `broker passwd`). */
export function forgetAdmin(): void {
  const path = memoryPath();
  if (path) forget(path);
}

/** An admin token that nobody needs when this command is over. */
export function endWithCommand(where: ConnectOptions): void {
  whenOver(async () => {
    using client = connect(where);
    await client.tokens.revoke({ token: '' }, { timeoutMs: REVOKE_TIMEOUT_MS });
  });
}

async function elevated(plain: BrokerClient, password: Secret): Promise<{ token: string; expiresAt: number }> {
  const { token, expiresAt } = await plain.vault.elevate({ password: password.use((bytes) => Buffer.from(bytes)) });
  return { token, expiresAt: toMillis(expiresAt) ?? 0 };
}

/** Before anybody is asked for a password that could not be used. */
async function demandUnlocked(plain: BrokerClient): Promise<void> {
  const { state } = await plain.vault.status({});
  if (state === 'STATE_UNLOCKED') return;
  throw state === 'STATE_ABSENT'
    ? new BrokerError('locked', 'there is no vault yet', { hint: 'to create one: broker up' })
    : new BrokerError('locked', 'the vault is locked', { hint: 'to unlock it: broker unlock' });
}
