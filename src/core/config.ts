import { BrokerError } from './errors.ts';
import { type Field, type FieldFacts, FieldProblem } from './field.ts';
import { fileNameProblem, fileRefOf } from './fileref.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { Secret } from './secret.ts';

export interface NamedField extends FieldFacts {
  readonly name: string;
}

/**
 * A kind's fields and what follows from them. `C` is the parsed configuration, secrets included. Beside each secret field
 * `x` stands `x_file_ref`, the name of a stored file that holds the secret: whoever parses has looked it up.
 */
export interface ConfigSpec<C> {
  /** In the order of declaration; the source of flags, forms and docs. */
  readonly fields: readonly NamedField[];
  readonly secretNames: readonly string[];
  /** Names whose change drops the stored secrets. */
  readonly redirects: readonly string[];
  /**
   * Checks the public part alone (plus which secrets are set) before it is stored.
   * @param given secrets that come in the same call, and the stored ones beside them, for kinds that can tell a bad one by
   * looking at it (a key).
   * @returns the public part with every value in its canonical form and defaults left out.
   * @throws BrokerError `invalid_argument` naming every bad field, and for an unknown one the closest known.
   */
  validate(fields: JsonObject, secretsSet: readonly string[], given?: Readonly<Record<string, Secret>>): JsonObject;
  /** The typed configuration. @throws as `validate`. */
  parse(fields: JsonObject, secrets: ReadonlyMap<string, Secret>): C;
  /** As `parse`, for display: without secrets, and without asking whether those that are required are set. */
  preview(fields: JsonObject): C;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
export type Parsed<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/**
 * A rule across fields: sentences that each start with a field's name. `isSet` tells whether a secret is stored;
 * `given` lends it where it, or another one, comes in the very call that is checked, and is undefined otherwise.
 */
export type CrossCheck<F extends Fields> = (
  config: Omit<Parsed<F>, never>,
  isSet: (secret: string) => boolean,
  given: (secret: string) => Secret | undefined,
) => string[];

export function configSpec<const F extends Fields>(shape: F, crossCheck?: CrossCheck<F>): ConfigSpec<Parsed<F>> {
  const fields = Object.entries(shape).map(([name, field]) => ({ name, ...field }));
  const secretNames = fields.filter((f) => f.type === 'secret').map((f) => f.name);
  const read = (
    given: JsonObject,
    isStored: (secret: string) => boolean,
    crossCheck?: CrossCheck<F>,
    secrets: Readonly<Record<string, Secret>> = {},
  ) => {
    const isSet = (secret: string): boolean => isStored(secret) || typeof given[fileRefOf(secret)] === 'string';
    const problems = unknownFields(given, fields);
    const values: Record<string, unknown> = {};
    const canonical: Record<string, JsonValue> = {};
    for (const field of fields) {
      if (field.type === 'secret') {
        if (given[field.name] !== undefined) problems.push(`${field.name} is a secret and must be given as one`);
        if (field.required && !isSet(field.name)) problems.push(`${field.name} is required`);
        const ref = given[fileRefOf(field.name)];
        if (ref === undefined || ref === null) continue;
        const problem = fileNameProblem(ref);
        if (problem) problems.push(`${fileRefOf(field.name)} ${problem}`);
        canonical[fileRefOf(field.name)] = ref;
        continue;
      }
      const raw = given[field.name];
      if (raw === undefined || raw === null) {
        if (field.required) problems.push(`${field.name} is required`);
        values[field.name] = field.default;
        continue;
      }
      try {
        const value = field.parse(raw);
        values[field.name] = value;
        canonical[field.name] = value as JsonValue;
      } catch (error) {
        if (!(error instanceof FieldProblem)) throw error;
        problems.push(`${field.name} ${error.message}`);
      }
    }
    if (problems.length === 0 && crossCheck) {
      problems.push(...crossCheck(values as Parsed<F>, isSet, (name) => secrets[name]));
    }
    if (problems.length > 0) throw new BrokerError('invalid_argument', problems.join('; '), { hop: 'config' });
    return { values, canonical };
  };
  return {
    fields,
    secretNames,
    redirects: fields.filter((f) => f.redirects).map((f) => f.name),
    validate: (given, secretsSet, secrets) =>
      read(given, (name) => secretsSet.includes(name), crossCheck, secrets).canonical,
    parse(given, secrets) {
      const { values } = read(given, (name) => secrets.has(name), crossCheck);
      for (const name of secretNames) values[name] = secrets.get(name);
      return values as Parsed<F>;
    },
    preview: (given) => read(given, () => true).values as Parsed<F>,
  };
}

function unknownFields(given: JsonObject, fields: readonly NamedField[]): string[] {
  return Object.keys(given)
    .filter((name) => !fields.some((f) => f.name === name || (f.type === 'secret' && fileRefOf(f.name) === name)))
    .map((name) => {
      const near = closest(
        name,
        fields.map((f) => f.name),
      );
      return `${name} is not a field of this kind${near ? ` (did you mean ${near}?)` : ''}`;
    });
}

/** The candidate nearest to `word` by edit distance, if it is near enough to be a slip of the hand. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const scored = candidates
    .map((name) => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  return best && best.distance <= Math.max(2, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitute));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
