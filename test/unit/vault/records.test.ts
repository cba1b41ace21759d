import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { Secret } from '../../../src/core/secret.ts';
import { decodeBody, encodeBody } from '../../../src/vault/body.ts';
import { u32 } from '../../../src/vault/reader.ts';
import { type Change, COLLECTIONS, ownedChanges } from '../../../src/vault/record.ts';
import { Records } from '../../../src/vault/records.ts';
import { broken, text } from './home.ts';

const sealKey = Secret.copy(Buffer.alloc(32, 3));

function put(name: string, fields: JsonObject, secrets?: Record<string, Secret | 'keep'>, ifRevision?: number): Change {
  return {
    type: 'put',
    collection: 'service',
    name,
    fields,
    ...(secrets && { secrets }),
    ...(ifRevision !== undefined && { ifRevision }),
  };
}

function applied(records: Records, changes: readonly Change[], revision: number): Records {
  using owned = ownedChanges(changes);
  return records.apply(owned.changes, sealKey, { revision, at: 1_000 * revision }).records;
}

function secretOf(records: Records, name: string, secretName: string): string {
  using secret = records.reveal(sealKey, 'service', name, secretName);
  return secret.use((bytes) => bytes.toString());
}

test('a put replaces the fields, and only the secrets it lists stay or change', () => {
  let records = applied(new Records([]), [put('a', { x: 1 }, { one: text('1'), two: text('2'), three: text('3') })], 2);
  records = applied(records, [put('a', { y: 2 }, { one: 'keep', two: text('zwei') })], 5);
  const record = records.get('service', 'a');
  assert.deepEqual(record, {
    name: 'a',
    fields: { y: 2 },
    secrets: ['one', 'two'],
    revision: 5,
    createdAt: 2_000,
    updatedAt: 5_000,
  });
  assert.equal(secretOf(records, 'a', 'one'), '1');
  assert.equal(secretOf(records, 'a', 'two'), 'zwei');
  assert.throws(() => secretOf(records, 'a', 'three'), broken('not_found', /service a: three is not set/));
});

test('a secret that is not set cannot be kept', () => {
  assert.throws(
    () => applied(new Records([]), [put('a', {}, { password: 'keep' })], 2),
    broken('not_found', /cannot be kept/),
  );
});

test('ifRevision: 0 makes only, a number changes only what is still that', () => {
  const records = applied(new Records([]), [put('a', {}, undefined, 0)], 2);
  assert.throws(
    () => applied(records, [put('a', {}, undefined, 0)], 3),
    broken('conflict', /service a exists already/),
  );
  assert.throws(() => applied(records, [put('a', {}, undefined, 1)], 3), broken('conflict', /changed meanwhile/));
  assert.throws(() => applied(records, [put('b', {}, undefined, 1)], 3), broken('conflict', /deleted meanwhile/));
  assert.equal(applied(records, [put('a', { v: 2 }, undefined, 2)], 3).get('service', 'a')?.revision, 3);
});

test('a record that was deleted and made again has another revision', () => {
  const first = applied(new Records([]), [put('a', {})], 2);
  const gone = applied(first, [{ type: 'delete', collection: 'service', name: 'a', ifRevision: 2 }], 3);
  const again = applied(gone, [put('a', {})], 4);
  assert.throws(() => applied(again, [put('a', {}, undefined, 2)], 5), broken('conflict'));
});

test('deleting what is not there is not_found', () => {
  const change: Change = { type: 'delete', collection: 'token', name: 't' };
  assert.throws(() => applied(new Records([]), [change], 2), broken('not_found', /there is no token t/));
});

test('the collections do not share names', () => {
  const all = COLLECTIONS.map(
    (collection) => ({ type: 'put', collection, name: 'same', fields: { collection } }) as const,
  );
  const records = applied(new Records([]), all, 2);
  for (const collection of COLLECTIONS) {
    assert.deepEqual(
      records.list(collection).map((record) => record.fields),
      [{ collection }],
    );
  }
});

test('a list is sorted by name', () => {
  const records = applied(new Records([]), [put('b', {}), put('a', {}), put('c', {})], 2);
  assert.deepEqual(
    records.list('service').map((record) => record.name),
    ['a', 'b', 'c'],
  );
});

test('a sealed secret opens in no other place', () => {
  const records = applied(
    new Records([]),
    [put('a', {}, { one: text('1'), two: text('2') }), put('b', {}, { one: text('3') })],
    2,
  );
  const [a, b] = [...records.entries];
  const [one, two] = [a?.sealed.get('one'), a?.sealed.get('two')];
  assert.ok(a && b && one && two);
  const swapped = new Records([
    { ...a, sealed: new Map(Object.entries({ one: two, two: one })) },
    { ...b, sealed: new Map([['one', one]]) },
  ]);
  assert.throws(() => secretOf(swapped, 'a', 'one'), broken('corrupt'));
  assert.throws(() => secretOf(swapped, 'b', 'one'), broken('corrupt'));
});

test('what a caller does with its fields and secrets afterwards changes nothing', () => {
  const fields = { hosts: ['a', 'b'] };
  const secret = text('before');
  using owned = ownedChanges([put('a', fields, { password: secret })]);
  fields.hosts.push('c');
  secret[Symbol.dispose]();
  const { records } = new Records([]).apply(owned.changes, sealKey, { revision: 2, at: 0 });
  assert.deepEqual(records.get('service', 'a')?.fields, { hosts: ['a', 'b'] });
  assert.equal(secretOf(records, 'a', 'password'), 'before');
});

test('a record handed out cannot be changed', () => {
  const record = applied(new Records([]), [put('a', { deep: { list: [1] } })], 2).get('service', 'a');
  assert.throws(() => Object.assign(record?.fields.deep ?? {}, { x: 1 }), TypeError);
  assert.throws(() => Object.assign(record ?? {}, { name: 'b' }), TypeError);
});

test('a Secret among the public fields is refused, not stored as a word', () => {
  const fields: object = { password: text('hunter2') };
  assert.throws(
    () => ownedChanges([put('a', fields as JsonObject)]),
    broken('invalid_argument', /fields\.password: not plain JSON/),
  );
});

test('fields that JSON would change are refused by name', () => {
  const cases: [unknown, RegExp][] = [
    [{ n: Number.NaN }, /fields\.n/],
    [{ d: new Date(0) }, /fields\.d/],
    [{ list: [1, undefined] }, /fields\.list\[1\]/],
    [{ f: () => 1 }, /fields\.f/],
    [{ b: 1n }, /fields\.b/],
    [Array.from({ length: 40 }).reduce<object>((inner) => ({ inner }), {}), /nested too deep/],
  ];
  for (const [fields, message] of cases) {
    assert.throws(() => ownedChanges([put('a', fields as JsonObject)]), broken('invalid_argument', message));
  }
});

test('names are bounded and printable', () => {
  for (const name of ['', 'a\nb', 'a\u0000', 'x'.repeat(256)]) {
    assert.throws(() => ownedChanges([put(name, {})]), broken('invalid_argument', /^name/));
    assert.throws(
      () => ownedChanges([put('a', {}, { [name]: text('s') })]),
      broken('invalid_argument', /^secret name/),
    );
  }
});

test('a secret of 5 MiB is stored, one byte more is not', () => {
  const size = 5 * 1024 * 1024;
  ownedChanges([put('a', {}, { content: Secret.own(Buffer.alloc(size)) })])[Symbol.dispose]();
  assert.throws(
    () => ownedChanges([put('a', {}, { content: Secret.own(Buffer.alloc(size + 1)) })]),
    broken('too_large'),
  );
});

test('any records come back from a body as they went in, secrets still sealed', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  const change = fc.record(
    {
      type: fc.constant('put' as const),
      collection: fc.constantFrom(...COLLECTIONS),
      name,
      fields: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })),
      secrets: fc.dictionary(name, fc.uint8Array({ maxLength: 40 })),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), (changes) => {
      const puts = changes.map(({ secrets, fields, ...rest }): Change => {
        const owned = Object.entries(secrets).map(([key, bytes]) => [key, Secret.copy(bytes)] as const);
        return { ...rest, fields: JSON.parse(JSON.stringify(fields)), secrets: Object.fromEntries(owned) };
      });
      const records = applied(new Records([]), puts, 2);
      const body = encodeBody(records);
      assert.deepEqual([...decodeBody(body).entries], [...records.entries]);
    }),
    { numRuns: 200 },
  );
});

test('a field called __proto__ stays a field', () => {
  const fields: JsonObject = JSON.parse('{"__proto__":{"admin":true}}');
  const records = decodeBody(encodeBody(applied(new Records([]), [put('a', fields)], 2)));
  assert.equal(JSON.stringify(records.get('service', 'a')?.fields), '{"__proto__":{"admin":true}}');
});

test('a body of another shape is corrupt, whatever it is', () => {
  const indexed = fc.jsonValue().map((index) => {
    const json = Buffer.from(JSON.stringify(index));
    return Buffer.concat([u32(json.length), json]);
  });
  const rows = fc.array(fc.array(fc.jsonValue(), { minLength: 7, maxLength: 7 })).map((index) => {
    const json = Buffer.from(JSON.stringify(index));
    return Buffer.concat([u32(json.length), json]);
  });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        indexed,
        rows,
      ),
      (body) => {
        try {
          decodeBody(body);
        } catch (error) {
          assert.ok(error instanceof BrokerError && error.code === 'corrupt', String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('a secret is succeeded only where it still is the one that was succeeded, and the record stays as it is', () => {
  const records = applied(new Records([]), [put('a', { x: 1 }, { one: text('1'), two: text('2') })], 2);
  const succeed = (name: string, secret: string, from: string, to: string): Change => ({
    type: 'succeed',
    collection: 'service',
    name,
    secret,
    from: createHash('sha256').update(from).digest(),
    to: text(to),
  });
  const next = applied(records, [succeed('a', 'one', '1', 'eins')], 3);
  assert.equal(secretOf(next, 'a', 'one'), 'eins');
  assert.equal(secretOf(next, 'a', 'two'), '2');
  assert.deepEqual(next.get('service', 'a'), records.get('service', 'a'));
  assert.throws(
    () => applied(next, [succeed('a', 'one', '1', 'uno')], 4),
    broken('conflict', /^service a: one was changed meanwhile$/),
  );
  assert.throws(() => applied(next, [succeed('a', 'three', '', 'x')], 4), broken('conflict', /three was changed/));
  assert.throws(() => applied(next, [succeed('b', 'one', '1', 'x')], 4), broken('not_found', /there is no service b/));
});
