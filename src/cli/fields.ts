import { readFileSync } from 'node:fs';
import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import { fileRefOf, withoutLineEnd } from '../core/fileref.ts';
import type { JsonValue } from '../core/json.ts';
import type { Field__Output } from '../core/proto/broker/v1/Field.ts';
import { Secret } from '../core/secret.ts';
import { readSecretFile, readStdin, readStdinSecret } from './prompt.ts';
import { unreadable } from './reason.ts';

export interface FieldValues {
  readonly config: Record<string, JsonValue>;
  readonly secrets: Record<string, Secret>;
}

/** One flag as it was typed: `--server-name=db`, `--server-name db`, `--password-stdin`. */
export interface Flag {
  readonly name: string;
  readonly value: string | undefined;
}

type Source = 'value' | 'file' | 'file_ref' | 'stdin' | 'env';

/**
 * Splits arguments into `--flag value` pairs and words. A flag that takes a value takes the next word, unless that looks
 * like a flag itself (`--flag=--value` says that it is none).
 */
export function splitFlags(
  args: readonly string[],
  takesValue: (name: string) => boolean,
): { words: string[]; flags: Flag[] } {
  const words: string[] = [];
  const flags: Flag[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    const match = /^--?([^=]+)(?:=(.*))?$/s.exec(arg);
    const [, name, value] = match ?? [];
    if (name === undefined || arg === '--') words.push(arg);
    else if (value !== undefined) flags.push({ name, value });
    else if (takesValue(name) && !/^--./.test(args[at + 1] ?? '')) flags.push({ name, value: args[++at] });
    else flags.push({ name, value: undefined });
  }
  return { words, flags };
}

/** Whether this flag belongs to a field, by itself or with -file, -stdin or -env behind it. */
export function isFieldFlag(fields: readonly Field__Output[], flag: string): boolean {
  return findField(fields, flag) !== undefined;
}

/** Whether a flag of a kind's field is followed by a value. */
export function fieldTakesValue(fields: readonly Field__Output[], name: string): boolean {
  const found = findField(fields, name);
  if (!found) return !name.endsWith('-stdin');
  return found.source !== 'stdin' && !(found.field.type === 'TYPE_BOOLEAN' && found.source === 'value');
}

/**
 * The values behind the flags of a kind's fields: `--FIELD VALUE`, `--FIELD-file PATH`, `--FIELD-stdin`, `--FIELD-env VAR`.
 * Secret fields only by the last three, so that they never stand on a command line, or by `--FIELD-file-ref NAME` from a
 * file that the vault holds.
 * @param others flags that are known besides the fields, for the advice about an unknown one.
 * @throws BrokerError `invalid_argument` naming the flag, and the closest known one.
 */
export async function readFields(
  fields: readonly Field__Output[],
  flags: readonly Flag[],
  others: readonly string[] = [],
): Promise<FieldValues> {
  const found = flags.map((flag) => ({ flag, ...demandField(fields, flag, others) }));
  for (const { field } of found) {
    const given = found.filter((other) => other.field === field).map((other) => `--${other.flag.name}`);
    if (given.length > 1 && field.type !== 'TYPE_LIST')
      throw new BrokerError('invalid_argument', `${[...new Set(given)].join(' and ')}: ${field.name} is given twice`);
  }
  if (found.filter(({ source }) => source === 'stdin').length > 1)
    throw new BrokerError('invalid_argument', 'standard input can be read for one field only');
  const config: Record<string, JsonValue> = {};
  const secrets: Record<string, Secret> = {};
  for (const { flag, field, source } of found) {
    if (field.type === 'TYPE_SECRET') {
      if (source === 'value') throw secretOnCommandLine(flag.name);
      if (source === 'file_ref') {
        config[fileRefOf(field.name)] = flag.value ?? '';
        continue;
      }
      secrets[field.name] = await secretFrom(source, flag, field);
      continue;
    }
    const text = source === 'value' || source === 'file_ref' ? flag.value : await textFrom(source, flag);
    const before = config[field.name];
    if (field.type === 'TYPE_LIST') config[field.name] = [...(Array.isArray(before) ? before : []), text ?? ''];
    else config[field.name] = field.type === 'TYPE_BOOLEAN' ? (text ?? true) : (text ?? '');
  }
  return { config, secrets };
}

/** The help lines of a kind's fields. */
export function describeFields(fields: readonly Field__Output[]): string[] {
  return fields.map((field) => {
    const flag = `--${kebab(field.name)}`;
    const how =
      field.type === 'TYPE_SECRET'
        ? `${flag}-stdin|-file F|-env VAR`
        : field.type === 'TYPE_BOOLEAN'
          ? flag
          : `${flag} ${placeholder(field)}`;
    const facts = [
      field.required ? 'required' : '',
      field.defaultJson && field.defaultJson !== '[]' ? `default ${field.defaultJson.replaceAll('"', '')}` : '',
    ].filter(Boolean);
    return `  ${how.padEnd(38)} ${field.doc}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`;
  });
}

function placeholder(field: Field__Output): string {
  if (field.type === 'TYPE_CHOICE') return field.choices.join('|');
  if (field.type === 'TYPE_INTEGER') return 'N';
  return field.type === 'TYPE_LIST' ? 'TEXT ...' : 'TEXT';
}

function findField(
  fields: readonly Field__Output[],
  flag: string,
): { field: Field__Output; source: Source } | undefined {
  const name = flag.replaceAll('-', '_');
  const exact = fields.find((field) => field.name === name);
  if (exact) return { field: exact, source: 'value' };
  for (const source of ['file', 'file_ref', 'stdin', 'env'] as const) {
    if (!name.endsWith(`_${source}`)) continue;
    const field = fields.find((candidate) => candidate.name === name.slice(0, -source.length - 1));
    if (field && (source !== 'file_ref' || field.type === 'TYPE_SECRET')) return { field, source };
  }
  return undefined;
}

function demandField(
  fields: readonly Field__Output[],
  flag: Flag,
  others: readonly string[],
): { field: Field__Output; source: Source } {
  const found = findField(fields, flag.name);
  if (!found) throw unknownFlag(fields, flag.name, others);
  const { field, source } = found;
  const stands = source === 'stdin' || (source === 'value' && field.type === 'TYPE_BOOLEAN');
  if (!stands && flag.value === undefined && !(field.type === 'TYPE_SECRET' && source === 'value'))
    throw new BrokerError('invalid_argument', `--${flag.name} needs a value`);
  if (source === 'stdin' && flag.value !== undefined)
    throw new BrokerError('invalid_argument', `--${flag.name} takes no value: it reads standard input`);
  return found;
}

async function secretFrom(
  source: Exclude<Source, 'value' | 'file_ref'>,
  flag: Flag,
  field: Field__Output,
): Promise<Secret> {
  if (source === 'file') return readSecretFile(flag.value ?? '', flag.name);
  return source === 'stdin' ? await readStdinSecret(field.name) : Secret.fromText(fromEnv(flag));
}

async function textFrom(source: Exclude<Source, 'value' | 'file_ref'>, flag: Flag): Promise<string> {
  if (source === 'stdin') return (await readStdin()).toString('utf8');
  if (source === 'env') return fromEnv(flag);
  try {
    return withoutLineEnd(readFileSync(flag.value ?? '')).toString('utf8');
  } catch (cause) {
    throw unreadable(flag.value ?? '', cause, `the ${flag.name} from`);
  }
}

function fromEnv(flag: Flag): string {
  const value = process.env[flag.value ?? ''];
  if (value === undefined)
    throw new BrokerError('invalid_argument', `--${flag.name}: the variable ${flag.value} is not set`);
  return value;
}

function secretOnCommandLine(flag: string): BrokerError {
  return new BrokerError(
    'invalid_argument',
    `--${flag} is a secret and must not stand on a command line, where every process can read it`,
    {
      hint: `use --${flag}-stdin (asks on a terminal), --${flag}-file FILE or --${flag}-env VAR`,
    },
  );
}

function unknownFlag(fields: readonly Field__Output[], flag: string, others: readonly string[]): BrokerError {
  // The way it is read is kept apart, or its letters would count as part of the name.
  const [, name = flag, source = ''] = /^(.+?)(-(?:stdin|file|file-ref|env))?$/.exec(flag) ?? [];
  const field = closest(
    name,
    fields.map((known) => kebab(known.name)),
  );
  const near = field === undefined ? closest(flag, others) : `${field}${source}`;
  return new BrokerError(
    'invalid_argument',
    `--${flag} is not a field of this kind${near ? ` (did you mean --${near}?)` : ''}`,
    { hint: fields.length > 0 ? `the fields are ${fields.map((field) => kebab(field.name)).join(', ')}` : '' },
  );
}

function kebab(name: string): string {
  return name.replaceAll('_', '-');
}
