import { configSpec, type Parsed } from '../../core/config.ts';
import { formatHostPort, type Target } from '../../core/dial.ts';
import { choice, integer, port, secret, text } from '../../core/field.ts';
import { oauthFields, oauthProblems } from '../../core/oauth.ts';

const shape = {
  host: text({
    doc: 'Name or address of the server.',
    required: true,
    redirects: true,
    maxLength: 255,
    pattern: /^([^\s/@?#:]+|\[?[0-9A-Fa-f:.]+(%[\w.-]+)?\]?)$/,
  }),
  port: port({ doc: 'TCP port; 993 with tls implicit, else 143.', redirects: true }),
  user: text({ doc: 'User to log in as.', required: true, maxLength: 255 }),
  password: secret({ doc: 'The user’s password.', maxBytes: 4_096 }),
  tls: choice(['implicit', 'starttls', 'none'], {
    doc: 'implicit: TLS from the first byte. starttls: begins in the clear and must switch to TLS before the login. none: password and mail cross the network in the clear.',
    default: 'implicit',
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
    doc: 'How to log in. auto: with a token if one is configured; else SCRAM-SHA-256 where offered, AUTHENTICATE PLAIN, the LOGIN command.',
    default: 'auto',
    redirects: true,
  }),
  ...oauthFields,
  spares: integer({
    doc: 'Connections kept logged in, ready for the next session; 0 for none.',
    default: 0,
    min: 0,
    max: 20,
  }),
  via: text({ doc: 'Name of the ssh service to dial through.', redirects: true, maxLength: 255 }),
} as const;

export type ImapConfig = Parsed<typeof shape>;

/** Fields of the kind `imap` (DESIGN §7) and the rules across them. */
export const imapConfig = configSpec(shape, (config, isSet) => {
  const problems = oauthProblems(config, isSet);
  const token = isSet('refresh_token') || isSet('service_account');
  if (isBearer(config.auth) && !token)
    problems.push(`refresh_token or service_account is required with auth ${config.auth}`);
  if (!isBearer(config.auth) && !isSet('password') && !(config.auth === 'auto' && token))
    problems.push('password is required');
  return problems;
});

export function isBearer(auth: ImapConfig['auth']): boolean {
  return auth === 'xoauth2' || auth === 'oauthbearer';
}

export function targetOf(config: ImapConfig): Target {
  return { host: config.host, port: config.port ?? (config.tls === 'implicit' ? 993 : 143) };
}

/** `IMAP at mail.example.com:993`. */
export function describe(config: ImapConfig): string {
  const { host, port } = targetOf(config);
  return `IMAP at ${formatHostPort(host, port)}`;
}
