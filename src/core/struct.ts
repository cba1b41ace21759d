import { BrokerError } from './errors.ts';
import type { JsonObject, JsonValue } from './json.ts';

/** google.protobuf.Struct as proto-loader shows it (`oneofs` on; `kind` names the set member). */
export interface StructValue {
  readonly nullValue?: unknown;
  readonly numberValue?: number | string;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: StructMessage | null;
  readonly listValue?: { readonly values?: readonly StructValue[] } | null;
  readonly kind?: string;
}
export interface StructMessage {
  readonly fields?: Readonly<Record<string, StructValue>>;
}

/** @throws BrokerError `invalid_argument` when nested deeper than any field of ours is. */
export function fromStruct(struct: StructMessage | null | undefined, depth = 0): JsonObject {
  if (depth > 8) throw new BrokerError('invalid_argument', 'config is nested too deeply');
  const entries = Object.entries(struct?.fields ?? {});
  return Object.fromEntries(entries.map(([name, value]) => [name, fromValue(value, depth + 1)]));
}

export function toStruct(object: JsonObject): StructMessage {
  return { fields: Object.fromEntries(Object.entries(object).map(([name, value]) => [name, toValue(value)])) };
}

function fromValue(value: StructValue, depth: number): JsonValue {
  if (depth > 8) throw new BrokerError('invalid_argument', 'config is nested too deeply');
  switch (value.kind) {
    case 'numberValue':
      return Number(value.numberValue);
    case 'stringValue':
      return value.stringValue ?? '';
    case 'boolValue':
      return value.boolValue ?? false;
    case 'structValue':
      return fromStruct(value.structValue, depth);
    case 'listValue':
      return (value.listValue?.values ?? []).map((item) => fromValue(item, depth + 1));
    default:
      return null;
  }
}

function toValue(value: JsonValue): StructValue {
  if (value === null) return { kind: 'nullValue', nullValue: 0 };
  if (typeof value === 'number') return { kind: 'numberValue', numberValue: value };
  if (typeof value === 'string') return { kind: 'stringValue', stringValue: value };
  if (typeof value === 'boolean') return { kind: 'boolValue', boolValue: value };
  if (Array.isArray(value))
    return { kind: 'listValue', listValue: { values: value.map((item: JsonValue) => toValue(item)) } };
  return { kind: 'structValue', structValue: toStruct(value as JsonObject) };
}
