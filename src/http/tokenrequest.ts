import { BrokerError } from '../core/errors.ts';
import { isTokenUrl, type OAuthSettings, RENEW_HINT } from '../core/oauth.ts';
import { quoteServer } from '../core/quote.ts';
import { Secret } from '../core/secret.ts';
import type { EndpointFetch } from './endpoint.ts';
import { signedJwt } from './jws.ts';
import { parseServiceAccount } from './serviceaccount.ts';

/** Seconds a token lives whose issuer does not say (RFC 6749 §5.1 leaves it out as an option). */
const UNKNOWN_LIFE_SECONDS = 300;
/** Seconds that a service account's assertion is good for. */
const ASSERTION_SECONDS = 300;

/** What a token endpoint gave. */
export interface Granted {
  readonly token: Secret;
  readonly expiresInSeconds: number;
  readonly refreshToken: Secret | undefined;
}

/**
 * Asks a token endpoint once (RFC 6749 §4.4 and §6, RFC 7523 §2.1).
 * @param newer the refresh token that has replaced the one in the settings.
 * @param nowMs epoch milliseconds.
 * @throws BrokerError `upstream_auth` when the issuer refuses, `upstream_refused` while it is out of order,
 * `invalid_argument` for a bad key file or URL, and as EndpointFetch.
 */
export async function requestToken(
  fetch: EndpointFetch,
  settings: OAuthSettings,
  newer: Secret | undefined,
  nowMs: number,
): Promise<Granted> {
  if (settings.type === 'service_account') {
    const { url, form } = assertion(settings, nowMs);
    using signed = Secret.fromText(form.assertion);
    return await post(fetch, url, form, {}, settings.ca, [settings.key, signed]);
  }
  const { clientId, clientSecret, clientAuth, scope, tokenUrl, ca } = settings;
  const basic = clientAuth === 'basic' && clientSecret !== undefined;
  const own = settings.type === 'refresh_token' ? (newer ?? settings.refreshToken) : undefined;
  const form = {
    ...(own ? { grant_type: 'refresh_token', refresh_token: text(own) } : { grant_type: 'client_credentials' }),
    ...(!basic && { client_id: clientId }),
    ...(!basic && clientSecret && { client_secret: text(clientSecret) }),
    ...(scope !== undefined && { scope }),
    ...(settings.type === 'client_credentials' && settings.audience !== undefined && { audience: settings.audience }),
  };
  using pair = basic ? basicPair(clientId, clientSecret) : undefined;
  const headers = pair && { authorization: `Basic ${pair.use((bytes) => bytes.toString('base64'))}` };
  return await post(fetch, tokenUrl, form, headers ?? {}, ca, [own, clientSecret, pair]);
}

/** User and password of an application (RFC 6749 §2.3.1): both halves are form-encoded first. */
export function basicPair(user: string, password: Secret): Secret {
  const encoded = (part: string): string => new URLSearchParams({ v: part }).toString().slice(2);
  return Secret.fromText(`${encoded(user)}:${encoded(text(password))}`);
}

function assertion(settings: Extract<OAuthSettings, { type: 'service_account' }>, nowMs: number) {
  const account = settings.key.use((bytes) => parseServiceAccount(bytes));
  const url = settings.tokenUrl ?? account.tokenUrl;
  const now = Math.floor(nowMs / 1000);
  const claims = {
    iss: account.email,
    aud: url,
    iat: now,
    exp: now + ASSERTION_SECONDS,
    ...(settings.scope !== undefined && { scope: settings.scope }),
    ...(settings.subject !== undefined && { sub: settings.subject }),
  };
  using key = account.key;
  const header = account.keyId === undefined ? {} : { kid: account.keyId };
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: signedJwt('RS256', header, claims, key, 'service_account: private_key'),
  };
  return { url, form };
}

async function post(
  fetch: EndpointFetch,
  url: string,
  form: Record<string, string>,
  headers: Record<string, string>,
  ca: string | undefined,
  secrets: readonly (Secret | undefined)[],
): Promise<Granted> {
  if (!isTokenUrl(url)) throw new BrokerError('invalid_argument', 'token_url must be an https URL', { hop: 'config' });
  const where = `the OAuth2 issuer at ${new URL(url).host}`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
    ca,
  });
  const answer = parseAnswer(await response.text());
  if (!response.ok || answer?.access_token === undefined) {
    const why = answer?.error === undefined ? `HTTP ${response.status}` : describeError(answer, secrets);
    const temporary = response.status >= 500 || response.status === 429;
    throw new BrokerError(temporary ? 'upstream_refused' : 'upstream_auth', `${where} gives out no token: ${why}`, {
      hop: 'auth',
      ...(answer?.error === 'invalid_grant' &&
        form.refresh_token !== undefined && {
          hint: RENEW_HINT,
        }),
    });
  }
  return {
    token: Secret.fromText(answer.access_token),
    expiresInSeconds: answer.expires_in ?? UNKNOWN_LIFE_SECONDS,
    refreshToken: answer.refresh_token === undefined ? undefined : Secret.fromText(answer.refresh_token),
  };
}

interface Answer {
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly expires_in?: number;
  readonly error?: string;
  readonly error_description?: string;
}

/** What of a token endpoint's JSON has the right type (RFC 6749 §5); undefined for no JSON object. */
function parseAnswer(body: string): Answer | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const entries = Object.entries(parsed);
  const string = (name: string): string | undefined =>
    entries.flatMap(([key, value]) => (key === name && typeof value === 'string' && value !== '' ? [value] : []))[0];
  const seconds = Number(entries.find(([key]) => key === 'expires_in')?.[1]);
  const names = ['access_token', 'refresh_token', 'error', 'error_description'] as const;
  const answer: { -readonly [K in keyof Answer]: Answer[K] } = {};
  for (const name of names) {
    const value = string(name);
    if (value !== undefined) answer[name] = value;
  }
  if (Number.isFinite(seconds) && seconds > 0) answer.expires_in = seconds;
  return answer;
}

function describeError(answer: Answer, secrets: readonly (Secret | undefined)[]): string {
  const said = quoteServer([answer.error, answer.error_description].filter(Boolean).join(': '), secrets);
  return `"${said}"`;
}

/** A form is text: for the length of one request the secret is, too. */
function text(secret: Secret): string {
  return secret.use((bytes) => bytes.toString('utf8'));
}
