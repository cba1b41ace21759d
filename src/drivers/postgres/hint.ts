import type { Hint, LeaseAddress } from '../../core/driver.ts';
import { shellQuote, urlWord } from '../../core/shell.ts';
import type { PostgresConfig } from './config.ts';

/** Variables of libpq that would override what we set, or fail on it (MECHANISMS §2; several break a session). */
const UNSET = [
  'PGHOSTADDR',
  'PGSERVICE',
  'PGSERVICEFILE',
  'PGSSLMODE',
  'PGSSLROOTCERT',
  'PGCHANNELBINDING',
  'PGREQUIREAUTH',
  'PGTARGETSESSIONATTRS',
  'PGPASSFILE',
  'PGPASSWORD',
];

/** The port in `.s.PGSQL.5432`, see `socketName`. */
const SOCKET_PORT = 5432;

/** How libpq and its relatives reach a lease. User and database are the real ones, so that prompts read right. */
export function hint(given: LeaseAddress, config: PostgresConfig): Hint {
  // Clients put the port into the name of the socket file, which is made for the default one.
  const lease = given.listen === 'unix' ? { ...given, port: SOCKET_PORT } : given;
  const user = config.user;
  const database = config.database ?? config.user;
  const env: Record<string, string> = {
    PGHOST: lease.host,
    PGPORT: String(lease.port),
    PGUSER: user,
    PGDATABASE: database,
    ...(lease.ticket !== undefined && { PGPASSWORD: lease.ticket }),
    ...sslEnv(lease),
  };
  const conninfo = Object.entries({ host: lease.host, port: lease.port, user, dbname: database, ...sslWords(lease) })
    .map(([name, value]) => `${name}=${conninfoValue(String(value))}`)
    .join(' ');
  const password = lease.ticket === undefined ? '' : `PGPASSWORD=${shellQuote(lease.ticket)} `;
  return {
    url: url(lease, user, database),
    env,
    unset: UNSET.filter((name) => env[name] === undefined),
    example: `${password}psql ${shellQuote(conninfo)}`,
  };
}

/** Without TLS libpq is told not to ask for it, which saves a round trip; a unix socket has none anyway. */
function sslWords(lease: LeaseAddress): Record<string, string> {
  if (lease.listen === 'unix') return {};
  if (!lease.tls) return { sslmode: 'disable' };
  return lease.caFile === undefined ? { sslmode: 'require' } : { sslmode: 'verify-full', sslrootcert: lease.caFile };
}

function sslEnv(lease: LeaseAddress): Record<string, string> {
  const words = Object.entries(sslWords(lease));
  return Object.fromEntries(words.map(([name, value]) => [`PG${name.toUpperCase()}`, value]));
}

/** A connection URI as libpq, node-postgres, pgx and JDBC-likes read it; a unix socket's folder goes into the query. */
function url(lease: LeaseAddress, user: string, database: string): string {
  const password = lease.ticket === undefined ? '' : `:${urlWord(lease.ticket)}`;
  const query = Object.entries(sslWords(lease)).map(([name, value]) => `${name}=${urlWord(value)}`);
  let host = `${lease.host.includes(':') ? `[${lease.host}]` : lease.host}:${lease.port}`;
  if (lease.listen === 'unix') {
    host = '';
    query.unshift(`host=${urlWord(lease.host)}`, `port=${lease.port}`);
  }
  const parameters = query.length > 0 ? `?${query.join('&')}` : '';
  return `postgresql://${urlWord(user)}${password}@${host}/${urlWord(database)}${parameters}`;
}

/** A value of a conninfo string (PostgreSQL manual, "Keyword/Value Connection Strings"). */
function conninfoValue(value: string): string {
  return /^[\w./:@%+-]+$/.test(value) ? value : `'${value.replace(/[\\']/g, '\\$&')}'`;
}
