import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { BrokerError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { Field__Output } from '../core/proto/broker/v1/Field.ts';
import { Secret } from '../core/secret.ts';

/** Schemes that are called otherwise than the kind; of the others `KIND` and, with TLS, `KINDs` are understood. */
const ALIASES: Readonly<Record<string, string>> = { postgresql: 'postgres' };

/** Query parameters that say what a field says (PostgreSQL manual, "Parameter Key Words"); those of `FILES` name a file. */
const PARAMETERS: Readonly<Record<string, string>> = {
  host: 'host',
  port: 'port',
  user: 'user',
  password: 'password',
  dbname: 'database',
  sslmode: 'tls',
  sslrootcert: 'ca',
  sslcert: 'cert',
  sslkey: 'key',
};
const FILES = ['ca', 'cert', 'key'];

export interface ServiceUrl {
  readonly scheme: string;
  readonly user: string | undefined;
  readonly password: Secret | undefined;
  readonly host: string;
  readonly port: string | undefined;
  readonly path: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** The variable it was in; errors name it, never what is in it. */
  readonly variable: string;
}

export interface UrlValues {
  readonly config: Record<string, JsonValue>;
  readonly secrets: Record<string, Secret>;
  /** What broker takes to mean more, or something else, than other programs do. */
  readonly changes: readonly string[];
}

/**
 * The URL in an environment variable: `scheme://user:password@host:port/database?parameter=value`.
 * @throws BrokerError `invalid_argument`, without a word of the URL.
 */
export function readServiceUrl(variable: string, env: NodeJS.ProcessEnv = process.env): ServiceUrl {
  const text = env[variable];
  const refuse = (why: string): BrokerError => new BrokerError('invalid_argument', `--url-env ${variable}: ${why}`);
  if (text === undefined) throw refuse('the variable is not set');
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(text.trim());
  if (!match) {
    throw refuse('this is no URL such as scheme://user:password@host:port/database (special characters as %XX)');
  }
  const [, scheme = '', login, authority = '', path = '', query = ''] = match;
  if (authority.includes(',')) throw refuse('it names several hosts; a service has one');
  const place = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority);
  if (!place) throw refuse('host and port cannot be told apart');
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch (cause) {
      throw new BrokerError('invalid_argument', `--url-env ${variable}: a %XX in it is not valid`, { cause });
    }
  };
  const [user, password] = login === undefined ? [] : splitOnce(login, ':');
  const host = decode((place[1] ?? '').replace(/^\[(.*)\]$/, '$1'));
  return {
    scheme: scheme.toLowerCase(),
    user: user ? decode(user) : undefined,
    password: password ? Secret.fromText(decode(password)) : undefined,
    host: place[1]?.startsWith('[') && !isIPv6(host.split('%')[0] ?? '') ? failed(refuse('not an IPv6 address')) : host,
    port: place[2] || undefined,
    path: decode(path),
    parameters: query
      .split('&')
      .filter(Boolean)
      .map((pair) => splitOnce(pair, '=').map((part) => decode(part ?? '')) as [string, string]),
    variable,
  };
}

/** The kind that a URL's scheme stands for; undefined when there is none. */
export function kindOfUrl({ scheme }: ServiceUrl, kinds: readonly string[]): string | undefined {
  const named = ALIASES[scheme] ?? scheme;
  return kinds.find((kind) => kind === named) ?? kinds.find((kind) => `${kind}s` === named);
}

/**
 * What a URL says, as fields of a kind. A parameter that no field can hold is refused: the service would silently be
 * another one. TLS is never less than the URL asks for, and checked in full where it does not ask.
 * @throws BrokerError `invalid_argument` naming the parameter.
 */
export function mapServiceUrl(url: ServiceUrl, kind: string, fields: readonly Field__Output[]): UrlValues {
  const config: Record<string, JsonValue> = {};
  const secrets: Record<string, Secret> = {};
  const changes: string[] = [];
  const has = (name: string): boolean => fields.some((field) => field.name === name);
  const refuse = (why: string, hint?: string): BrokerError =>
    new BrokerError('invalid_argument', `--url-env ${url.variable}: ${why}`, hint === undefined ? {} : { hint });
  const put = (names: readonly string[], what: string, value: string): void => {
    const name = names.find(has);
    if (name === undefined) throw refuse(`it names a ${what}, which this kind of service has not`);
    if (config[name] !== undefined && config[name] !== value) throw refuse(`it names two values for ${name}`);
    config[name] = value;
  };
  if (kindOfUrl(url, [kind]) !== kind) throw refuse(`${url.scheme}:// is not the URL of a ${kind} service`);
  if (url.host) put(['host'], 'host', url.host);
  if (url.port) put(['port'], 'port', url.port);
  if (url.user) put(['user', 'username'], 'user', url.user);
  if (url.password) secrets.password = url.password;
  if (url.path) put(['database', 'db'], 'database', url.path);
  for (const [name, value] of url.parameters) {
    const field = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (name === 'channel_binding' && value === 'prefer') continue; // what the driver does anyway
    if (field === undefined || !has(field)) {
      throw refuse(
        `the parameter "${name}" cannot be kept in a service`,
        name === 'channel_binding'
          ? 'leave it out: broker binds to the channel wherever the server offers it'
          : 'leave it out of the URL; a client may still ask for it when it connects',
      );
    }
    if (field === 'password') secrets.password = Secret.fromText(value);
    else if (field === 'key') secrets.key = Secret.own(fileOf(name, value, refuse));
    else put([field], name, FILES.includes(field) ? fileOf(name, value, refuse).toString('utf8') : value);
  }
  settleTls(config, fields, url.scheme === `${kind}s`, changes);
  return { config, secrets, changes };
}

/** Says what was not said, and keeps what libpq would have checked (PostgreSQL manual, table 34.1). */
function settleTls(
  config: Record<string, JsonValue>,
  fields: readonly Field__Output[],
  secured: boolean,
  changes: string[],
): void {
  const tls = fields.find((field) => field.name === 'tls');
  if (!tls) return;
  if (config.tls === 'require' && config.ca !== undefined) {
    config.tls = 'verify-ca';
    changes.push('sslmode require with sslrootcert: becomes tls verify-ca, which is what libpq makes of it');
  } else if (config.tls === undefined && !String(config.host ?? '').startsWith('/')) {
    const safest = ['verify-full', 'implicit'].find((choice) => tls.choices.includes(choice));
    if (secured && safest) config.tls = safest;
    const standard = tls.defaultJson.replaceAll('"', '');
    if (!secured) changes.push(`the URL does not speak of TLS: it is ${standard}, unless --tls says otherwise`);
  }
}

function fileOf(name: string, path: string, refuse: (why: string) => BrokerError): Buffer {
  if (name === 'sslrootcert' && path === 'system')
    throw refuse('leave sslrootcert=system out: it is what tls verify-full does');
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new BrokerError('invalid_argument', refuse(`the file of ${name} cannot be read`).message, { cause });
  }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function failed(error: BrokerError): never {
  throw error;
}
