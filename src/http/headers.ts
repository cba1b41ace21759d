import { type HttpConfig, STRIPPED_RESPONSE_HEADERS } from './config.ts';
import { fieldLines } from './fieldlines.ts';
import { acceptEncoding } from './scrub/encoding.ts';

/** Fields of one connection, not of the message (RFC 9110 §7.6.1), and those that this side answers itself. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];
/** Wherever a client may have put a key: the service's own takes its place, or none. */
const CREDENTIALS = [
  'authorization',
  'x-api-key',
  'api-key',
  'apikey',
  'x-goog-api-key',
  'x-broker-token',
  'x-auth-token',
  'x-auth-key',
  'x-access-token',
  'x-csrf-token',
  'private-token',
  'job-token',
  'x-gitlab-token',
  'x-amz-security-token',
  'x-functions-key',
  'x-rapidapi-key',
  'ocp-apim-subscription-key',
  'openai-organization',
  'openai-project',
  'cookie',
  'cookie2',
];
/** What would tell the server where the request came from. */
const FORWARDING = [
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'origin',
  'referer',
];
/** Some servers take another method or path from these than what was checked here (MECHANISMS §6). */
const OVERRIDES = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-override-url',
];
const REQUEST_DROPPED = new Set([...HOP_BY_HOP, ...CREDENTIALS, ...FORWARDING, ...OVERRIDES, 'host', 'expect']);
/** Seed product's own headers, all of them its business. */
const DROPPED_PREFIX = 'x-vault-';
/** What a response may not bring to the client: broker's own words, and the advice to go past it. */
const RESPONSE_DROPPED = [...HOP_BY_HOP, 'x-broker-error', 'alt-svc'];

/** Names are mostly the same few, spelled the same few ways: remembered so that none is lower-cased twice. */
const lowered = new Map<string, string>();
const MAX_REMEMBERED = 2_000;

function lower(name: string): string {
  const known = lowered.get(name);
  if (known !== undefined) return known;
  const made = name.toLowerCase();
  if (lowered.size < MAX_REMEMBERED) lowered.set(name, made);
  return made;
}

/** What is done with headers of a service's requests and responses, worked out once from its configuration. */
export class HeaderRules {
  readonly #dropped: ReadonlySet<string>;
  readonly #defaults: readonly string[];
  readonly #responseDropped: ReadonlySet<string>;

  constructor(config: HttpConfig) {
    const set = flat(config.set_headers);
    const passed = config.pass_headers.map((name) => name.toLowerCase());
    const replaced = names(set);
    this.#dropped = new Set([...[...REQUEST_DROPPED].filter((name) => !passed.includes(name)), ...replaced]);
    this.#set = set;
    this.#defaults = flat(config.default_headers);
    const stripped = config.strip_response_headers;
    const chosen = stripped.length === 0 ? STRIPPED_RESPONSE_HEADERS : stripped.map((name) => name.toLowerCase());
    const kept = config.session_cookies === 'off' ? [] : ['set-cookie'];
    this.#responseDropped = new Set([...RESPONSE_DROPPED, ...chosen, ...kept]);
  }

  readonly #set: readonly string[];

  /**
   * The client's headers as they may go on: nothing that is a credential, nothing of the connection (also what
   * `Connection` names), nothing about where it came from; encodings that can be looked into; the configured ones.
   * @param raw flat: name, value ...
   */
  request(raw: readonly string[]): string[] {
    const out: string[] = [];
    let named: ReadonlySet<string> | undefined;
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at] ?? '';
      const value = raw[at + 1] ?? '';
      const key = lower(name);
      if (this.#dropped.has(key)) {
        if (key === 'connection' && !isPlainConnection(value)) named = connectionNames(raw);
      } else if (key === 'accept-encoding') out.push(name, acceptEncoding(value));
      else if (!key.startsWith(DROPPED_PREFIX)) out.push(name, value);
    }
    const kept = named ? without(out, named) : out;
    if (this.#defaults.length > 0) addMissing(kept, this.#defaults);
    for (const item of this.#set) kept.push(item);
    return kept;
  }

  /** The server's headers as the client may see them. @param raw flat: name, value ... */
  response(raw: readonly string[]): string[] {
    const out: string[] = [];
    let named: ReadonlySet<string> | undefined;
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at] ?? '';
      const value = raw[at + 1] ?? '';
      const key = lower(name);
      if (!this.#responseDropped.has(key)) out.push(name, value);
      else if (key === 'connection' && !isPlainConnection(value)) named = connectionNames(raw);
    }
    return named ? without(out, named) : out;
  }
}

/** `headers` with each of `more` in place of all of its name. */
export function replaced(headers: readonly string[], more: readonly string[]): string[] {
  if (more.length === 0) return [...headers];
  const out = without(headers, namesOf(more));
  for (const item of more) out.push(item);
  return out;
}

/** By the list that they are in: a credential's is the same for each request. */
const nameSets = new WeakMap<readonly string[], ReadonlySet<string>>();

function namesOf(headers: readonly string[]): ReadonlySet<string> {
  const known = nameSets.get(headers);
  if (known) return known;
  const made = new Set(names(headers));
  nameSets.set(headers, made);
  return made;
}

/**
 * `headers` with the jar's cookies in their one Cookie field (RFC 6265 §5.4). What the service's configuration or credential
 * says there goes first, and instead of a cookie of the jar that has the same name.
 */
export function withCookies(headers: string[], jar: string | undefined): string[] {
  if (jar === undefined) return headers;
  const given = valuesOf(headers, 'cookie')
    .flatMap((value) => value.split(/; */))
    .filter((pair) => pair !== '');
  const taken = new Set(given.map(cookieName));
  const kept = jar.split('; ').filter((pair) => !taken.has(cookieName(pair)));
  return replaced(headers, ['Cookie', [...given, ...kept].join('; ')]);
}

function cookieName(pair: string): string {
  return pair.split('=', 1)[0]?.trim() ?? '';
}

/** The values of one name, in order. */
export function valuesOf(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < headers.length; at += 2)
    if (lower(headers[at] ?? '') === name) values.push(headers[at + 1] ?? '');
  return values;
}

/** The first value of one name. */
export function firstOf(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (lower(headers[at] ?? '') === name) return headers[at + 1];
  return undefined;
}

function isPlainConnection(value: string): boolean {
  const plain = lower(value);
  return plain === 'keep-alive' || plain === 'close' || plain === 'upgrade';
}

/** What `Connection` calls its own; length and type of the body are not (some servers would misread the rest). */
function connectionNames(raw: readonly string[]): ReadonlySet<string> {
  const listed = valuesOf(raw, 'connection').flatMap((value) => value.toLowerCase().split(','));
  const names = listed.map((name) => name.trim());
  return new Set(names.filter((name) => name !== 'content-length' && name !== 'content-type' && name !== 'host'));
}

function without(headers: readonly string[], dropped: ReadonlySet<string>): string[] {
  const out: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (!dropped.has(lower(name))) out.push(name, headers[at + 1] ?? '');
  }
  return out;
}

function addMissing(headers: string[], defaults: readonly string[]): void {
  for (let at = 0; at < defaults.length; at += 2) {
    const name = defaults[at] ?? '';
    if (firstOf(headers, lower(name)) === undefined) headers.push(name, defaults[at + 1] ?? '');
  }
}

function names(headers: readonly string[]): string[] {
  return headers.flatMap((name, at) => (at % 2 === 0 ? [name.toLowerCase()] : []));
}

function flat(lines: readonly string[]): readonly string[] {
  const read = fieldLines(lines);
  return typeof read === 'string' ? [] : read;
}
