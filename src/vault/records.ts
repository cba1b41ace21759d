import { createHash, timingSafeEqual } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { seal, unseal } from './aead.ts';
import { corrupt } from './format.ts';
import { type Change, type Collection, recordLabel, type StoredRecord } from './record.ts';

/** A record with its sealed secrets, in the order of `record.secrets`. */
export interface Entry {
  readonly collection: Collection;
  readonly record: StoredRecord;
  readonly sealed: ReadonlyMap<string, Buffer>;
}

export interface Stamp {
  readonly revision: number;
  readonly at: number; // epoch ms
}

/** All records of the vault at one generation. Immutable: a change makes the next one. */
export class Records {
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(entries: Iterable<Entry>) {
    this.#entries = new Map([...entries].map((entry) => [address(entry.collection, entry.record.name), entry]));
  }

  get entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  get(collection: Collection, name: string): StoredRecord | undefined {
    return this.#entries.get(address(collection, name))?.record;
  }

  /** Sorted by name. */
  list(collection: Collection): StoredRecord[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.collection === collection)
      .map((entry) => entry.record)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Opens one secret, into bytes only.
   * @throws BrokerError `not_found` when the record or that secret of it is not there.
   */
  reveal(key: Secret, collection: Collection, name: string, secretName: string): Secret {
    const entry = this.#entries.get(address(collection, name));
    const label = recordLabel(collection, name);
    if (entry === undefined) throw new BrokerError('not_found', `there is no ${label}`);
    const sealed = entry.sealed.get(secretName);
    if (sealed === undefined) throw new BrokerError('not_found', `${label}: ${secretName} is not set`);
    return open(key, entry, secretName, sealed);
  }

  /** Every secret in turn, each open only until the next one. */
  *secrets(key: Secret): Generator<Secret, void> {
    for (const entry of this.#entries.values()) {
      for (const [name, sealed] of entry.sealed) {
        using secret = open(key, entry, name, sealed);
        yield secret;
      }
    }
  }

  /**
   * The records with all of `changes` (owned ones, see ownedChanges) applied in order, or none of them.
   * @returns the next records, and the records that the puts wrote, in their order.
   * @throws BrokerError `conflict` for another revision or secret than asked for, `not_found` for a delete, a kept or a
   * succeeded secret of nothing.
   */
  apply(changes: readonly Change[], key: Secret, stamp: Stamp): { records: Records; written: StoredRecord[] } {
    const next = new Map(this.#entries);
    const written: StoredRecord[] = [];
    for (const change of changes) {
      const at = address(change.collection, change.name);
      const present = next.get(at);
      checkRevision(change, present?.record.revision ?? 0);
      if (change.type === 'put') {
        const entry = putEntry(change, present, key, stamp);
        next.set(at, entry);
        written.push(entry.record);
      } else if (change.type === 'succeed') {
        next.set(at, succeededEntry(change, present, key));
      } else if (!next.delete(at)) {
        throw new BrokerError('not_found', `there is no ${recordLabel(change.collection, change.name)}`);
      }
    }
    return { records: new Records(next.values()), written };
  }

  /** The same records with every secret sealed under another key. */
  resealed(from: Secret, to: Secret): Records {
    return new Records(
      [...this.#entries.values()].map((entry) => ({
        ...entry,
        sealed: new Map(
          [...entry.sealed].map(([name, sealed]) => {
            using secret = open(from, entry, name, sealed);
            return [name, secret.use((bytes) => seal(to, bytes, context(entry.collection, entry.record.name, name)))];
          }),
        ),
      })),
    );
  }
}

function putEntry(
  change: Extract<Change, { type: 'put' }>,
  present: Entry | undefined,
  key: Secret,
  stamp: Stamp,
): Entry {
  const { collection, name } = change;
  const sealed = new Map<string, Buffer>();
  for (const [secretName, secret] of Object.entries(change.secrets ?? {})) {
    if (secret === 'keep') {
      const kept = present?.sealed.get(secretName);
      if (kept === undefined) {
        throw new BrokerError(
          'not_found',
          `${recordLabel(collection, name)}: ${secretName} is not set, so it cannot be kept`,
        );
      }
      sealed.set(secretName, kept);
    } else {
      sealed.set(
        secretName,
        secret.use((bytes) => seal(key, bytes, context(collection, name, secretName))),
      );
    }
  }
  const record = Object.freeze({
    name,
    fields: change.fields,
    secrets: Object.freeze([...sealed.keys()]),
    revision: stamp.revision,
    createdAt: present?.record.createdAt ?? stamp.at,
    updatedAt: stamp.at,
  });
  return { collection, record, sealed };
}

function succeededEntry(
  { collection, name, secret: secretName, from, to }: Extract<Change, { type: 'succeed' }>,
  present: Entry | undefined,
  key: Secret,
): Entry {
  const label = recordLabel(collection, name);
  if (present === undefined) throw new BrokerError('not_found', `there is no ${label}`);
  const sealed = present.sealed.get(secretName);
  using current = sealed && open(key, present, secretName, sealed);
  const expected = current?.use((bytes) => timingSafeEqual(createHash('sha256').update(bytes).digest(), from));
  if (!expected) throw new BrokerError('conflict', `${label}: ${secretName} was changed meanwhile`);
  const successor = to.use((bytes) => seal(key, bytes, context(collection, name, secretName)));
  return { ...present, sealed: new Map(present.sealed).set(secretName, successor) };
}

function open(key: Secret, entry: Entry, secretName: string, sealed: Buffer): Secret {
  const bytes = unseal(key, sealed, context(entry.collection, entry.record.name, secretName));
  if (bytes === undefined) throw corrupt(`holds a secret that does not belong to ${entry.record.name}`);
  return Secret.own(bytes);
}

function checkRevision(change: Change, revision: number): void {
  if (change.ifRevision === undefined || change.ifRevision === revision) return;
  const label = recordLabel(change.collection, change.name);
  if (change.ifRevision === 0) throw new BrokerError('conflict', `${label} exists already`);
  throw new BrokerError(
    'conflict',
    revision === 0 ? `${label} was deleted meanwhile` : `${label} was changed meanwhile`,
    {
      hint: 'read it again, then repeat the change',
    },
  );
}

/** What a sealed secret is bound to: its place, so that no other record or field can be given it. */
function context(collection: Collection, name: string, secretName: string): Buffer {
  return Buffer.from(JSON.stringify(['broker vault v1 secret', collection, name, secretName]));
}

function address(collection: Collection, name: string): string {
  return `${collection}/${name}`;
}
