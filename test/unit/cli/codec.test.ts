import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyDefinition, fromJSON, type MessageTypeDefinition, type MethodDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { decode, encode } from '../../../src/cli/codec.ts';
import { clientMethods } from '../../../src/cli/definition.ts';
import { descriptor } from '../../../src/core/proto/descriptor.ts';
import { type FieldSchema, type MessageSchema, Schema } from '../../../src/core/schema.ts';

const json = descriptor as Parameters<typeof fromJSON>[0];
const theirs = fromJSON(json, { longs: String, enums: String, defaults: true, oneofs: true });
const schema = new Schema(descriptor);

function isMessage(definition: AnyDefinition): definition is MessageTypeDefinition<object, object> {
  return 'serialize' in definition;
}

type Codec = Pick<MessageTypeDefinition<object, object>, 'serialize' | 'deserialize'>;

/** Every message of our package, nested ones too, with proto-loader's codec for it. */
const messages = Object.entries(theirs).flatMap(([name, definition]): [string, Codec][] =>
  isMessage(definition) ? [[name, definition]] : [],
);

test('reads what proto-loader writes and writes what it reads, for every message', () => {
  assert.ok(messages.length > 50, 'the descriptor has all our messages');
  for (const [name, codec] of messages) {
    const type = schema.message(name);
    fc.assert(
      fc.property(messageOf(type, 3), (message) => {
        const bytes = codec.serialize(message);
        const known = codec.deserialize(bytes);
        assert.deepEqual(decode(type, bytes), known, name);
        assert.deepEqual(codec.deserialize(encode(type, message)), known, name);
      }),
      { numRuns: 40, seed: 1 },
    );
  }
});

test('of a field that comes twice the last counts, and of a oneof the last member alone', () => {
  const slot = schema.message('broker.v1.KeySlot');
  const twice = Buffer.concat([encode(slot, { label: 'first', type: 'kept' }), encode(slot, { label: 'last' })]);
  const { label, type } = decode(slot, twice);
  assert.deepEqual([label, type], ['last', 'kept']);
  const request = schema.message('broker.v1.ConnectRequest');
  const both = Buffer.concat([encode(request, { data: Buffer.from('x') }), encode(request, { start: {} })]);
  const { part, data, start } = decode(request, both);
  assert.deepEqual([part, data, typeof start], ['start', undefined, 'object']);
});

test('offers every method with its path and its streams as proto-loader does', () => {
  const services = Object.entries(theirs).flatMap(([name, definition]) =>
    'format' in definition || 'serialize' in definition ? [] : [[name, definition] as const],
  );
  assert.ok(services.length >= 8);
  for (const [name, service] of services) {
    const methods = clientMethods(name.replace('broker.v1.', ''));
    assert.deepEqual(
      methods.map(([method, { path, requestStream, responseStream }]) => [method, path, requestStream, responseStream]),
      Object.entries(service).map(([method, d]: [string, MethodDefinition<object, object>]) => [
        method,
        d.path,
        d.requestStream,
        d.responseStream,
      ]),
    );
  }
});

test('passes over fields of a newer daemon, of every wire type', () => {
  const newer = protobuf.Root.fromJSON({
    nested: {
      KeySlot: {
        fields: {
          index: { type: 'uint32', id: 1 },
          ...{ a: { type: 'uint64', id: 100 }, b: { type: 'double', id: 101 }, c: { type: 'string', id: 102 } },
          ...{ d: { type: 'fixed32', id: 103 }, label: { type: 'string', id: 3 } },
        },
      },
    },
  }).lookupType('KeySlot');
  const bytes = newer.encode({ index: 7, a: 1, b: 0.5, c: 'new', d: 9, label: 'kept' }).finish();
  const read = decode(schema.message('broker.v1.KeySlot'), Buffer.from(bytes));
  assert.deepEqual([read.index, read.label], [7, 'kept']);
});

test('an enumeration value of a newer daemon stays a number', () => {
  assert.equal(decode(schema.message('broker.v1.VaultStatus'), Buffer.from([0x08, 0x63])).state, 99);
});

test('never hangs on bytes that are no message, and throws RangeErrors only', () => {
  for (const [name] of messages) {
    const type = schema.message(name);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decode(type, Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error));
        }
      }),
      { numRuns: 50, seed: 2 },
    );
  }
});

test('refuses messages nested without end', () => {
  const value = schema.message('google.protobuf.Value');
  let bytes: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 200; depth++) bytes = encode(depth % 2 ? WRAPPED : LIST, { inner: bytes });
  assert.throws(() => decode(value, bytes), /nested more than 100/);
});

const inner = (id: number): MessageSchema => ({
  name: 'test.Inner',
  fields: [{ name: 'inner', id, type: 'bytes', repeated: false, map: false, oneof: undefined }],
});
/** A ListValue with one Value, and a Value that holds a ListValue, as raw bytes. */
const LIST = inner(1);
const WRAPPED = inner(6);

test('a value of the wrong type is refused before it is sent', () => {
  const service = schema.message('broker.v1.PutServiceRequest');
  assert.throws(() => encode(service, { name: {} }), TypeError);
  assert.throws(() => encode(service, { policy: 'none' }), TypeError);
  assert.throws(() => encode(service, { secrets: { password: 'text' } }), TypeError);
  assert.throws(() => encode(schema.message('broker.v1.OpenSessionRequest'), { listen: 'LISTEN_NOWHERE' }), TypeError);
});

/** Any message of a type. Fields may be missing, as they may be in a request. */
function messageOf(type: MessageSchema, depth: number): fc.Arbitrary<object> {
  const fields = type.fields.filter((field) => depth > 0 || typeof field.type === 'string');
  const plain = fields.filter(({ oneof }) => oneof === undefined);
  const oneofs = grouped(fields);
  const choices = [...oneofs].flatMap(([oneof, members]) =>
    oneof === undefined ? [] : [fc.option(fc.oneof(...members.map((member) => one(member, depth))), { nil: {} })],
  );
  const parts = plain.map((field) => fc.option(one(field, depth), { nil: {} }));
  return fc.tuple(...parts, ...choices).map((made) => Object.assign({}, ...made));
}

function grouped(fields: readonly FieldSchema[]): Map<string | undefined, FieldSchema[]> {
  const groups = new Map<string | undefined, FieldSchema[]>();
  for (const field of fields) groups.set(field.oneof, [...(groups.get(field.oneof) ?? []), field]);
  return groups;
}

function one(field: FieldSchema, depth: number): fc.Arbitrary<object> {
  const value = anyValue(field.type, depth);
  const whole = field.map
    ? fc.dictionary(
        fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
        value,
        { maxKeys: 3 },
      )
    : field.repeated
      ? fc.array(value, { maxLength: 3 })
      : value;
  return whole.map((held: unknown) => ({ [field.name]: held }));
}

function anyValue(type: FieldSchema['type'], depth: number): fc.Arbitrary<unknown> {
  if (typeof type === 'object') {
    return 'values' in type ? fc.constantFrom(...Object.keys(type.values)) : messageOf(type, depth - 1);
  }
  switch (type) {
    case 'string':
      return fc.string({ maxLength: 300, unit: 'grapheme' });
    case 'bytes':
      return fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    case 'bool':
      return fc.boolean();
    case 'double':
      return fc.double();
    case 'int32':
      return fc.integer();
    case 'uint32':
      return fc.nat(0xffff_ffff);
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    case 'uint64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
    default:
      return type satisfies never;
  }
}
