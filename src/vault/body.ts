import { isJsonObject, type JsonValue } from '../core/json.ts';
import { SEAL_BYTES } from './aead.ts';
import { corrupt } from './format.ts';
import { Malformed, Reader, u32 } from './reader.ts';
import { COLLECTIONS, type Collection, frozenFields, type StoredRecord } from './record.ts';
import { type Entry, Records } from './records.ts';

/**
 * The decrypted body: `indexLength 4 | index (JSON) | sealed secrets, end to end in the order of the index`.
 * index: [[collection, name, fields, revision, createdAt, updatedAt, [[secret name, sealed length], ...]], ...]
 * The secrets stay sealed: reading the body makes no string of any of them.
 */
export function encodeBody(records: Records): Buffer {
  const entries = [...records.entries];
  const index = entries.map(({ collection, record, sealed }) => [
    collection,
    record.name,
    record.fields,
    record.revision,
    record.createdAt,
    record.updatedAt,
    [...sealed].map(([name, bytes]) => [name, bytes.length]),
  ]);
  const json = Buffer.from(JSON.stringify(index));
  return Buffer.concat([u32(json.length), json, ...entries.flatMap((entry) => [...entry.sealed.values()])]);
}

/** @throws BrokerError `corrupt` for bytes of another shape: only a bug or another version of broker can write those. */
export function decodeBody(body: Buffer): Records {
  try {
    const reader = new Reader(body);
    const index: JsonValue = JSON.parse(reader.take(reader.u32()).toString('utf8'));
    const records = new Records(array(index).map((row) => readEntry(array(row), reader)));
    reader.end();
    return records;
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError)
      throw corrupt('holds records broker cannot read', error);
    throw error;
  }
}

function readEntry(row: readonly JsonValue[], reader: Reader): Entry {
  const [collection, name, fields, revision, createdAt, updatedAt, secrets] = row;
  if (row.length !== 7 || !isJsonObject(fields)) throw new Malformed('a record is malformed');
  // Copied: a view would keep the whole decrypted body alive and be wiped with it.
  const sealed = new Map(
    array(secrets).map((pair) => {
      const [secretName, length] = array(pair);
      return [string(secretName), Buffer.from(reader.take(integer(length, SEAL_BYTES)))] as const;
    }),
  );
  const record: StoredRecord = Object.freeze({
    name: string(name),
    fields: frozenFields(fields),
    secrets: Object.freeze([...sealed.keys()]),
    revision: integer(revision, 1),
    createdAt: integer(createdAt, 0),
    updatedAt: integer(updatedAt, 0),
  });
  return { collection: collectionOf(collection), record, sealed };
}

function collectionOf(value: JsonValue | undefined): Collection {
  const collection = COLLECTIONS.find((known) => known === value);
  if (collection === undefined) throw new Malformed('a record is of an unknown collection');
  return collection;
}

function array(value: JsonValue | undefined): readonly JsonValue[] {
  if (!Array.isArray(value)) throw new Malformed('a list is missing');
  return value;
}

function string(value: JsonValue | undefined): string {
  if (typeof value !== 'string') throw new Malformed('a name is missing');
  return value;
}

function integer(value: JsonValue | undefined, least: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least)
    throw new Malformed('a number is missing');
  return value;
}
