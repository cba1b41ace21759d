import type { Hint, LeaseAddress } from '../../core/driver.ts';
import { Secret } from '../../core/secret.ts';
import type { SshConfig } from './config.ts';
import type { Identity } from './identity.ts';
import { ticketIdentity } from './local.ts';

/** Leads to a file with the key that is made of the ticket. */
const KEY_FILE = 'BROKER_SSH_KEY_FILE';
/** ssh itself fills the variable in (OpenSSH 8.4); where it is not set, ssh says so and stops. */
const KEY_OPTIONS = ['-o', 'IdentitiesOnly=yes', '-o', `IdentityFile=\${${KEY_FILE}}`];

/** Facts of a lease that its clients must know. */
export interface SshFacts {
  /** The host key of the local side, made for this connection. */
  readonly identity: Identity;
}

/**
 * How OpenSSH reaches a lease. The host key comes with the command (KnownHostsCommand, OpenSSH 8.5), so that nothing is
 * trusted on first use and no file is touched; BROKER_KNOWN_HOSTS is the line for those who keep one.
 */
export function hint(lease: LeaseAddress, config: SshConfig, facts?: SshFacts): Hint {
  const { user } = config;
  const name = lease.port === 22 ? lease.host : `[${lease.host}]:${lease.port}`;
  const known = facts && `${name} ${facts.identity.line}`;
  const ssh = ['ssh', '-p', String(lease.port), ...(known ? trusting(known) : [])];
  const ticket = lease.ticket;
  const env: Record<string, string> = {};
  if (known) {
    const remote = ticket === undefined ? ssh : [...ssh, ...KEY_OPTIONS];
    env.BROKER_KNOWN_HOSTS = known;
    env.GIT_SSH_COMMAND = remote.map(shellWord).join(' ');
    env.RSYNC_RSH = remote.map(rsyncWord).join(' ');
  }
  const password = ticket === undefined ? '' : `:${ticket}`;
  const url = `ssh://${encodeURIComponent(user)}${password}@${lease.host}:${lease.port}`;
  const command = [...ssh, '--', `${user}@${lease.host}`].map(shellWord).join(' ');
  if (ticket === undefined) return { url, env, unset: ['SSH_ASKPASS'], example: command };
  // Programs that cannot type a password log in with a key made of the ticket.
  using secret = Secret.fromText(ticket);
  const content = ticketIdentity(secret).privateKey;
  env.BROKER_SSH_KEY = content;
  const keyed = [...ssh, '-o', 'IdentitiesOnly=yes', '-i'].map(shellWord).join(' ');
  const example = `k=$(mktemp) && printf '%s\\n' "$BROKER_SSH_KEY" >"$k" && ${keyed} "$k" -- ${shellWord(`${user}@${lease.host}`)}; rm -f "$k"`;
  return { url, env, unset: ['SSH_ASKPASS'], files: [{ env: KEY_FILE, content }], example };
}

function trusting(known: string): string[] {
  return [
    ...['-o', 'StrictHostKeyChecking=yes', '-o', 'UserKnownHostsFile=none', '-o', 'GlobalKnownHostsFile=none'],
    ...['-o', `KnownHostsCommand=/bin/echo ${known}`],
  ];
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** rsync takes quotes round a word, and a quote in it doubled (rsync(1), --rsh). */
function rsyncWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`;
}
