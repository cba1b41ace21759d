import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { Secret } from '../core/secret.ts';
import type { ServiceFile } from './servicerecord.ts';

/** What one of the seeds' auth types becomes here. */
interface Mapped {
  readonly config: Record<string, JsonValue>;
  readonly secrets: Record<string, Secret>;
  readonly changes: readonly string[];
}

interface SeedType {
  readonly kind: string;
  /** Every key of `auth` that is understood, besides `type`. */
  readonly keys: readonly string[];
  map(auth: JsonObject, skipsVerify: boolean): Mapped;
}

const TYPES: Readonly<Record<string, SeedType>> = {
  postgres: {
    kind: 'postgres',
    keys: ['postgres_host', 'postgres_port', 'postgres_user', 'postgres_password', 'postgres_db', 'postgres_tls'],
    map: mapPostgres,
  },
};

/** Whether this is a service as vault-proxy's API takes it: credentials flat in `auth`, told apart by `auth.type`. */
export function isSeed(object: JsonObject): boolean {
  return isJsonObject(object.auth) && object.kind === undefined;
}

/**
 * The seeds' service JSON (`{"name", "base_url", "auth": {"type": "postgres", "postgres_host": ...}}`) as one of ours.
 * Nothing is dropped in silence: what cannot be mapped is refused, and what means something else here is in `changes`.
 * Nothing becomes wider than it was.
 * @throws BrokerError `invalid_argument` naming the key.
 */
export function fromSeed(object: JsonObject): ServiceFile {
  const { name, base_url, auth, tls_skip_verify = false, session_cookies = false, ...others } = object;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw refused(`${unknown} is not known in a service with "auth"`);
  if (name !== undefined && typeof name !== 'string') throw refused('name must be text');
  if (!isJsonObject(auth) || typeof auth.type !== 'string') throw refused('auth.type is missing');
  const type = Object.hasOwn(TYPES, auth.type) ? TYPES[auth.type] : undefined;
  if (!type)
    throw refused(`auth.type "${auth.type}" cannot be taken over; what can is ${Object.keys(TYPES).join(', ')}`);
  if (typeof tls_skip_verify !== 'boolean') throw refused('tls_skip_verify must be true or false');
  if (session_cookies !== false) throw refused(`session_cookies means nothing to ${type.kind}; leave it out`);
  for (const key of Object.keys(auth)) {
    if (key === 'type' || type.keys.includes(key)) continue;
    const near = closest(key, type.keys);
    throw refused(`auth.${key} is not known for ${auth.type}${near ? ` (did you mean ${near}?)` : ''}`);
  }
  const { config, secrets, changes } = type.map(auth, tls_skip_verify);
  const baseUrl = base_url === undefined || base_url === '' ? [] : ['base_url: not used; the host says where it is'];
  return { name, kind: type.kind, config, secrets, policy: undefined, changes: [...baseUrl, ...changes] };
}

/** vault-proxy's `require` (its default) checks chain and name; `prefer` goes on in the clear when told to. */
function mapPostgres(auth: JsonObject, skipsVerify: boolean): Mapped {
  const { postgres_host: host, postgres_port: port, postgres_user: user, postgres_db: database } = auth;
  const { postgres_password: password, postgres_tls: tls = 'require' } = auth;
  const changes: string[] = [];
  const config: Record<string, JsonValue> = {};
  if (host !== undefined) config.host = host;
  // Its numbers are numbers, and 0 is Go's way to say "not given".
  if (port !== undefined && port !== 0) config.port = port;
  if (user !== undefined) config.user = user;
  if (database !== undefined && database !== '') config.database = database;
  if (tls === 'disable') config.tls = 'disable';
  else if ((tls === 'require' || tls === '') && skipsVerify) {
    config.tls = 'require';
    changes.push('tls_skip_verify: becomes tls require, which encrypts and checks nothing; verify-full would be safe');
  } else if (tls === 'require' || tls === '') {
    config.tls = 'verify-full';
    changes.push(
      `postgres_tls ${auth.postgres_tls ? '"require"' : '(require by default)'}: becomes tls verify-full, which is what it did there; require checks nothing here`,
    );
  } else if (tls === 'prefer') {
    throw refused(
      'auth.postgres_tls "prefer" is not taken over: it goes on without encryption, password and all, as soon as somebody on the way says that there is none',
      'write "require" (it becomes verify-full), or "disable" to say that everything crosses the network in the clear',
    );
  } else throw refused('auth.postgres_tls must be "require" or "disable"');
  changes.push(
    'password: never sent in the clear; a server that asks for less than SCRAM is refused (--min-auth allows it)',
  );
  return { config, secrets: secretAt('postgres_password', 'password', password), changes };
}

function secretAt(key: string, name: string, value: JsonValue | undefined): Record<string, Secret> {
  if (value === undefined || value === '') return {};
  if (typeof value !== 'string') throw refused(`auth.${key} must be text`);
  return { [name]: Secret.fromText(value) };
}

function refused(why: string, hint?: string): BrokerError {
  return new BrokerError('invalid_argument', `-f: ${why}`, hint === undefined ? {} : { hint });
}
