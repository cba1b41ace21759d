import { globMatches } from '../../core/glob.ts';
import { word } from './resp.ts';

/**
 * What to do with a command. `auth`, `hello` and `reset` belong to the login, which is broker's; `subcommand` asks to
 * look at the first argument as well, `names` at all of them (CONFIG GET).
 */
export type Verdict = 'pass' | 'deny' | 'auth' | 'hello' | 'reset' | 'subcommand' | 'names';

const LOGIN: ReadonlyMap<string, Verdict> = new Map([
  ['auth', 'auth'],
  ['hello', 'hello'],
  ['reset', 'reset'],
  ['quit', 'pass'],
]);

/**
 * Commands that reveal or change credentials, or make the server log in elsewhere or go away, with the subcommands that
 * do none of it. CLUSTER MEET and REPLICATE hand masterauth to a node that the client names; MODULE LIST shows modules'
 * arguments; REPLCONF and the SYNCs begin a replication, which carries all that the server's own ACL would hide.
 */
const DENIED: ReadonlyMap<string, readonly string[]> = new Map([
  ['acl', ['whoami', 'cat']],
  ['config', []],
  ['migrate', []],
  ['replicaof', []],
  ['slaveof', []],
  ['sync', []],
  ['psync', []],
  ['replconf', []],
  ['failover', []],
  ['debug', []],
  ['module', []],
  ['shutdown', []],
  [
    'cluster',
    'slots shards nodes info myid myshardid links replicas slaves keyslot countkeysinslot getkeysinslot help'.split(
      ' ',
    ),
  ],
  ['sentinel', 'masters master replicas slaves sentinels get-master-addr-by-name ckquorum myid'.split(' ')],
]);

/** Ways to run other commands out of sight. The server refuses CONFIG and ACL in there, but knows no list of ours. */
const SCRIPTS: ReadonlySet<string> = new Set(
  'eval eval_ro evalsha evalsha_ro fcall fcall_ro function script'.split(' '),
);
const HARMLESS_SCRIPT = ['exists', 'flush', 'kill', 'debug', 'help'];

/** Settings whose values are, or name, credentials: requirepass, masterauth, masteruser, tls-key-file-pass ... */
const SECRET_SETTING = /pass|auth|user|secret|token|private|acl/;
const LITERAL_SETTING = /^[a-z0-9_.-]+$/;

/** Hashes of names, and verdicts that are kept at most. */
const BUCKETS = 4_096;

/** Why a command is denied, in the words that the client gets. */
type Reason = 'it reveals or changes credentials' | 'a setting that is or may be secret' | 'by this service';

/**
 * Which commands a service lets through: all but DENIED, unless `allow_commands` or `deny_commands` say otherwise.
 * - `allow` entries: nothing else passes. `*` stands for any run of characters, but DENIED and scripts must be named.
 * - `deny` entries win over everything but the login itself.
 * An entry is `name` or `name|subcommand`, in any case.
 */
export class CommandRules {
  readonly #allow: readonly string[];
  readonly #deny: readonly string[];
  readonly #listed: boolean;
  /** By hash of a name: 0 where no name with that hash needs a second look. */
  readonly #suspects = new Uint8Array(BUCKETS);
  /** By hash of a name: the last one asked for, in lower case, and the verdict on it. */
  readonly #remembered: ({ readonly name: Buffer; readonly verdict: Verdict } | undefined)[] = new Array(BUCKETS);

  constructor(allow: readonly string[], deny: readonly string[]) {
    this.#allow = allow.map((entry) => entry.toLowerCase());
    this.#deny = deny.map((entry) => entry.toLowerCase());
    this.#listed = allow.length + deny.length > 0;
    const named = this.#deny.map((entry) => entry.replace(/\|.*/, ''));
    if (allow.length > 0 || named.some((name) => name.includes('*'))) this.#suspects.fill(1);
    for (const name of [...LOGIN.keys(), ...DENIED.keys(), ...SCRIPTS, ...named])
      this.#suspects[hashOf(Buffer.from(name), 0, name.length)] = 1;
  }

  /** The verdict on the name at `start` to `end`. Costs a few nanoseconds per byte for what is nobody's suspect. */
  byName(bytes: Buffer, start: number, end: number): Verdict {
    const hash = hashOf(bytes, start, end);
    if (hash >= 0 && this.#suspects[hash] === 0) return 'pass';
    const known = hash >= 0 ? this.#remembered[hash] : undefined;
    if (known && isName(known.name, bytes, start, end)) return known.verdict;
    const name = word(bytes.subarray(start, end));
    const verdict = this.#verdict(name);
    if (hash >= 0) this.#remembered[hash] = { name: Buffer.from(name, 'latin1'), verdict };
    return verdict;
  }

  /** The verdict on a command for which `byName` said `subcommand`. */
  bySubcommand(name: string, subcommand: string): 'pass' | 'deny' | 'names' {
    if (this.#reason(name, subcommand) === undefined) return 'pass';
    const isGet = name === 'config' && subcommand === 'get';
    return isGet && this.#reasonByLists(name, subcommand) === undefined ? 'names' : 'deny';
  }

  /** The unknown command that is sent instead of a denied one: the server itself then says no, in order. */
  denial(name: string, subcommand: string | undefined): string {
    const known = [name, subcommand].filter((part) => part !== undefined && /^[a-z0-9_.-]{1,30}$/.test(part));
    const isGet = name === 'config' && subcommand === 'get' && !this.#reasonByLists(name, subcommand);
    const reason = isGet ? 'a setting that is or may be secret' : (this.#reason(name, subcommand) ?? 'by this service');
    return `${known.join(' ').toUpperCase() || 'this command'} (denied by broker: ${reason})`;
  }

  #verdict(name: string): Verdict {
    const login = LOGIN.get(name);
    if (login) return login;
    // No client writes a subcommand so, and no server of today knows it; one of tomorrow might.
    if (name.includes('|')) return 'deny';
    const both = [...this.#allow, ...this.#deny];
    const bySubcommand = both.some((entry) => entry.startsWith(`${name}|`));
    const partly = (DENIED.get(name)?.length ?? 0) > 0 || name === 'config' || (name === 'script' && this.#listed);
    if (bySubcommand || partly) return 'subcommand';
    return this.#reason(name, undefined) === undefined ? 'pass' : 'deny';
  }

  #reason(name: string, subcommand: string | undefined): Reason | undefined {
    const harmless = subcommand !== undefined && DENIED.get(name)?.includes(subcommand);
    if (DENIED.has(name) && !harmless && !this.#allowsByName(name, subcommand) && !this.#denies(name, subcommand))
      return 'it reveals or changes credentials';
    return this.#reasonByLists(name, subcommand);
  }

  #reasonByLists(name: string, subcommand: string | undefined): Reason | undefined {
    if (this.#denies(name, subcommand)) return 'by this service';
    if (!this.#listed || this.#allowsByName(name, subcommand)) return undefined;
    const harmless = name === 'script' && subcommand !== undefined && HARMLESS_SCRIPT.includes(subcommand);
    if (SCRIPTS.has(name) && !harmless) return 'by this service';
    const allowed = this.#allow.length === 0 || this.#allow.some((entry) => matches(entry, name, subcommand));
    return allowed ? undefined : 'by this service';
  }

  #denies(name: string, subcommand: string | undefined): boolean {
    return this.#deny.some((entry) => matches(entry, name, subcommand));
  }

  #allowsByName(name: string, subcommand: string | undefined): boolean {
    return this.#allow.includes(name) || (subcommand !== undefined && this.#allow.includes(`${name}|${subcommand}`));
  }
}

/** Whether CONFIG GET may be asked for these: plain names, no patterns, nothing that is or may be secret. */
export function areOpenSettings(names: readonly Buffer[]): boolean {
  return names.every((bytes) => {
    const name = bytes.toString('latin1').toLowerCase();
    return LITERAL_SETTING.test(name) && !SECRET_SETTING.test(name);
  });
}

function matches(entry: string, name: string, subcommand: string | undefined): boolean {
  return globMatches(entry, name) || (subcommand !== undefined && globMatches(entry, `${name}|${subcommand}`));
}

/** Whether the bytes are `name`, which is in lower case; letters of either case count, as in `hashOf`. */
function isName(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let index = 0; index < name.length; index++) {
    let byte = bytes[start + index] ?? 0;
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (byte !== name[index]) return false;
  }
  return true;
}

/** -1 for a name with a byte in it that no command has: it needs a second look. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0;
  for (let index = start; index < end; index++) {
    let byte = bytes[index] ?? 0;
    if (byte <= 0x20 || byte >= 0x7c) return -1;
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    hash = (hash * 31 + byte) & (BUCKETS - 1);
  }
  return hash;
}
