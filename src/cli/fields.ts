import { readFileSync } from 'node:fs';
import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { Field__Output } from '../core/proto/broker/v1/Field.ts';
import { Secret } from '../core/secret.ts';
import { readSecretFile, readStdin, withoutLineEnd } from './prompt.ts';

export interface FieldValues {
  readonly config: Record<string, JsonValue>;
  readonly secrets: Record<string, Secret>;
}

/** One flag as it was typed: `--server-name=db`, `--server-name db`, `--password-stdin`. */
interface Flag {
  readonly name: string;
  readonly value: string | undefined;
}

type Source = 'value' | 'file' | 'stdin' | 'env';

/**
 * Splits arguments into `--flag value` pairs. Booleans may stand alone; whether the next word is the flag's value is the
 * caller's to tell.
 */
export function splitFlags(
  args: readonly string[],
  takesValue: (name: string) => boolean,
): { words: string[]; flags: Flag[] } {
  const words: string[] = [];
  const flags: Flag[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const name = arg.replace(/^--?/, '').slice(0, equals < 0 ? undefined : equals - (arg.startsWith('--') ? 2 : 1));
    if (equals >= 0) flags.push({ name, value: arg.slice(equals + 1) });
    else if (takesValue(name)) flags.push({ name, value: args[++at] });
    else flags.push({ name, value: undefined });
  }
  return { words, flags };
}

/** Whether a flag of a kind's field is followed by a value. */
export function fieldTakesValue(fields: readonly Field__Output[], name: string): boolean {
  const found = findField(fields, name);
  if (!found) return true;
  return found.source !== 'stdin' && !(found.field.type === 'TYPE_BOOLEAN' && found.source === 'value');
}

/**
 * The values behind the flags of a kind's fields: `--FIELD VALUE`, `--FIELD-file PATH`, `--FIELD-stdin`, `--FIELD-env VAR`.
 * Secret fields only by the last three, so that they never stand on a command line.
 * @throws BrokerError `invalid_argument` naming the flag, and the closest known one.
 */
export async function readFields(fields: readonly Field__Output[], flags: readonly Flag[]): Promise<FieldValues> {
  const config: Record<string, JsonValue> = {};
  const secrets: Record<string, Secret> = {};
  let stdin: Buffer | undefined;
  for (const flag of flags) {
    const found = findField(fields, flag.name);
    if (!found) throw unknownFlag(fields, flag.name);
    const { field, source } = found;
    if (source !== 'stdin' && flag.value === undefined && field.type !== 'TYPE_BOOLEAN') {
      throw new BrokerError('invalid_argument', `--${flag.name} needs a value`);
    }
    if (source === 'stdin') {
      if (stdin) throw new BrokerError('invalid_argument', `--${flag.name}: standard input was read already`);
      stdin = await readStdin();
    }
    if (field.type === 'TYPE_SECRET') {
      if (source === 'value') throw secretOnCommandLine(flag.name);
      secrets[field.name] = secretFrom(source, flag, stdin);
    } else {
      const text = source === 'value' ? flag.value : textFrom(source, flag, stdin);
      const before = config[field.name];
      if (field.type === 'TYPE_LIST') config[field.name] = [...(Array.isArray(before) ? before : []), text ?? ''];
      else if (field.type === 'TYPE_BOOLEAN') config[field.name] = text ?? true;
      else config[field.name] = text ?? '';
    }
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
  for (const source of ['file', 'stdin', 'env'] as const) {
    if (!name.endsWith(`_${source}`)) continue;
    const field = fields.find((candidate) => candidate.name === name.slice(0, -source.length - 1));
    if (field) return { field, source };
  }
  return undefined;
}

function secretFrom(source: Exclude<Source, 'value'>, flag: Flag, stdin: Buffer | undefined): Secret {
  if (source === 'file') return readSecretFile(flag.value ?? '', flag.name);
  return Secret.own(source === 'stdin' ? (stdin ?? Buffer.alloc(0)) : Buffer.from(fromEnv(flag), 'utf8'));
}

function textFrom(source: Exclude<Source, 'value'>, flag: Flag, stdin: Buffer | undefined): string {
  if (source === 'stdin') return (stdin ?? Buffer.alloc(0)).toString('utf8');
  if (source === 'env') return fromEnv(flag);
  try {
    return withoutLineEnd(readFileSync(flag.value ?? '')).toString('utf8');
  } catch (cause) {
    throw new BrokerError('invalid_argument', `--${flag.name}: cannot read ${flag.value}`, { cause });
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
      hint: `use --${flag}-stdin, --${flag}-file FILE or --${flag}-env VAR`,
    },
  );
}

function unknownFlag(fields: readonly Field__Output[], flag: string): BrokerError {
  const near = closest(
    flag.replaceAll('-', '_'),
    fields.map((field) => field.name),
  );
  return new BrokerError(
    'invalid_argument',
    `--${flag} is not a field of this kind${near ? ` (did you mean --${kebab(near)}?)` : ''}`,
  );
}

function kebab(name: string): string {
  return name.replaceAll('_', '-');
}
