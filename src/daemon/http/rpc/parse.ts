import { closest } from '../../../core/config.ts';
import { BrokerError } from '../../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { EnumSchema, FieldSchema, MessageSchema, Scalar } from '../../../core/schema.ts';
import { WELL_KNOWN } from './wellknown.ts';

type Fields = Record<string, unknown>;

/** Messages in messages; none of ours is deeper than a few. */
const MAX_DEPTH = 32;

/**
 * A request from its JSON form (proto3 language guide, "JSON Mapping"), as proto-loader hands one to a handler: fields that
 * are not there have their defaults. Names in camel case or as in the proto file; an unknown one is an error, since it would
 * otherwise be a setting that silently does nothing.
 * @throws BrokerError `invalid_argument` naming the field, never its value.
 */
export function parseMessage(type: MessageSchema, json: JsonValue, at = '', depth = 0): Fields {
  if (depth > MAX_DEPTH) throw bad(at, 'is nested too deeply');
  const known = WELL_KNOWN[type.name];
  if (known) {
    const parsed = known.parse(json);
    if (parsed === undefined) throw bad(at, `is not a ${type.name}`);
    return { ...parsed };
  }
  if (!isJsonObject(json)) throw bad(at, 'must be a JSON object');
  const message: Fields = {};
  for (const field of type.fields) if (field.oneof === undefined) message[field.name] = absent(field);
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(json)) {
    const field = type.fields.find((each) => each.name === name || snake(each.name) === name);
    if (!field) throw unknownField(type, name, at);
    if (seen.has(field.name)) throw bad(path(at, name), 'is there twice');
    seen.add(field.name);
    if (value === null) continue;
    if (field.oneof !== undefined) {
      if (message[field.oneof] !== undefined)
        throw bad(path(at, name), `and ${message[field.oneof]} exclude each other`);
      message[field.oneof] = field.name;
    }
    message[field.name] = parseField(field, value, path(at, name), depth);
  }
  return message;
}

function parseField(field: FieldSchema, json: JsonValue, at: string, depth: number): unknown {
  if (field.map) {
    if (!isJsonObject(json)) throw bad(at, 'must be a JSON object');
    const entries: JsonObject = json;
    return Object.fromEntries(
      Object.entries(entries).map(([key, value]) => [key, parseValue(field.type, value, path(at, key), depth)]),
    );
  }
  if (!field.repeated) return parseValue(field.type, json, at, depth);
  if (!Array.isArray(json)) throw bad(at, 'must be an array');
  const items: readonly JsonValue[] = json;
  return items.map((item, index) => parseValue(field.type, item, `${at}[${index}]`, depth));
}

function parseValue(type: FieldSchema['type'], json: JsonValue, at: string, depth: number): unknown {
  if (typeof type === 'object')
    return 'values' in type ? parseEnum(type, json, at) : parseMessage(type, json, at, depth + 1);
  return parseScalar(type, json, at);
}

function parseEnum({ values }: EnumSchema, json: JsonValue, at: string): string {
  const names = Object.keys(values);
  const found = names.find((name) => name === json || values[name] === json);
  if (found === undefined) throw bad(at, `must be one of ${names.join(', ')}`);
  return found;
}

function parseScalar(type: Scalar, json: JsonValue, at: string): unknown {
  switch (type) {
    case 'string':
      if (typeof json !== 'string') throw bad(at, 'must be text');
      return json;
    case 'bool':
      if (typeof json !== 'boolean') throw bad(at, 'must be true or false');
      return json;
    case 'bytes':
      return parseBytes(json, at);
    case 'double': {
      const special = json === 'NaN' || json === 'Infinity' || json === '-Infinity';
      const number =
        typeof json === 'string' && (special || /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(json)) ? Number(json) : json;
      if (typeof number !== 'number') throw bad(at, 'must be a number');
      return number;
    }
    case 'int32':
      return Number(parseInteger(json, at, -(2n ** 31n), 2n ** 31n - 1n));
    case 'uint32':
      return Number(parseInteger(json, at, 0n, 2n ** 32n - 1n));
    case 'int64':
      return String(parseInteger(json, at, -(2n ** 63n), 2n ** 63n - 1n));
    case 'uint64':
      return String(parseInteger(json, at, 0n, 2n ** 64n - 1n));
    default:
      return type satisfies never;
  }
}

/** A JSON number without a fraction, or text, which 64 bits need. */
function parseInteger(json: JsonValue, at: string, least: bigint, most: bigint): bigint {
  const isWhole =
    typeof json === 'number' ? Number.isSafeInteger(json) : typeof json === 'string' && /^-?\d{1,20}$/.test(json);
  const value = isWhole ? BigInt(json as string | number) : undefined;
  if (value === undefined || value < least || value > most)
    throw bad(at, `must be a whole number from ${least} to ${most}`);
  return value;
}

/** Base64, standard or URL-safe, with or without padding. */
function parseBytes(json: JsonValue, at: string): Buffer {
  const text = typeof json === 'string' ? json.replace(/={1,2}$/, '') : undefined;
  if (text === undefined || !/^[A-Za-z0-9+/_-]*$/.test(text) || text.length % 4 === 1)
    throw bad(at, 'must be bytes in base64');
  return Buffer.from(text, 'base64');
}

/** What a field is that the sender left out. */
function absent(field: FieldSchema): unknown {
  if (field.map) return {};
  if (field.repeated) return [];
  const { type } = field;
  if (typeof type === 'object')
    return 'values' in type ? Object.keys(type.values).find((name) => type.values[name] === 0) : null;
  if (type === 'bytes') return Buffer.alloc(0);
  if (type === 'string') return '';
  if (type === 'bool') return false;
  return type === 'int64' || type === 'uint64' ? '0' : 0;
}

function unknownField(type: MessageSchema, name: string, at: string): BrokerError {
  const near = closest(
    name,
    type.fields.map((field) => field.name),
  );
  // A name that is no name may be a value in the wrong place.
  const shown = /^\w{1,60}$/.test(name) ? path(at, name) : `a field of ${at || 'the request'}`;
  return bad(shown, `is not known${near ? ` (did you mean ${near}?)` : ''}`);
}

function bad(at: string, what: string): BrokerError {
  return new BrokerError('invalid_argument', `${at || 'the request'} ${what}`);
}

function path(at: string, name: string): string {
  const shown = /^[\w.-]{1,60}$/.test(name) ? name : '?';
  return at ? `${at}.${shown}` : shown;
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
