import { configSpec, type Parsed } from '../../core/config.ts';
import { formatHostPort, type Target } from '../../core/dial.ts';
import { choice, integer, list, port, secret, text } from '../../core/field.ts';
import { oauthFields, oauthProblems } from '../../core/oauth.ts';
import { policyProblems } from './policy.ts';

const PORTS = { starttls: 587, implicit: 465, none: 25 } as const;

const shape = {
  host: text({
    doc: 'Name or address of the server.',
    required: true,
    redirects: true,
    maxLength: 255,
    pattern: /^([^\s/@?#:]+|\[?[0-9A-Fa-f:.]+(%[\w.-]+)?\]?)$/,
  }),
  port: port({ doc: 'TCP port; 587 with tls starttls, 465 with implicit, 25 with none.', redirects: true }),
  user: text({ doc: 'User to log in as.', required: true, maxLength: 255 }),
  password: secret({ doc: 'The user’s password.', maxBytes: 4_096 }),
  tls: choice(['starttls', 'implicit', 'none'], {
    doc: 'starttls: begins in the clear and must switch to TLS before the login. implicit: TLS from the first byte. none: password and mail cross the network in the clear.',
    default: 'starttls',
    redirects: true,
    refused: {
      auto: 'it would fall back to no encryption as soon as somebody on the way says that there is none',
      prefer: 'it would fall back to no encryption as soon as somebody on the way says that there is none',
    },
  }),
  ca: text({
    doc: 'PEM of the CA that signed the server’s certificate; the system’s CAs by default.',
    multiline: true,
    redirects: true,
  }),
  server_name: text({
    doc: 'Name to look for in the certificate, where it is not the host.',
    redirects: true,
    maxLength: 255,
  }),
  auth: choice(['auto', 'plain', 'login', 'scram', 'xoauth2', 'oauthbearer'], {
    doc: 'How to log in. auto: with a token if one is configured; else SCRAM-SHA-256 where offered, PLAIN, LOGIN.',
    default: 'auto',
    redirects: true,
  }),
  ...oauthFields,
  allow_from: list({
    doc: 'Senders that a mail may have in its envelope: alice@example.com, *@example.com, example.com, or <> for none. Everyone if empty.',
    maxItems: 1_000,
  }),
  allow_to: list({
    doc: 'Recipients that a mail may go to: example.com, *.example.com, bob@example.com. Everyone if empty.',
    maxItems: 1_000,
  }),
  spares: integer({
    doc: 'Connections kept logged in, ready for the next session; 0 for none.',
    default: 0,
    min: 0,
    max: 20,
  }),
  via: text({ doc: 'Name of the ssh service to dial through.', redirects: true, maxLength: 255 }),
} as const;

export type SmtpConfig = Parsed<typeof shape>;

/** Fields of the kind `smtp` (DESIGN §7) and the rules across them. */
export const smtpConfig = configSpec(shape, (config, isSet) => {
  const problems = [...oauthProblems(config, isSet), ...policyProblems(config)];
  const token = isSet('refresh_token') || isSet('service_account');
  if (isBearer(config.auth) && !token)
    problems.push(`refresh_token or service_account is required with auth ${config.auth}`);
  if (!isBearer(config.auth) && !isSet('password') && !(config.auth === 'auto' && token))
    problems.push('password is required');
  return problems;
});

export function isBearer(auth: SmtpConfig['auth']): boolean {
  return auth === 'xoauth2' || auth === 'oauthbearer';
}

export function targetOf(config: SmtpConfig): Target {
  return { host: config.host, port: config.port ?? PORTS[config.tls] };
}

/** `SMTP at smtp.example.com:587`. */
export function describe(config: SmtpConfig): string {
  const { host, port } = targetOf(config);
  return `SMTP at ${formatHostPort(host, port)}`;
}
