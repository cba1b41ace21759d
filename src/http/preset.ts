import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

/** What is known of a provider's API: enough to make a service of a key, and to tell its clients where that is. */
export interface Preset {
  /** Name of its file without `.json`, and by default of the service. */
  readonly name: string;
  readonly title: string;
  /** What to know before using it; may be empty. */
  readonly about: string;
  /** Kind of the service. */
  readonly kind: string;
  /** Fields of the kind, as in a service's record. */
  readonly config: JsonObject;
  /** Fields that differ from user to user, each with an example. */
  readonly ask: Readonly<Record<string, string>>;
  readonly credential: PresetCredential;
  /** Variables that clients of this API read; the values are templates, see TEMPLATE_NAMES. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables that would get in the way, or that hold the credential otherwise. */
  readonly unset: readonly string[];
  /** Template of a token in the shape that the vendor's own tools insist on. */
  readonly placeholder: string;
  /** Settings of git, in order, as `GIT_CONFIG_KEY_n` and `GIT_CONFIG_VALUE_n` (git-config(1)); templates both. */
  readonly gitConfig: readonly (readonly [key: string, value: string])[];
}

export interface PresetCredential {
  /** The secret field of the kind that it goes to. */
  readonly field: string;
  /** What it is and where one gets it, in words. */
  readonly what: string;
  /** Variables in which people keep the real one, the most likely first. */
  readonly env: readonly string[];
}

/**
 * What templates may hold in braces:
 * `url` of the service at broker, without a last slash; `token` of broker's; `placeholder`, the token in the vendor's
 * shape; `service`, its name; `base`, the service's own base URL; `base_host`, the host in it.
 */
export const TEMPLATE_NAMES = ['url', 'token', 'placeholder', 'service', 'base', 'base_host'] as const;

const KEYS = [
  'name',
  'title',
  'about',
  'kind',
  'config',
  'ask',
  'credential',
  'env',
  'unset',
  'placeholder',
  'git_config',
];
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const FIELD = /^[a-z][a-z0-9_]{0,63}$/;
const MAX_TEXT = 1_024;
const MAX_ENTRIES = 100;

/**
 * A preset from the JSON of its file. Nothing is skipped: whatever does not belong there is a problem.
 * @param file its name, for the message.
 * @throws BrokerError `invalid_argument` naming the file, and every field with what is wrong about it.
 */
export function parsePreset(json: string, file: string): Preset {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw new BrokerError('invalid_argument', `${file} is not JSON`, { cause });
  }
  if (!isJsonObject(parsed)) throw new BrokerError('invalid_argument', `${file} must hold one JSON object`);
  const read = new Reader(parsed);
  const preset: Preset = {
    name: read.text('name', { pattern: NAME, says: 'must be 1 to 64 characters of a-z 0-9 . _ -' }),
    title: read.text('title'),
    about: read.text('about', { fallback: '' }),
    kind: read.text('kind', { pattern: FIELD, says: 'must be the name of a kind' }),
    config: read.config('config'),
    ask: read.texts('ask', FIELD, 'a field of the kind'),
    credential: read.credential('credential'),
    env: read.templates('env'),
    unset: read.names('unset', []),
    placeholder: read.placeholder('placeholder'),
    gitConfig: read.pairs('git_config'),
  };
  for (const name of preset.unset)
    if (Object.hasOwn(preset.env, name)) read.problems.push(`unset has ${name}, which env sets`);
  for (const name of Object.keys(preset.ask))
    if (Object.hasOwn(preset.config, name)) read.problems.push(`ask has ${name}, which config gives`);
  if (read.problems.length > 0) throw new BrokerError('invalid_argument', `${file}: ${read.problems.join('; ')}`);
  return preset;
}

/** Reads one object, and collects what is wrong with it; what it returns then is of the right type and no more. */
class Reader {
  readonly problems: string[];
  readonly #object: JsonObject;

  constructor(object: JsonObject) {
    this.#object = object;
    this.problems = unknownKeys(object, KEYS, '');
  }

  text(name: string, rule: { pattern?: RegExp; says?: string; fallback?: string } = {}): string {
    const value = this.#object[name];
    if (value === undefined && rule.fallback !== undefined) return rule.fallback;
    const problem = textProblem(value) ?? (rule.pattern?.test(String(value)) === false ? rule.says : undefined);
    if (problem) this.problems.push(`${name} ${problem}`);
    return typeof value === 'string' ? value : '';
  }

  config(name: string): JsonObject {
    const object = this.#demandObject(name, this.#object[name]);
    for (const [field, value] of Object.entries(object)) {
      const fits = isScalar(value) || (Array.isArray(value) && value.every((item) => typeof item === 'string'));
      if (!FIELD.test(field)) this.problems.push(`${name}.${field} is not the name of a field`);
      else if (!fits) this.problems.push(`${name}.${field} must be a text, a number, true, false or a list of texts`);
    }
    return object;
  }

  credential(name: string): PresetCredential {
    const object = this.#demandObject(name, this.#object[name]);
    this.problems.push(...unknownKeys(object, ['field', 'what', 'env'], `${name}.`));
    const { field, what, env } = object;
    if (typeof field !== 'string' || !FIELD.test(field))
      this.problems.push(`${name}.field must be a field of the kind`);
    const wrong = textProblem(what);
    if (wrong) this.problems.push(`${name}.what ${wrong}`);
    return { field: String(field), what: String(what), env: this.#variables(`${name}.env`, env) };
  }

  names(name: string, fallback: readonly string[]): readonly string[] {
    const value = this.#object[name];
    return value === undefined ? fallback : this.#variables(name, value);
  }

  texts(name: string, key: RegExp, what: string): Readonly<Record<string, string>> {
    const value = this.#object[name];
    if (value === undefined) return {};
    const object = this.#demandObject(name, value);
    const kept: Record<string, string> = {};
    for (const [entry, text] of Object.entries(object)) {
      const problem = textProblem(text);
      if (!key.test(entry)) this.problems.push(`${name}.${entry} is not ${what}`);
      else if (problem) this.problems.push(`${name}.${entry} ${problem}`);
      else kept[entry] = String(text);
    }
    return kept;
  }

  templates(name: string): Readonly<Record<string, string>> {
    if (this.#object[name] === undefined) this.problems.push(`${name} is missing`);
    const texts = this.texts(name, VARIABLE, 'the name of a variable');
    for (const [variable, template] of Object.entries(texts)) this.#checkTemplate(`${name}.${variable}`, template);
    return texts;
  }

  placeholder(name: string): string {
    const value = this.text(name, { fallback: '{token}' });
    // What stands in front is how broker finds its token again.
    if (!/^(?:[A-Za-z0-9_.-]*[-_.])?\{token\}$/.test(value))
      this.problems.push(`${name} must be {token}, with at most letters, digits, - _ . and one of - _ . before it`);
    return value;
  }

  pairs(name: string): readonly (readonly [string, string])[] {
    const value = this.#object[name] ?? [];
    if (!Array.isArray(value) || value.length > MAX_ENTRIES) {
      this.problems.push(`${name} must be a list of at most ${MAX_ENTRIES} entries`);
      return [];
    }
    const items: readonly JsonValue[] = value;
    return items.flatMap((item, index) => {
      const at = `${name}[${index}]`;
      const [key, text, more] = Array.isArray(item) ? (item as readonly JsonValue[]) : [];
      if (typeof key !== 'string' || typeof text !== 'string' || more !== undefined) {
        this.problems.push(`${at} must be a list of a key and a value`);
        return [];
      }
      const problem = textProblem(key) ?? (text === '' ? undefined : textProblem(text));
      if (problem) this.problems.push(`${at} ${problem}`);
      this.#checkTemplate(at, key);
      this.#checkTemplate(at, text);
      return [[key, text] as const];
    });
  }

  #checkTemplate(at: string, template: string): void {
    for (const [, name = ''] of template.matchAll(/\{([^{}]*)\}/g)) {
      if (TEMPLATE_NAMES.some((known) => known === name)) continue;
      const near = closest(name, TEMPLATE_NAMES);
      this.problems.push(`${at} has {${name}}, which is not known${near ? ` (did you mean {${near}}?)` : ''}`);
    }
  }

  #variables(name: string, value: JsonValue | undefined): readonly string[] {
    const items: readonly JsonValue[] = Array.isArray(value) ? value : [];
    const names = items.filter((item) => typeof item === 'string' && VARIABLE.test(item)).map(String);
    if (!Array.isArray(value) || names.length !== items.length || items.length > MAX_ENTRIES)
      this.problems.push(`${name} must be a list of names of variables`);
    return names;
  }

  #demandObject(name: string, value: JsonValue | undefined): JsonObject {
    if (isJsonObject(value)) return value;
    this.problems.push(value === undefined ? `${name} is missing` : `${name} must be an object`);
    return {};
  }
}

function unknownKeys(object: JsonObject, known: readonly string[], prefix: string): string[] {
  return Object.keys(object)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const near = closest(key, known);
      return `${prefix}${key} is not known${near ? ` (did you mean ${prefix}${near}?)` : ''}`;
    });
}

function textProblem(value: JsonValue | undefined): string | undefined {
  if (value === undefined) return 'is missing';
  if (typeof value !== 'string') return 'must be text';
  if (value === '' || value.length > MAX_TEXT) return `must have 1 to ${MAX_TEXT} characters`;
  return /\p{Cc}/u.test(value) ? 'must not have control characters' : undefined;
}

function isScalar(value: JsonValue): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
