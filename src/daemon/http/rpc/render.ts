import type { JsonValue } from '../../../core/json.ts';
import type { FieldSchema, MessageSchema } from '../../../core/schema.ts';
import { WELL_KNOWN } from './wellknown.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The JSON form of what a handler answers (proto3 language guide, "JSON Mapping"): names in camel case, 64-bit numbers as
 * text, bytes as base64, times as text. Fields that always have a value are always there; messages and members of oneofs
 * only when they are set.
 * @param message as proto-loader takes it from a handler: a field may be absent, or null.
 */
export function renderMessage(type: MessageSchema, message: Fields): JsonValue {
  const known = WELL_KNOWN[type.name];
  if (known) return known.render(message);
  const json: Record<string, JsonValue> = {};
  for (const field of type.fields) {
    const value = message[field.name];
    if (value !== undefined && value !== null) json[field.name] = renderField(field, value);
    else if (field.oneof === undefined) {
      const zero = renderAbsent(field);
      if (zero !== undefined) json[field.name] = zero;
    }
  }
  return json;
}

function renderField(field: FieldSchema, value: unknown): JsonValue {
  if (field.map)
    return Object.fromEntries(
      Object.entries(value as Fields).map(([key, held]) => [key, renderValue(field.type, held)]),
    );
  if (field.repeated) return (value as readonly unknown[]).map((item) => renderValue(field.type, item));
  return renderValue(field.type, value);
}

function renderValue(type: FieldSchema['type'], value: unknown): JsonValue {
  if (typeof type === 'object') {
    if ('fields' in type) return renderMessage(type, value as Fields);
    const name =
      typeof value === 'number' ? Object.keys(type.values).find((each) => type.values[each] === value) : value;
    return String(name ?? value);
  }
  switch (type) {
    case 'bytes':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'int64':
    case 'uint64':
      return String(value);
    case 'int32':
    case 'uint32':
      return Number(value);
    case 'double':
      return Number.isFinite(value) ? Number(value) : String(value);
    case 'bool':
      return Boolean(value);
    case 'string':
      return String(value);
    default:
      return type satisfies never;
  }
}

/** What a field shows that has no value; undefined: nothing at all. */
function renderAbsent(field: FieldSchema): JsonValue | undefined {
  if (field.map) return {};
  if (field.repeated) return [];
  const { type } = field;
  if (typeof type === 'object')
    return 'values' in type ? Object.keys(type.values).find((name) => type.values[name] === 0) : undefined;
  if (type === 'bool') return false;
  if (type === 'string' || type === 'bytes') return '';
  return type === 'int64' || type === 'uint64' ? '0' : 0;
}
