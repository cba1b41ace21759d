import { formatHostPort } from '../../core/dial.ts';
import type { Hint, LeaseAddress } from '../../core/driver.ts';
import { shellQuote, urlWord } from '../../core/shell.ts';
import type { SmtpConfig } from './config.ts';
import { allows } from './policy.ts';

/** Where no ticket is asked for, any password will do; clients want one nevertheless. */
const ANY = 'any';

/** How a mail client reaches a lease. There are no variables that all SMTP clients read: these are the usual names. */
export function hint(lease: LeaseAddress, config: SmtpConfig): Hint {
  const password = lease.ticket ?? ANY;
  const scheme = lease.tls ? 'smtps' : 'smtp';
  const where = lease.listen === 'unix' ? 'localhost' : formatHostPort(lease.host, lease.port);
  const url = `${scheme}://${urlWord(config.user)}:${urlWord(password)}@${where}`;
  return {
    url,
    env: {
      SMTP_HOST: lease.listen === 'unix' ? (lease.path ?? lease.host) : lease.host,
      SMTP_PORT: String(lease.port),
      SMTP_USER: config.user,
      SMTP_PASSWORD: password,
      SMTP_TLS: lease.tls ? 'implicit' : 'none',
      ...(lease.tls && lease.caFile !== undefined && { SMTP_CA: lease.caFile }),
    },
    unset: [],
    example: example(lease, config, url),
  };
}

/** A mail, to oneself if may be, where addresses are known that may be used; else a command that sends nothing. */
function example(lease: LeaseAddress, config: SmtpConfig, url: string): string {
  const words = ['curl', '-sS'];
  if (lease.listen === 'unix') words.push('--unix-socket', shellQuote(lease.path ?? lease.host));
  if (lease.tls && lease.caFile !== undefined) words.push('--cacert', shellQuote(lease.caFile));
  words.push(shellQuote(url));
  const from = [config.user, ...config.allow_from].find((address) => may(config, 'MAIL', address));
  const to = [from ?? '', ...config.allow_to].find((address) => may(config, 'RCPT', address));
  if (from === undefined || to === undefined) return [...words, '--request', 'NOOP'].join(' ');
  words.push('--mail-from', shellQuote(from), '--mail-rcpt', shellQuote(to), '--upload-file', '-');
  return `printf 'Subject: hello from broker\\r\\n\\r\\nIt works.\\r\\n' | ${words.join(' ')}`;
}

function may(config: SmtpConfig, verb: 'MAIL' | 'RCPT', address: string): boolean {
  return isAddress(address) && allows(config, { verb, address });
}

function isAddress(entry: string): boolean {
  return /^[^\s@*<>]+@[^\s@*<>]+$/.test(entry);
}
