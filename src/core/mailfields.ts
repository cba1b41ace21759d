import { formatHostPort, type Target } from './dial.ts';
import { choice, type Field, port, secret, text } from './field.ts';
import { canLogIn, type OAuthConfig, oauthFields, oauthProblems } from './oauth.ts';
import type { Secret } from './secret.ts';
import { hostField, trustFields } from './serverfields.ts';

/** What services of mail servers have in common: fields and rules. */

type MailTls = 'implicit' | 'starttls' | 'none';

const TLS_DOCS: Readonly<Record<MailTls, string>> = {
  implicit: 'implicit: TLS from the first byte.',
  starttls: 'starttls: begins in the clear and must switch to TLS before the login.',
  none: 'none: password and mail cross the network in the clear.',
};
const FALLS_BACK = 'it would fall back to no encryption as soon as somebody on the way says that there is none';

/**
 * @param modes the kinds of TLS, the default first.
 * @param ports their ports, as the docs say it.
 * @param order in which `auto` tries the logins with a password.
 */
export function mailFields(modes: readonly [MailTls, ...MailTls[]], ports: string, order: string) {
  const tls: Field<MailTls> = choice(modes, {
    doc: modes.map((mode) => TLS_DOCS[mode]).join(' '),
    default: modes[0],
    redirects: true,
    refused: { auto: FALLS_BACK, prefer: FALLS_BACK },
  });
  return {
    host: hostField,
    port: port({ doc: `TCP port; ${ports}.`, redirects: true }),
    user: text({ doc: 'User to log in as.', required: true, maxLength: 255 }),
    password: secret({ doc: 'The user’s password.', maxBytes: 4_096 }),
    tls,
    ...trustFields,
    auth: choice(['auto', 'plain', 'login', 'scram', 'xoauth2', 'oauthbearer'], {
      doc: `How to log in. auto: with a token if one is configured; else ${order}.`,
      default: 'auto',
      redirects: true,
    }),
    ...oauthFields,
  } as const;
}

export interface MailConfig extends OAuthConfig {
  readonly host: string;
  readonly user: string;
  readonly password?: Secret | undefined;
  readonly ca?: string | undefined;
  readonly server_name?: string | undefined;
  readonly auth: 'auto' | 'plain' | 'login' | 'scram' | 'xoauth2' | 'oauthbearer';
}

/** Rules across the fields: sentences that each start with a field's name. */
export function mailProblems(config: Omit<MailConfig, 'password'>, isSet: (secret: string) => boolean): string[] {
  const problems = oauthProblems(config, isSet);
  const token = isSet('refresh_token') || isSet('service_account') || canLogIn(config);
  if (isBearer(config.auth) && !token)
    problems.push(`refresh_token or service_account is required with auth ${config.auth}`);
  if (!isBearer(config.auth) && !isSet('password') && !(config.auth === 'auto' && token))
    problems.push('password is required');
  return problems;
}

/** `IMAP at mail.example.com:993`. */
export function describeAt(title: string, { host, port }: Target): string {
  return `${title} at ${formatHostPort(host, port)}`;
}

export function mayUseToken(auth: MailConfig['auth']): boolean {
  return auth === 'auto' || isBearer(auth);
}

function isBearer(auth: MailConfig['auth']): boolean {
  return auth === 'xoauth2' || auth === 'oauthbearer';
}
