import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { keyProblem } from './jws.ts';

/** What of a service account's key file is needed to sign in its name. */
export interface ServiceAccount {
  readonly email: string;
  readonly keyId: string | undefined;
  readonly tokenUrl: string;
  /** PEM; the caller disposes it. */
  readonly key: Secret;
}

/**
 * Reads a key file as Google gives it out: `{"type":"service_account","client_email":...,"private_key":...}`.
 * @throws BrokerError `invalid_argument` that names what is missing, and nothing of what is there.
 */
export function parseServiceAccount(json: Buffer): ServiceAccount {
  const fields = new Map<string, unknown>(Object.entries(read(json)));
  const text = (name: string): string => {
    const value = fields.get(name);
    if (typeof value === 'string' && value !== '') return value;
    throw bad(`has no ${name}`);
  };
  const keyId = fields.get('private_key_id');
  return {
    email: text('client_email'),
    tokenUrl: text('token_uri'),
    keyId: typeof keyId === 'string' ? keyId : undefined,
    key: Secret.fromText(text('private_key')),
  };
}

/** What is wrong with a key file, as the end of a sentence. */
export function serviceAccountProblem(json: Buffer): string | undefined {
  try {
    const { key } = parseServiceAccount(json);
    using _ = key;
    const problem = keyProblem('RS256', key);
    return typeof problem === 'string' ? `has a private_key that ${problem}` : undefined;
  } catch (error) {
    if (error instanceof BrokerError) return error.message.replace(/^service_account /, '');
    throw error;
  }
}

function read(json: Buffer): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json.toString('utf8'));
  } catch {
    // The parser's own message quotes the file.
    throw bad('is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) throw bad('is not a JSON object');
  return parsed;
}

function bad(what: string): BrokerError {
  return new BrokerError('invalid_argument', `service_account ${what}`, { hop: 'config' });
}
