import { chown } from 'node:fs/promises';
import type { Account } from './account.ts';
import type { Certificates } from './certificates.ts';
import type { ServerName } from './table.ts';

/** Where and as whom the servers of one rig run: on this machine, or in containers that see the same folder. */
export interface Place {
  /** The rig's folder, searchable by every user, under the same path inside the containers. */
  readonly directory: string;
  /** What the servers listen on: loopback here, everything inside a container. */
  readonly listen: readonly string[];
  /** The ports that the servers themselves listen on. */
  readonly ports: { readonly [N in ServerName]: Readonly<Record<string, number>> };
  readonly tls: Certificates;
  /** PostgreSQL and Redis run as this user. */
  readonly account: Account;
  /** Owns the mailboxes. */
  readonly mail: Account;
  /** Who may log in to the SSH server. */
  readonly sshLogin: Account;
  /** The servers' private key, as PostgreSQL reads it. */
  readonly serverKey: string;
  /** Where a PostgreSQL puts its unix socket; undefined: where the table says. */
  readonly postgresSockets: string | undefined;
  /** True if files are given to these users here; a container does that itself. */
  readonly owns: boolean;
  /** Where Postfix finds Dovecot. */
  readonly dovecotHost: string;
}

/** A port of a server. @throws Error if the table has no such port. */
export function portOf(place: Place, server: ServerName, name = 'port'): number {
  const port = place.ports[server][name];
  if (port === undefined) throw new Error(`${server} has no ${name} in the table`);
  return port;
}

/** Gives a file to a user, where that can be done. */
export async function give(place: Place, path: string, to: Account): Promise<void> {
  if (place.owns) await chown(path, to.uid, to.gid);
}
