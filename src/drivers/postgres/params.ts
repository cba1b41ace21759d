import type { OpenParams } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';

/**
 * Start-up parameters.
 *
 * A client may choose the ones below, in its StartupMessage or in `options`; they go into the upstream's StartupMessage,
 * so that they are what RESET ALL and DISCARD ALL go back to, as on a direct connection.
 * `user` and `database` are ignored: the service decides them. `replication` is refused. `_pq_.` options are answered
 * with NegotiateProtocolVersion. Everything else is refused by name: an ignored setting would be a lie.
 */
const ALLOWED = new Set([
  'application_name',
  'client_encoding',
  'datestyle',
  'extra_float_digits',
  'intervalstyle',
  'search_path',
  'statement_timeout',
  'timezone',
]);

const SHOWN =
  'application_name, client_encoding, DateStyle, extra_float_digits, IntervalStyle, search_path, statement_timeout, TimeZone';

export interface StartupParams {
  readonly params: OpenParams;
  /** `_pq_.` options, none of which we know. */
  readonly unknownOptions: readonly string[];
}

/**
 * What a StartupMessage asks for, in canonical form: names in lower case, sorted; the later of two wins, and a
 * parameter of its own wins over one in `options` (as in the server's process_startup_options).
 * @throws BrokerError `denied` for replication and for a parameter that is not passed on; `client_protocol` for
 * `options` that can't be parsed.
 */
export function readStartupParams(pairs: Iterable<readonly [string, string]>): StartupParams {
  const direct = new Map<string, string>();
  const fromOptions = new Map<string, string>();
  const unknownOptions: string[] = [];
  for (const [given, value] of pairs) {
    const name = given.toLowerCase();
    if (name === 'user' || name === 'database') continue;
    if (given.startsWith('_pq_.')) unknownOptions.push(given);
    else if (name === 'replication') refuseReplication(value);
    else if (name === 'options') for (const [key, v] of readOptions(value)) fromOptions.set(allowed(key), v);
    else direct.set(allowed(given), value);
  }
  const merged = [...new Map([...fromOptions, ...direct])].sort(([a], [b]) => (a < b ? -1 : 1));
  return { params: new Map(merged), unknownOptions };
}

/** libpq's variable for each parameter (fe-connect.c, EnvironmentOptions and PQconninfoOptions). */
const VARIABLES = [
  ['PGOPTIONS', 'options'],
  ['PGAPPNAME', 'application_name'],
  ['PGCLIENTENCODING', 'client_encoding'],
  ['PGTZ', 'timezone'],
  ['PGDATESTYLE', 'datestyle'],
] as const;

/** What libpq will ask for when it is started with these variables; parameters that would be refused are left out. */
export function predictParams(env: Readonly<Record<string, string>>): OpenParams {
  const predicted = new Map<string, string>();
  for (const [variable, name] of VARIABLES) {
    const value = env[variable];
    // "auto" is resolved by the client from its locale; "default" in PGTZ and PGDATESTYLE means not to send it.
    if (!value || (name === 'client_encoding' && value === 'auto')) continue;
    if ((name === 'timezone' || name === 'datestyle') && value.toLowerCase() === 'default') continue;
    try {
      for (const [key, v] of readStartupParams([[name, value]]).params) predicted.set(key, v);
    } catch (error) {
      // Only a guess: the client is told when it comes.
      if (!(error instanceof BrokerError)) throw error;
    }
  }
  return new Map([...predicted].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function allowed(given: string): string {
  const name = given.toLowerCase();
  if (ALLOWED.has(name)) return name;
  throw new BrokerError('denied', `the start-up parameter "${shown(given)}" is not passed on`, {
    hint: `set it with SET once connected; a client may ask for ${SHOWN} at start-up`,
  });
}

/** The server's own words for a boolean (parse_bool), or `database` for logical replication. */
function refuseReplication(value: string): void {
  if (/^(f|fa|fal|fals|false|n|no|of|off|0)$/i.test(value)) return;
  throw new BrokerError('denied', 'replication connections are not possible through broker');
}

/** `-c name=value`, `-cname=value` and `--name=value`, split as the server does it (pg_split_opts, ParseLongOption). */
function readOptions(text: string): [string, string][] {
  const words = splitOptions(text);
  const found: [string, string][] = [];
  for (let i = 0; i < words.length; i++) {
    let word = words[i] ?? '';
    if (word === '-c') word = `-c${words[++i] ?? ''}`;
    const match = /^(?:-c|--)([^=]+)=(.*)$/s.exec(word);
    const name = match?.[1];
    if (!name) {
      throw new BrokerError('denied', `"${shown(word)}" in the start-up parameter "options" is not passed on`, {
        hint: `only -c name=value and --name=value are, for ${SHOWN}`,
      });
    }
    found.push([name.replaceAll('-', '_'), match[2] ?? '']);
  }
  return found;
}

/** White space separates, a backslash makes the next character literal. */
function splitOptions(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? '';
    if (/[ \t\n\v\f\r]/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (c === '\\') word = (word ?? '') + (text[++i] ?? '');
    else word = (word ?? '') + c;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function shown(text: string): string {
  return text.replace(/[^ -~]/g, '?').slice(0, 64);
}
