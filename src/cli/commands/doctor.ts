import { existsSync, statSync } from 'node:fs';
import { BrokerError } from '../../core/errors.ts';
import { adminAtHand } from '../admin.ts';
import { print, printable, say } from '../output.ts';
import { brokerHome, configDir, findDaemon, findToken, isLocal, openClient } from '../place.ts';
import { test } from './service.ts';

/** Milliseconds for the HTTP side to say that it is there. */
const ANSWER_MS = 5_000;

/** `broker doctor [NAME]`: what is in order and what is not, a line each; exit 1 when something is not. */
export async function doctor(service: string | undefined, options: { passwordFile?: string }): Promise<number> {
  let bad = 0;
  const check = (ok: boolean, what: string, advice = ''): void => {
    print(printable(`${ok ? 'ok  ' : 'FAIL'}  ${what}${!ok && advice ? `: ${advice}` : ''}`));
    if (!ok) bad++;
  };
  check(isRecent(process.versions.node), `Node ${process.versions.node}`, 'broker needs 20.19 or newer');
  for (const [name, path] of [
    ['home', brokerHome()],
    ['client settings', configDir()],
  ] as const) {
    if (existsSync(path)) check((statSync(path).mode & 0o077) === 0, `${name} ${path} is private`, `chmod 700 ${path}`);
  }
  const { address } = findDaemon();
  using client = openClient();
  try {
    const status = await client.vault.status({});
    check(true, `daemon ${status.version} answers at ${address}`);
    check(
      status.state === 'STATE_UNLOCKED',
      'the vault is unlocked',
      status.state === 'STATE_ABSENT' ? 'broker up' : 'broker unlock',
    );
    if (status.http.startsWith('http://') && isLocal(address))
      check(
        await answers(status.http),
        `HTTP is served at ${status.http}`,
        'another program is in the way: see --http',
      );
    check(findToken() !== undefined, 'there is a token', 'broker up, or broker login');
    if (findToken() && status.state === 'STATE_UNLOCKED')
      check(status.caller !== null, 'the daemon knows the token', 'broker up, or broker login');
    if (status.state === 'STATE_UNLOCKED') await weaknesses(options.passwordFile);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    check(false, error.message, error.hint);
  }
  if (service && bad === 0) return await test(service, options);
  return bad === 0 ? 0 : 1;
}

async function answers(http: string): Promise<boolean> {
  try {
    return (await fetch(`${http}/health`, { signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    return false;
  }
}

/** 20.19 is the first with everything we use. */
function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19);
}

/** Known to admins only: not everybody needs to hear where a daemon is weak. */
async function weaknesses(passwordFile: string | undefined): Promise<void> {
  using admin = await adminAtHand(passwordFile);
  if (!admin) return;
  for (const weakness of (await admin.vault.status({})).weaknesses) say(`weaker than it could be: ${weakness}`);
}
