import { formatHostPort } from '../../core/dial.ts';
import type { Hint, LeaseAddress } from '../../core/driver.ts';
import { shellQuote, urlWord } from '../../core/shell.ts';
import type { ImapConfig } from './config.ts';

/** Where no ticket is asked for, any password will do; clients want one nevertheless. */
const ANY = 'any';

/** How a mail client reaches a lease. There are no variables that all IMAP clients read: these are the usual names. */
export function hint(lease: LeaseAddress, config: ImapConfig): Hint {
  const password = lease.ticket ?? ANY;
  const scheme = lease.tls ? 'imaps' : 'imap';
  const where = lease.listen === 'unix' ? 'localhost' : formatHostPort(lease.host, lease.port);
  const words = ['curl', '-sS'];
  if (lease.listen === 'unix') words.push('--unix-socket', shellQuote(lease.path ?? lease.host));
  if (lease.tls && lease.caFile !== undefined) words.push('--cacert', shellQuote(lease.caFile));
  const url = `${scheme}://${urlWord(config.user)}:${urlWord(password)}@${where}/`;
  words.push(shellQuote(url));
  return {
    url,
    env: {
      IMAP_HOST: lease.listen === 'unix' ? (lease.path ?? lease.host) : lease.host,
      IMAP_PORT: String(lease.port),
      IMAP_USER: config.user,
      IMAP_PASSWORD: password,
      IMAP_TLS: lease.tls ? 'implicit' : 'none',
      ...(lease.tls && lease.caFile !== undefined && { IMAP_CA: lease.caFile }),
    },
    unset: [],
    example: words.join(' '),
  };
}
