import type { JsonValue } from './json.ts';
import type { Secret } from './secret.ts';

export type FieldType = 'text' | 'integer' | 'boolean' | 'choice' | 'list' | 'secret';

/** Everything about a field that its parser does not need: docs, flags, forms and tables are derived from this. */
export interface FieldFacts {
  readonly type: FieldType;
  readonly doc: string;
  readonly required: boolean;
  readonly default?: JsonValue;
  readonly choices?: readonly string[];
  /** True where a change could send a stored secret elsewhere: it drops the stored secrets (MECHANISMS §1). */
  readonly redirects: boolean;
  /** True for values of several lines (certificates, keys), which the command line reads from `--NAME-file`. */
  readonly multiline: boolean;
}

/** One field of a kind. `T` is the parsed type; an optional field without default parses to undefined. */
export interface Field<T> extends FieldFacts {
  /** @throws FieldProblem with a sentence that follows the field's name. */
  parse(raw: JsonValue): T;
  readonly __type?: T;
}

/** Thrown by a field's parser; `ConfigSpec.parse` collects them all and adds the field's name. */
export class FieldProblem extends Error {}

interface Options {
  readonly doc: string;
  readonly required?: boolean;
  readonly redirects?: boolean;
  readonly multiline?: boolean;
}
type Optional<O, T> = O extends { readonly required: true } | { readonly default: T } ? T : T | undefined;

/** A text must match the whole of `pattern`; what that means is said in words: `must be HOST:PORT`. */
type Shaped = { readonly pattern: RegExp; readonly says: string } | { readonly pattern?: undefined };

export function text<const O extends Options & { default?: string; maxLength?: number } & Shaped>(
  options: O,
): Field<Optional<O, string>> {
  const maxLength = options.maxLength ?? (options.multiline ? 65_536 : 1_024);
  return field<Optional<O, string>>('text', options, (raw) => {
    if (typeof raw !== 'string') throw new FieldProblem('must be text');
    if (raw.length > maxLength) throw new FieldProblem(`is longer than ${maxLength} characters`);
    if (raw === '') throw new FieldProblem('must not be empty');
    if (!options.multiline && hasControl(raw)) throw new FieldProblem('must not contain control characters');
    if (options.pattern && !options.pattern.test(raw)) throw new FieldProblem(`must be ${options.says}`);
    return raw as Optional<O, string>;
  });
}

export function integer<const O extends Options & { default?: number; min: number; max: number }>(
  options: O,
): Field<Optional<O, number>> {
  return field<Optional<O, number>>('integer', options, (raw) => {
    const value = typeof raw === 'string' && /^-?\d{1,15}$/.test(raw) ? Number(raw) : raw;
    if (typeof value !== 'number' || !Number.isInteger(value)) throw new FieldProblem('must be a whole number');
    if (value < options.min || value > options.max)
      throw new FieldProblem(`must be between ${options.min} and ${options.max}`);
    return value as Optional<O, number>;
  });
}

export function port<const O extends Options & { default?: number }>(options: O): Field<Optional<O, number>> {
  return integer({ ...options, min: 1, max: 65_535 }) as Field<Optional<O, number>>;
}

export function boolean(options: Options & { default: boolean }): Field<boolean> {
  return field<boolean>('boolean', options, (raw) => {
    if (raw === true || raw === 'true') return true;
    if (raw === false || raw === 'false') return false;
    throw new FieldProblem('must be true or false');
  });
}

/**
 * One of `choices`. `aliases` maps other spellings to a choice, `refused` well-known values that are refused to the
 * reason.
 */
export function choice<const C extends readonly string[], const O extends Options & { default?: C[number] }>(
  choices: C,
  options: O & { refused?: Readonly<Record<string, string>>; aliases?: Readonly<Record<string, C[number]>> },
): Field<Optional<O, C[number]>> {
  const { aliases = {} } = options;
  const made = field<Optional<O, C[number]>>('choice', options, (given) => {
    const raw = (Object.hasOwn(aliases, String(given)) && aliases[String(given)]) || given;
    const why = typeof raw === 'string' && options.refused ? options.refused[raw] : undefined;
    if (why) throw new FieldProblem(`must not be "${String(raw)}": ${why}`);
    if (typeof raw !== 'string' || !choices.includes(raw))
      throw new FieldProblem(`must be one of ${choices.join(', ')}`);
    return raw as Optional<O, C[number]>;
  });
  return { ...made, choices };
}

export function list(options: Options & { maxItems?: number }): Field<readonly string[]> {
  const maxItems = options.maxItems ?? 1_000;
  const made = field<readonly string[]>('list', options, (raw) => {
    const items = typeof raw === 'string' ? [raw] : raw;
    if (!Array.isArray(items)) throw new FieldProblem('must be a list of texts');
    if (items.length > maxItems) throw new FieldProblem(`has more than ${maxItems} entries`);
    return items.map((item: JsonValue, index) => {
      if (typeof item !== 'string' || item === '' || item.length > 4_096 || hasControl(item))
        throw new FieldProblem(`entry ${index + 1} must be a text of 1 to 4096 characters without control characters`);
      return item;
    });
  });
  return { ...made, default: [] };
}

/** A secret: never in the JSON part of a record, always a `Secret`; `maxBytes` bounds what is accepted. */
export function secret<const O extends Options & { maxBytes?: number }>(options: O): Field<Optional<O, Secret>> {
  return field<Optional<O, Secret>>('secret', options, () => {
    throw new FieldProblem('is a secret and must be given as one');
  });
}

function field<T>(type: FieldType, options: Options & { default?: JsonValue }, parse: (raw: JsonValue) => T): Field<T> {
  return {
    type,
    doc: options.doc,
    required: options.required ?? false,
    redirects: options.redirects ?? false,
    multiline: options.multiline ?? false,
    ...(options.default !== undefined && { default: options.default }),
    parse,
  };
}

function hasControl(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  return /[\u0000-\u001f\u007f]/.test(value);
}
