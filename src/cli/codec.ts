import type { EnumSchema, FieldSchema, MessageSchema, Scalar } from '../core/schema.ts';
import { Reader, WIRE, Writer } from './wire.ts';

/**
 * Messages to bytes and back, from the schema: what proto-loader does with `longs: String, enums: String, defaults,
 * oneofs`, at a tenth of its start-up time, which is most of what a short command would spend. A test holds it against
 * proto-loader, message type by message type.
 */

/** A message inside a message inside a message ...: google.protobuf.Struct has no end of its own. */
const MAX_DEPTH = 100;

type Fields = Record<string, unknown>;

/** @throws TypeError for a value that the field's type cannot hold. */
export function encode(type: MessageSchema, message: object): Buffer {
  const writer = new Writer();
  const values = message as Fields;
  for (const field of type.fields) {
    const value = values[field.name];
    if (value === undefined || value === null) continue;
    if (field.map) {
      for (const [key, held] of Object.entries(value)) writeField(writer, field, encodeEntry(field, key, held));
    } else if (field.repeated) {
      if (!Array.isArray(value)) throw new TypeError(`${field.name} must be an array`);
      for (const held of value) writeField(writer, field, held);
    } else writeField(writer, field, value);
  }
  return writer.finish();
}

/** @throws RangeError for bytes that are no such message. */
export function decode(type: MessageSchema, bytes: Buffer, depth = 0): Fields {
  if (depth > MAX_DEPTH) throw new RangeError(`messages are nested more than ${MAX_DEPTH} deep`);
  const message: Fields = {};
  for (const field of type.fields) if (field.oneof === undefined) message[field.name] = absent(field);
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = Number(reader.varint());
    const wire = tag & 7;
    const field = type.fields.find(({ id }) => id === tag >>> 3);
    if (!field) reader.skip(wire);
    else if (field.map) decodeEntry(field, reader, message[field.name] as Fields, depth);
    else if (field.repeated) readRepeated(field, wire, reader, message[field.name] as unknown[], depth);
    else {
      if (field.oneof !== undefined) {
        for (const other of type.fields) if (other.oneof === field.oneof) delete message[other.name];
        message[field.oneof] = field.name;
      }
      message[field.name] = readValue(field.type, wire, reader, depth);
    }
  }
  return message;
}

/** A map is written as repeated messages with the key in field 1 and the value in field 2. */
function encodeEntry(field: FieldSchema, key: string, value: unknown): Buffer {
  const writer = new Writer();
  writeValue(writer, 1, 'string', key);
  writeValue(writer, 2, field.type, value);
  return writer.finish();
}

function decodeEntry(field: FieldSchema, reader: Reader, into: Fields, depth: number): void {
  const entry = new Reader(reader.bytes());
  let key = '';
  let value: unknown;
  while (!entry.done) {
    const tag = Number(entry.varint());
    if (tag >>> 3 === 1) key = entry.bytes().toString('utf8');
    else if (tag >>> 3 === 2) value = readValue(field.type, tag & 7, entry, depth);
    else entry.skip(tag & 7);
  }
  // Not by assignment: `__proto__` is a key like any other.
  Object.defineProperty(into, key, {
    value: value ?? zero(field.type),
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

/** Numbers may come packed into one field, or one by one; both are valid for either declaration. */
function readRepeated(field: FieldSchema, wire: number, reader: Reader, into: unknown[], depth: number): void {
  if (wire !== WIRE.bytes || wireOf(field.type) === WIRE.bytes) {
    into.push(readValue(field.type, wire, reader, depth));
    return;
  }
  const packed = new Reader(reader.bytes());
  while (!packed.done) into.push(readValue(field.type, wireOf(field.type), packed, depth));
}

function writeField(writer: Writer, field: FieldSchema, value: unknown): void {
  if (field.map) {
    writer.tag(field.id, WIRE.bytes);
    writer.bytes(value as Buffer);
  } else writeValue(writer, field.id, field.type, value);
}

function writeValue(writer: Writer, id: number, type: FieldSchema['type'], value: unknown): void {
  writer.tag(id, wireOf(type));
  if (typeof type === 'object') {
    if ('values' in type) writer.varint(BigInt(enumNumber(type, value)));
    else if (typeof value === 'object' && value !== null) writer.bytes(encode(type, value));
    else throw new TypeError('a message must be an object');
    return;
  }
  switch (type) {
    case 'string':
      writer.bytes(Buffer.from(text(value), 'utf8'));
      break;
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw new TypeError('bytes must be a Buffer');
      writer.bytes(value);
      break;
    case 'bool':
      writer.varint(value ? 1n : 0n);
      break;
    case 'double':
      writer.double(Number(value));
      break;
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      writer.varint(BigInt(text(value)));
      break;
    default: {
      throw new TypeError(`${type satisfies never} is no type of proto3`);
    }
  }
}

function readValue(type: FieldSchema['type'], wire: number, reader: Reader, depth: number): unknown {
  if (wire !== wireOf(type)) throw new RangeError(`wire type ${wire} where ${wireOf(type)} belongs`);
  if (typeof type === 'object') {
    return 'values' in type ? enumName(type, reader.varint()) : decode(type, reader.bytes(), depth + 1);
  }
  switch (type) {
    case 'string':
      return reader.bytes().toString('utf8');
    case 'bytes':
      return reader.bytes();
    case 'bool':
      return reader.varint() !== 0n;
    case 'double':
      return reader.double();
    case 'int32':
      return Number(BigInt.asIntN(32, reader.varint()));
    case 'uint32':
      return Number(BigInt.asUintN(32, reader.varint()));
    case 'int64':
      return String(BigInt.asIntN(64, reader.varint()));
    case 'uint64':
      return String(reader.varint());
    default:
      return type satisfies never;
  }
}

function wireOf(type: FieldSchema['type']): number {
  if (typeof type === 'object') return 'values' in type ? WIRE.varint : WIRE.bytes;
  if (type === 'double') return WIRE.fixed64;
  return type === 'string' || type === 'bytes' ? WIRE.bytes : WIRE.varint;
}

/** What a field is that the sender left out. */
function absent(field: FieldSchema): unknown {
  if (field.map) return {};
  if (field.repeated) return [];
  return typeof field.type === 'object' && 'fields' in field.type ? null : zero(field.type);
}

const ZERO = {
  string: '',
  bool: false,
  double: 0,
  int32: 0,
  uint32: 0,
  int64: '0',
  uint64: '0',
} as const satisfies Record<Exclude<Scalar, 'bytes'>, unknown>;

function zero(type: FieldSchema['type']): unknown {
  if (type === 'bytes') return Buffer.alloc(0);
  if (typeof type === 'string') return ZERO[type];
  return 'values' in type ? enumName(type, 0n) : decode(type, Buffer.alloc(0));
}

function enumNumber(type: EnumSchema, value: unknown): number {
  const number = typeof value === 'number' ? value : type.values[text(value)];
  if (number === undefined) throw new TypeError(`${value} is no value of its enumeration`);
  return number;
}

/** A value that only a newer daemon knows stays a number. */
function enumName(type: EnumSchema, value: bigint): string | number {
  const number = Number(BigInt.asIntN(32, value));
  return Object.keys(type.values).find((name) => type.values[name] === number) ?? number;
}

function text(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new TypeError('text or a number is wanted here');
}
