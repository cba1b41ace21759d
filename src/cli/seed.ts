import { closest } from '../core/config.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { refused, type SeedType } from './seeds/auth.ts';
import { postgresSeed, redisSeed } from './seeds/database.ts';
import { imapSeed, smtpSeed } from './seeds/mail.ts';
import { sshSeed } from './seeds/ssh.ts';
import { webSeeds } from './seeds/web.ts';
import type { ServiceFile } from './servicerecord.ts';

const TYPES: Readonly<Record<string, SeedType>> = {
  postgres: postgresSeed,
  redis: redisSeed,
  imap: imapSeed,
  smtp: smtpSeed,
  ssh: sshSeed,
  ...webSeeds,
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
  if (base_url !== undefined && typeof base_url !== 'string') throw refused('base_url must be text');
  if (!isJsonObject(auth) || typeof auth.type !== 'string') throw refused('auth.type is missing');
  const type = Object.hasOwn(TYPES, auth.type) ? TYPES[auth.type] : undefined;
  if (!type)
    throw refused(`auth.type "${auth.type}" cannot be taken over; what can is ${Object.keys(TYPES).join(', ')}`);
  if (typeof tls_skip_verify !== 'boolean') throw refused('tls_skip_verify must be true or false');
  if (typeof session_cookies !== 'boolean') throw refused('session_cookies must be true or false');
  if (session_cookies && !type.web) throw refused(`session_cookies means nothing to ${type.kind}; leave it out`);
  for (const key of Object.keys(auth)) {
    if (key === 'type' || type.keys.includes(key)) continue;
    const near = closest(key, type.keys);
    throw refused(`auth.${key} is not known for ${auth.type}${near ? ` (did you mean ${near}?)` : ''}`);
  }
  const baseUrl = base_url === '' ? undefined : base_url;
  const seed = { auth, baseUrl, skipsVerify: tls_skip_verify, sessionCookies: session_cookies };
  const { config, secrets, changes } = type.map(seed);
  const unused = baseUrl === undefined || type.web ? [] : ['base_url: not used; the host says where it is'];
  return { name, kind: type.kind, config, secrets, policy: undefined, changes: [...unused, ...changes] };
}
