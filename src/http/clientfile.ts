import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';

/** What of an application's client file is used. */
export interface ClientFile {
  readonly clientId: string;
  readonly clientSecret: Secret | undefined;
  readonly tokenUrl: string | undefined;
  readonly authorizationUrl: string | undefined;
  readonly redirectUris: readonly string[];
}

/**
 * Reads a client file as Google gives it out: `{"installed": {"client_id", "client_secret", "token_uri", ...}}`, or `"web"`.
 * @throws BrokerError `invalid_argument` that says what is missing, and nothing of what is there.
 */
export function parseClientFile(json: Buffer): ClientFile {
  const object = objectOf(json);
  const fields = typeof object === 'string' ? undefined : (asObject(object.installed) ?? asObject(object.web));
  const text = (name: string): string | undefined => textOf(fields?.[name]);
  const clientId = text('client_id');
  if (fields === undefined || clientId === undefined)
    throw new BrokerError('invalid_argument', `client_json ${clientFileProblem(json) ?? 'cannot be used'}`, {
      hop: 'config',
    });
  const secret = text('client_secret');
  const uris = fields.redirect_uris;
  return {
    clientId,
    clientSecret: secret === undefined ? undefined : Secret.fromText(secret),
    tokenUrl: text('token_uri'),
    authorizationUrl: text('auth_uri'),
    redirectUris: Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [],
  };
}

/** What is wrong with a client file, as the end of a sentence. */
export function clientFileProblem(json: Buffer): string | undefined {
  const object = objectOf(json);
  if (typeof object === 'string') return object;
  const fields = asObject(object.installed) ?? asObject(object.web);
  if (!fields) return 'has neither "installed" nor "web"';
  return textOf(fields.client_id) === undefined ? 'has no client_id' : undefined;
}

/** @throws BrokerError `invalid_argument`. */
export function refreshTokenOf(json: Buffer): Secret {
  const object = objectOf(json);
  const token = typeof object === 'string' ? undefined : textOf(object.refresh_token);
  if (token !== undefined) return Secret.fromText(token);
  throw new BrokerError('invalid_argument', `token_json ${tokenFileProblem(json) ?? 'cannot be used'}`, {
    hop: 'config',
  });
}

/** What is wrong with a token file, as the end of a sentence. */
export function tokenFileProblem(json: Buffer): string | undefined {
  const object = objectOf(json);
  if (typeof object === 'string') return object;
  return textOf(object.refresh_token) === undefined ? 'has no refresh_token' : undefined;
}

/** The object, or why there is none: the parser's own message would quote the file. */
function objectOf(json: Buffer): Record<string, unknown> | string {
  try {
    return asObject(JSON.parse(json.toString('utf8'))) ?? 'is not a JSON object';
  } catch {
    return 'is not JSON';
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
