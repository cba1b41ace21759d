import { formatHostPort, type Target } from './dial.ts';
import type { DriverIo } from './driver.ts';
import { BrokerError } from './errors.ts';
import { choice, type Field, port, secret, text } from './field.ts';
import { type OAuthConfig, oauthFields, oauthOf, oauthProblems } from './oauth.ts';
import { checkToken } from './saslclient.ts';
import type { Secret } from './secret.ts';
import { hostField, serverNameOf, trustFields } from './serverfields.ts';
import type { TlsOptions } from './tls.ts';

/** What services of mail servers have in common: fields, rules, and the login with a token. */

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
  const token = isSet('refresh_token') || isSet('service_account');
  if (isBearer(config.auth) && !token)
    problems.push(`refresh_token or service_account is required with auth ${config.auth}`);
  if (!isBearer(config.auth) && !isSet('password') && !(config.auth === 'auto' && token))
    problems.push('password is required');
  return problems;
}

/** Mail has no half-checked TLS: it is verified, or it is `none`. */
export function mailTls(config: MailConfig, io: DriverIo): TlsOptions {
  return { verify: 'verify-full', serverName: serverNameOf(config), context: io.tlsContext({ ca: config.ca }) };
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

/**
 * Logs in by `login`, with an access token where the service has one to ask for. A token that was kept may have been
 * withdrawn meanwhile: a refused one is fetched anew, once.
 */
export async function loginWithToken<L>(
  config: MailConfig,
  io: DriverIo,
  signal: AbortSignal,
  login: (token: Secret | undefined) => Promise<L>,
): Promise<L> {
  const settings = mayUseToken(config.auth) ? oauthOf(config, config.user) : undefined;
  if (!settings) return await login(undefined);
  if (!io.accessToken) throw new BrokerError('unavailable', 'this daemon gives out no OAuth2 tokens', { hop: 'auth' });
  using token = await io.accessToken(settings, { fresh: false }, signal);
  checkToken(token);
  try {
    return await login(token);
  } catch (error) {
    if (!(error instanceof BrokerError && error.code === 'upstream_auth')) throw error;
    using fresh = await io.accessToken(settings, { fresh: true }, signal);
    checkToken(fresh);
    if (fresh.equals(token)) throw error;
    return await login(fresh);
  }
}

/** The server has none of the logins that the service allows. */
export function unoffered(auth: MailConfig['auth'], offered: ReadonlySet<string>): BrokerError {
  const list = Array.from(offered)
    .filter((name) => /^[\w-]{1,40}$/.test(name))
    .slice(0, 20);
  const offers = list.length === 0 ? 'none' : list.join(', ');
  const wanted = auth === 'auto' ? 'a login that broker has' : `the login ${auth}`;
  return new BrokerError('upstream_auth', `the server does not offer ${wanted}; it offers ${offers}`, { hop: 'auth' });
}

/** What to do about a refused login. */
export function loginHint(method: string): string {
  const store = 'store the right password: broker service set {service} --password-stdin';
  if (/XOAUTH2|OAUTHBEARER/.test(method))
    return 'if the permission was withdrawn, get a new refresh token: broker service set {service} --refresh-token-stdin';
  return /SCRAM/.test(method) ? `${store}; or, if this server keeps no SCRAM data for the user: --auth plain` : store;
}
