import { configSpec, type Parsed } from '../../core/config.ts';
import type { Target } from '../../core/dial.ts';
import { list } from '../../core/field.ts';
import { describeAt, mailFields, mailProblems } from '../../core/mailfields.ts';
import { sparesField, viaField } from '../../core/serverfields.ts';
import { policyProblems } from './policy.ts';

const PORTS = { starttls: 587, implicit: 465, none: 25 } as const;

const shape = {
  ...mailFields(
    ['starttls', 'implicit', 'none'],
    '587 with tls starttls, 465 with implicit, 25 with none',
    'SCRAM-SHA-256 where offered, PLAIN, LOGIN',
  ),
  allow_from: list({
    doc: 'Senders that a mail may have in its envelope: alice@example.com, *@example.com, example.com, or <> for none. Everyone if empty.',
    maxItems: 1_000,
  }),
  allow_to: list({
    doc: 'Recipients that a mail may go to: example.com, *.example.com, bob@example.com. Everyone if empty.',
    maxItems: 1_000,
  }),
  spares: sparesField(0),
  via: viaField,
} as const;

export type SmtpConfig = Parsed<typeof shape>;

/** Fields of the kind `smtp` (DESIGN §7) and the rules across them. */
export const smtpConfig = configSpec(shape, (config, isSet) => [
  ...mailProblems(config, isSet),
  ...policyProblems(config),
]);

export function targetOf(config: SmtpConfig): Target {
  return { host: config.host, port: config.port ?? PORTS[config.tls] };
}

/** `SMTP at smtp.example.com:587`. */
export function describe(config: SmtpConfig): string {
  return describeAt('SMTP', targetOf(config));
}
