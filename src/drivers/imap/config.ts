import { configSpec, type Parsed } from '../../core/config.ts';
import type { Target } from '../../core/dial.ts';
import { describeAt, mailFields, mailProblems } from '../../core/mailfields.ts';
import { sparesField, viaField } from '../../core/serverfields.ts';

const shape = {
  ...mailFields(
    ['implicit', 'starttls', 'none'],
    '993 with tls implicit, else 143',
    'SCRAM-SHA-256 where offered, AUTHENTICATE PLAIN, the LOGIN command',
  ),
  spares: sparesField(0),
  via: viaField,
} as const;

export type ImapConfig = Parsed<typeof shape>;

/** Fields of the kind `imap` (DESIGN §7) and the rules across them. */
export const imapConfig = configSpec(shape, mailProblems);

export function targetOf(config: ImapConfig): Target {
  return { host: config.host, port: config.port ?? (config.tls === 'implicit' ? 993 : 143) };
}

/** `IMAP at mail.example.com:993`. */
export function describe(config: ImapConfig): string {
  return describeAt('IMAP', targetOf(config));
}
