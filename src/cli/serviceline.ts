import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import type { Field__Output } from '../core/proto/broker/v1/Field.ts';
import { type Flag, fieldTakesValue, isFieldFlag, splitFlags } from './fields.ts';
import { POLICY_FLAGS } from './policy.ts';

/** The command lines of `service add` and `service set`: our own flags, and the fields of a kind that is only known then. */
export interface ServiceLine {
  readonly name: string | undefined;
  /** Flags of ours, see OWN_FLAGS. */
  readonly own: readonly Flag[];
  /** The others: the kind's fields, or a slip. */
  readonly fields: readonly Flag[];
}

/** Flags that are not fields of a kind. `true`: takes a value. */
const OWN_FLAGS: Readonly<Record<string, boolean>> = {
  kind: true,
  f: true,
  file: true,
  'url-env': true,
  'master-password-file': true,
  unset: true,
  ...Object.fromEntries(POLICY_FLAGS.map((name) => [name, true])),
  replace: false,
  json: false,
};

export const OWN_NAMES: readonly string[] = Object.keys(OWN_FLAGS);

const POLICY_HELP = `
  --allow-token GLOB             only tokens of these names may open it (may be repeated)
  --allow-uid UID                only these user ids may (may be repeated)
  --max-sessions N               live sessions at a time (100)
  --max-lifetime DURATION        longest lifetime of a session (8h)
  --master-password-file FILE    read the master password from this file (also BROKER_PASSWORD_FILE). Mind that
                                 --password-file is the password of the service, a field of its kind`;

export const ADD_HELP = `Usage: broker service add NAME --kind KIND [--FIELD VALUE ...]

Stores a service: where it is, and the credential to log in with.

  --kind KIND                    which kind of service (see broker kinds)
  --preset PRESET                take kind and fields from a preset (see broker presets); its credential is --token-stdin
  --FIELD VALUE                  a field of the kind; a secret one only by
  --FIELD-stdin                    standard input (a terminal asks without echo),
  --FIELD-file FILE                a file, or
  --FIELD-env VAR                  an environment variable
  --url-env VAR                  take host, port, user, password, database and TLS from the URL in a variable
  -f FILE|-|JSON                 take name, kind, config, secrets and policy from JSON (what service show --json
                                 prints, or a service of vault-proxy)
  --replace                      replace a service of this name
  --json                         print the service as it was stored${POLICY_HELP}

Example:
  broker service add app-db --kind postgres --host db --user app --password-stdin`;

export const SET_HELP = `Usage: broker service set NAME [--FIELD VALUE ...]

Changes the named fields; the others and the secrets stay. What would send a secret elsewhere (host, port, tls ...)
drops it, unless it is given in the same command. Live sessions go on; the next one is opened with what is new.

  --FIELD VALUE                  a field of the kind; a secret one only by
  --FIELD-stdin                    standard input (a terminal asks without echo),
  --FIELD-file FILE                a file, or
  --FIELD-env VAR                  an environment variable
  --url-env VAR                  take host, port, user, password, database and TLS from the URL in a variable
  --unset FIELD                  back to the default (may be repeated; also a limit such as max-sessions)
  --json                         print the service as it is stored now${POLICY_HELP}

Example:
  broker service set app-db --password-stdin`;

/** The value of one of our own flags wherever it stands: the rest can be read only once the kind is known. */
export function peek(args: readonly string[], ...names: readonly string[]): string | undefined {
  for (const [at, arg] of args.entries()) {
    const name = names.find((candidate) => arg === candidate || arg.startsWith(`${candidate}=`));
    if (name !== undefined) return arg === name ? args[at + 1] : arg.slice(name.length + 1);
  }
  return undefined;
}

/** Sorts words and flags. @throws BrokerError `invalid_argument` for a second word. */
export function readLine(args: readonly string[], fields: readonly Field__Output[]): ServiceLine {
  const isOwn = (flag: string): boolean => Object.hasOwn(OWN_FLAGS, flag) && !isFieldFlag(fields, flag);
  const { words, flags } = splitFlags(args, (flag) =>
    isOwn(flag) ? (OWN_FLAGS[flag] ?? true) : fieldTakesValue(fields, flag),
  );
  const [name, unexpected] = words;
  if (unexpected !== undefined) {
    throw new BrokerError('invalid_argument', `"${unexpected}" is not expected here`, {
      hint: 'a value with spaces stands in quotes; everything but the name has a flag',
    });
  }
  const own = flags.filter((flag) => isOwn(flag.name));
  const bare = own.find((flag) => OWN_FLAGS[flag.name] && flag.value === undefined);
  if (bare) throw new BrokerError('invalid_argument', `--${bare.name} needs a value`);
  return { name, own, fields: flags.filter((flag) => !isOwn(flag.name)) };
}

/** Refuses flags that the other command of the two understands. */
export function refuseOwn(line: ServiceLine, why: Readonly<Record<string, string>>): void {
  for (const { name } of line.own) {
    if (why[name] !== undefined) throw new BrokerError('invalid_argument', `--${name}: ${why[name]}`);
  }
}

/** Fields of a kind. @throws BrokerError `invalid_argument` with the closest known kind. */
export function fieldsOf(
  kinds: readonly { readonly name: string; readonly fields: readonly Field__Output[] }[],
  kind: string,
): readonly Field__Output[] {
  const found = kinds.find((known) => known.name === kind);
  if (found) return found.fields;
  const names = kinds.map((known) => known.name);
  const near = closest(kind, names);
  throw new BrokerError(
    'invalid_argument',
    `kind "${kind}" is not known${near ? ` (did you mean ${near}?)` : ''}; the kinds are ${names.join(', ')}`,
  );
}
