import { choice, list, secret, text } from './field.ts';
import type { Secret } from './secret.ts';

/** What to do when the issuer takes a refresh token no longer. */
export const RENEW_HINT =
  'the permission was withdrawn or has expired; log in again: broker oauth login {service}; or store another: broker service set {service} --refresh-token-stdin';

/** How the application proves who it is: in the form, or by HTTP Basic (RFC 6749 §2.3.1). */
export type ClientAuth = 'post' | 'basic';

interface Issuer {
  /** PEM of the CA that signed the token endpoint's certificate; the system's CAs where there is none. */
  readonly ca: string | undefined;
  readonly scope: string | undefined;
}

interface Application extends Issuer {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: Secret | undefined;
  readonly clientAuth: ClientAuth;
}

/**
 * Where access tokens come from: a refresh token (RFC 6749 §6), the application's own name (§4.4), or a service account
 * whose key signs an assertion (RFC 7523). The port `DriverIo.accessToken` turns it into a token; HTTP services use the same.
 */
export type OAuthSettings =
  | (Application & { readonly type: 'refresh_token'; readonly refreshToken: Secret })
  | (Application & { readonly type: 'client_credentials'; readonly audience: string | undefined })
  | (Issuer & {
      readonly type: 'service_account';
      /** The JSON key file as its issuer gave it out: client_email, private_key, token_uri. */
      readonly key: Secret;
      /** In whose name: the mailbox, where the account may act for the users of a domain. */
      readonly subject: string | undefined;
      /** Where it is not the key file's own `token_uri`. */
      readonly tokenUrl: string | undefined;
    });

/** The application and its issuer. */
export const applicationFields = {
  token_url: text({ doc: 'OAuth2: where access tokens are given out (https).', redirects: true, maxLength: 2_048 }),
  token_ca: text({
    doc: 'OAuth2: PEM of the CA that signed the issuer’s certificate; the system’s CAs by default.',
    multiline: true,
    redirects: true,
  }),
  client_id: text({ doc: 'OAuth2: the application’s id.', maxLength: 1_024 }),
  client_secret: secret({ doc: 'OAuth2: the application’s secret, where it has one.', maxBytes: 4_096 }),
  client_auth: choice(['post', 'basic'], {
    doc: 'OAuth2: how the application’s secret is sent: in the form, or as HTTP Basic.',
    default: 'post',
  }),
} as const;

/** Where a user logs in, for `broker oauth login`. */
export const loginFields = {
  issuer: text({
    doc: 'OAuth2: the issuer, from whose metadata the other URLs come: https://accounts.google.com.',
    redirects: true,
    maxLength: 2_048,
  }),
  authorization_url: text({
    doc: 'OAuth2: where the user logs in with a browser, where there is no issuer to ask.',
    redirects: true,
    maxLength: 2_048,
  }),
  device_url: text({
    doc: 'OAuth2: where a login on another device begins (RFC 8628), where there is no issuer to ask.',
    redirects: true,
    maxLength: 2_048,
  }),
  authorization_params: list({
    doc: 'OAuth2: further parameters of the login: NAME=VALUE. Google gets access_type=offline and prompt=consent by itself.',
    maxItems: 20,
  }),
} as const;

/** Fields of a kind that can log in with OAuth2 tokens. */
export const oauthFields = {
  ...applicationFields,
  ...loginFields,
  refresh_token: secret({
    doc: 'OAuth2: refresh token of the mailbox; broker oauth login NAME gets one.',
    maxBytes: 16_384,
  }),
  scope: text({ doc: 'OAuth2: scopes to ask for, separated by spaces.', maxLength: 4_096 }),
  service_account: secret({
    doc: 'OAuth2: JSON key file of a service account, in place of a refresh token.',
    maxBytes: 65_536,
  }),
} as const;

/** Where a user logs in. */
export interface LoginConfig {
  readonly token_url?: string | undefined;
  readonly issuer?: string | undefined;
  readonly authorization_url?: string | undefined;
  readonly device_url?: string | undefined;
  readonly authorization_params?: readonly string[] | undefined;
}

/** Parameters of a login that are broker's own to set. */
const OWN_PARAMS =
  /^(response_type|response_mode|client_id|client_secret|redirect_uri|scope|state|nonce|code_challenge|code_challenge_method|code_verifier|request|request_uri)=/;

/** What is wrong with the URLs of an issuer. */
export function loginProblems(config: LoginConfig): string[] {
  const problems: string[] = [];
  for (const name of ['token_url', 'issuer', 'authorization_url', 'device_url'] as const) {
    const url = config[name];
    if (url !== undefined && !isTokenUrl(url))
      problems.push(`${name} must be an https URL without user, password or fragment`);
  }
  for (const [index, param] of (config.authorization_params ?? []).entries())
    if (!/^[^=\s]+=/.test(param)) problems.push(`authorization_params: entry ${index + 1} is not NAME=VALUE`);
    else if (OWN_PARAMS.test(param)) problems.push(`authorization_params must not set ${param.split('=')[0]}`);
  return problems;
}

/** True where `broker oauth login` can get a refresh token. */
export function canLogIn(config: LoginConfig): boolean {
  return config.issuer !== undefined || config.authorization_url !== undefined || config.device_url !== undefined;
}

/** What of a service's configuration a login needs; imap, smtp and oauth2_client have it. */
export interface LoginSettings extends LoginConfig {
  readonly client_id?: string | undefined;
  readonly client_secret?: Secret | undefined;
  readonly client_auth?: ClientAuth | undefined;
  readonly client_json?: Secret | undefined;
  readonly token_ca?: string | undefined;
  readonly scope?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
}

/** True for the configuration of a kind that has these fields. */
export function isLoginSettings(config: unknown): config is LoginSettings {
  return typeof config === 'object' && config !== null && 'authorization_params' in config;
}

export interface OAuthConfig extends LoginConfig {
  readonly client_id?: string | undefined;
  readonly client_secret?: Secret | undefined;
  readonly client_auth?: ClientAuth | undefined;
  readonly refresh_token?: Secret | undefined;
  readonly scope?: string | undefined;
  readonly token_ca?: string | undefined;
  readonly service_account?: Secret | undefined;
}

/** What is wrong with the OAuth fields of a service: sentences that each start with a field's name. */
export function oauthProblems(config: OAuthConfig, isSet: (secret: string) => boolean): string[] {
  const problems: string[] = [];
  const refresh = isSet('refresh_token');
  if (refresh && isSet('service_account'))
    problems.push('service_account must not be given together with refresh_token');
  if (refresh && config.token_url === undefined) problems.push('token_url is required with refresh_token');
  if (refresh && config.client_id === undefined) problems.push('client_id is required with refresh_token');
  return [...problems, ...loginProblems(config)];
}

/** The token source that a configuration names; undefined where it names none. */
export function oauthOf(config: OAuthConfig, subject: string | undefined): OAuthSettings | undefined {
  const { scope, token_url: tokenUrl, client_id: clientId, token_ca: ca } = config;
  if (config.service_account)
    return { type: 'service_account', key: config.service_account, subject, scope, tokenUrl, ca };
  if (!config.refresh_token || tokenUrl === undefined || clientId === undefined) return undefined;
  const { client_secret: clientSecret, refresh_token: refreshToken } = config;
  const clientAuth = config.client_auth ?? 'post';
  return { type: 'refresh_token', tokenUrl, clientId, clientSecret, clientAuth, refreshToken, scope, ca };
}

/** https; plain http only to this machine, where nobody is on the way. */
export function isTokenUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.hash !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && /^(127\.0\.0\.1|\[::1\])$/.test(url.hostname));
}
