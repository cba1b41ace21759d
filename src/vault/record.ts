import { BrokerError } from '../core/errors.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import { MAX_FIELD_DEPTH, MAX_NAME_BYTES, MAX_SECRET_BYTES } from './limits.ts';

export const COLLECTIONS = ['service', 'token', 'file', 'state'] as const;
export type Collection = (typeof COLLECTIONS)[number];

/** A record as everybody may see it: its secrets by name only. Frozen, a snapshot. */
export interface StoredRecord {
  readonly name: string;
  readonly fields: JsonObject;
  readonly secrets: readonly string[];
  /** The vault's generation that wrote it: grows with every change, also across delete and put. */
  readonly revision: number;
  readonly createdAt: number; // epoch ms
  readonly updatedAt: number; // epoch ms
}

interface ChangeBase {
  readonly collection: Collection;
  readonly name: string;
  /** The revision the record must have; 0: it must not exist. Anything else is a `conflict`. */
  readonly ifRevision?: number;
}

export type Change =
  | (ChangeBase & {
      readonly type: 'put';
      readonly fields: JsonObject;
      /** By name; 'keep' leaves the stored one as it is, and one that is not listed is dropped. The Secrets stay the caller's. */
      readonly secrets?: Readonly<Record<string, Secret | 'keep'>>;
    })
  | (ChangeBase & { readonly type: 'delete' })
  | (ChangeBase & {
      /**
       * Replaces one secret by its successor, where it still is the one that was succeeded: else `conflict`. The record
       * stays at its revision, since what it says has not changed.
       */
      readonly type: 'succeed';
      readonly secret: string;
      /** SHA-256 of the secret that `to` succeeds. */
      readonly from: Buffer;
      /** Stays the caller's. */
      readonly to: Secret;
    });

/** `service app-db`, as messages name a record. */
export function recordLabel(collection: Collection, name: string): string {
  return `${collection} ${name}`;
}

/**
 * The changes as the vault keeps them until their turn: checked, with fields frozen and secrets copied, so that the
 * caller may do with its own what it likes. Disposing wipes the copies.
 * @throws BrokerError `invalid_argument` or `too_large` for what the vault would not store as it is.
 */
export function ownedChanges(changes: readonly Change[]): Disposable & { readonly changes: readonly Change[] } {
  for (const change of changes) checkChange(change);
  const frozen = changes.map((change) =>
    change.type === 'put' ? { ...change, fields: frozenFields(change.fields) } : change,
  );
  const copies: Secret[] = [];
  const copied = (secret: Secret): Secret => {
    const copy = secret.clone();
    copies.push(copy);
    return copy;
  };
  const keep = (secret: Secret | 'keep'): Secret | 'keep' => (secret === 'keep' ? secret : copied(secret));
  const owned = frozen.map((change) => {
    if (change.type === 'succeed') return { ...change, to: copied(change.to) };
    if (change.type === 'delete' || change.secrets === undefined) return change;
    return {
      ...change,
      secrets: Object.fromEntries(Object.entries(change.secrets).map(([name, secret]) => [name, keep(secret)])),
    };
  });
  return {
    changes: owned,
    [Symbol.dispose]() {
      for (const copy of copies) copy[Symbol.dispose]();
    },
  };
}

function checkChange(change: Change): void {
  if (!COLLECTIONS.includes(change.collection)) throw new BrokerError('invalid_argument', 'collection: unknown');
  checkName('name', change.name);
  if (change.type === 'delete') return;
  const secrets = change.type === 'succeed' ? { [change.secret]: change.to } : (change.secrets ?? {});
  for (const [name, secret] of Object.entries(secrets)) {
    checkName('secret name', name);
    if (secret !== 'keep' && secret.length > MAX_SECRET_BYTES) {
      throw new BrokerError(
        'too_large',
        `${recordLabel(change.collection, change.name)}: ${name} is larger than 5 MiB`,
      );
    }
  }
}

/**
 * A frozen deep copy of plain JSON. Class instances are refused, so that a Secret put among the public fields by mistake
 * is an error and not a stored "[secret]".
 * @throws BrokerError `invalid_argument` naming the field.
 */
export function frozenFields(fields: JsonObject): JsonObject {
  return freezeObject(fields, 'fields', 0);
}

function freezeObject(value: object, path: string, depth: number): JsonObject {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notJson(path);
  const entries = Object.entries(value).map(([key, item]) => [key, freezeValue(item, `${path}.${key}`, depth + 1)]);
  return Object.freeze(Object.fromEntries(entries));
}

function freezeValue(value: unknown, path: string, depth: number): JsonValue {
  if (depth > MAX_FIELD_DEPTH) throw new BrokerError('invalid_argument', `${path}: nested too deep`);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) {
    return Object.freeze(value.map((item, index) => freezeValue(item, `${path}[${index}]`, depth + 1)));
  }
  if (typeof value === 'object') return freezeObject(value, path, depth);
  throw notJson(path);
}

function notJson(path: string): BrokerError {
  return new BrokerError('invalid_argument', `${path}: not plain JSON`);
}

function checkName(what: string, name: string): void {
  const bytes = Buffer.byteLength(name);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (bytes < 1 || bytes > MAX_NAME_BYTES || /[\u0000-\u001f\u007f]/.test(name)) {
    throw new BrokerError('invalid_argument', `${what}: needs 1 to ${MAX_NAME_BYTES} bytes and no control characters`);
  }
}
