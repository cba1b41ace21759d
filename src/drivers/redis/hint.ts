import type { Hint, LeaseAddress } from '../../core/driver.ts';
import { shellWord } from '../../core/shell.ts';
import type { RedisConfig } from './config.ts';

/** What clients and frameworks commonly read their login from; a session needs none of the user's own. */
const UNSET = ['REDISCLI_AUTH', 'REDIS_PASSWORD', 'REDIS_USERNAME', 'REDIS_USER'];

/** How redis-cli and its relatives reach a lease. The database is the real one, so that prompts read right. */
export function hint(lease: LeaseAddress, { db }: RedisConfig): Hint {
  const { ticket, caFile } = lease;
  const env: Record<string, string> = {
    REDIS_URL: url(lease, db),
    ...(lease.listen === 'tcp' && { REDIS_HOST: lease.host, REDIS_PORT: String(lease.port) }),
    REDIS_DB: String(db),
    ...(ticket !== undefined && { REDISCLI_AUTH: ticket, REDIS_PASSWORD: ticket }),
  };
  const words = ['redis-cli'];
  if (lease.path !== undefined) words.push('-s', shellWord(lease.path));
  else words.push(...(lease.host === '127.0.0.1' ? [] : ['-h', lease.host]), '-p', String(lease.port));
  if (lease.tls) words.push('--tls', ...(caFile === undefined ? ['--insecure'] : ['--cacert', shellWord(caFile)]));
  if (db > 0) words.push('-n', String(db));
  if (ticket !== undefined) words.unshift(`REDISCLI_AUTH=${shellWord(ticket)}`);
  return {
    url: env.REDIS_URL ?? '',
    env,
    unset: UNSET.filter((name) => env[name] === undefined),
    example: words.join(' '),
  };
}

/** As the IANA schemes `redis` and `rediss` say; for a unix socket the form of redis-py and redis-rs. */
function url(lease: LeaseAddress, db: number): string {
  const login = lease.ticket === undefined ? '' : `:${encodeURIComponent(lease.ticket)}@`;
  if (lease.path !== undefined) return `unix://${login}${encodeURI(lease.path)}?db=${db}`;
  const host = lease.host.includes(':') ? `[${lease.host}]` : lease.host;
  return `${lease.tls ? 'rediss' : 'redis'}://${login}${host}:${lease.port}/${db}`;
}
