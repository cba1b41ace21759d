import { randomBytes } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { KEY_BYTES } from './aead.ts';
import { decodeBody, encodeBody } from './body.ts';
import { encodeImage, type Header, type Image, openBody, VAULT_ID_BYTES } from './format.ts';
import { Keys } from './keys.ts';
import { MAX_SLOTS } from './limits.ts';
import type { Change, StoredRecord } from './record.ts';
import { Records } from './records.ts';
import { keySlot, type NewPassword, type Slot } from './slot.ts';

/**
 * Everything that exists only while the vault is unlocked: one generation of it, immutable. Each change makes the next
 * generation, which becomes the vault's once the disk has it. All of it is synchronous, so no lock can come in between.
 */
export class Contents {
  readonly header: Header;
  /** Shared by all generations up to a rekey; wiped by the vault. */
  readonly keys: Keys;
  readonly records: Records;

  private constructor(header: Header, keys: Keys, records: Records) {
    this.header = header;
    this.keys = keys;
    this.records = records;
  }

  /** The first generation of a new vault. */
  static empty(password: NewPassword, at: number): Contents {
    const vaultId = randomBytes(VAULT_ID_BYTES);
    const keys = new Keys(Secret.random(KEY_BYTES), vaultId);
    const slots = [password.slot(keys.data, vaultId, at)];
    return new Contents({ vaultId, generation: 1, slots }, keys, new Records([]));
  }

  /**
   * Decrypts a vault file. Takes over `dataKey`.
   * @throws BrokerError `corrupt` when the file is not what the holder of the data key wrote.
   */
  static decrypt(image: Image, dataKey: Secret): Contents {
    const keys = new Keys(dataKey, image.header.vaultId);
    try {
      const body = openBody(image, keys.body);
      try {
        return new Contents(image.header, keys, decodeBody(body));
      } finally {
        body.fill(0);
      }
    } catch (error) {
      keys[Symbol.dispose]();
      throw error;
    }
  }

  /** The bytes of the vault file. */
  encrypt(): Buffer {
    const body = encodeBody(this.records);
    try {
      return encodeImage(this.header, this.keys.body, body);
    } finally {
      body.fill(0);
    }
  }

  /** With `changes` made, and the records that its puts wrote. Errors as Records.apply. */
  changed(changes: readonly Change[], at: number): { next: Contents; written: StoredRecord[] } {
    const revision = this.header.generation + 1;
    const { records, written } = this.records.apply(changes, this.keys.secrets, { revision, at });
    return { next: this.#next(this.header.slots, this.keys, records), written };
  }

  withPassword(password: NewPassword, at: number): Contents {
    const slot = password.slot(this.keys.data, this.header.vaultId, at);
    return this.#next([slot, ...this.header.slots.slice(1)], this.keys, this.records);
  }

  /**
   * Under a new data key, every secret sealed again; `next.keys` are new ones.
   * @throws BrokerError `conflict` while there are key slots: nobody here holds the keys to wrap the new data key for them.
   */
  rekeyed(password: NewPassword, at: number): Contents {
    const labels = this.header.slots.slice(1).map((slot) => slot.label);
    if (labels.length > 0) {
      throw new BrokerError('conflict', `key slots cannot follow to a new data key: ${labels.join(', ')}`, {
        hint: 'remove them first, and add them again afterwards',
      });
    }
    const { vaultId } = this.header;
    const keys = new Keys(Secret.random(KEY_BYTES), vaultId);
    const records = this.records.resealed(this.keys.secrets, keys.secrets);
    return this.#next([password.slot(keys.data, vaultId, at)], keys, records);
  }

  /** @throws BrokerError `already_exists` for a label in use, `exhausted` when there is no room for another slot. */
  withKeySlot(key: Secret, label: string, at: number): Contents {
    const { slots, vaultId } = this.header;
    if (slots.some((slot) => slot.label === label)) {
      throw new BrokerError('already_exists', `there is a key slot ${label} already`);
    }
    if (slots.length >= MAX_SLOTS) throw new BrokerError('exhausted', `a vault has at most ${MAX_SLOTS} key slots`);
    return this.#next([...slots, keySlot(key, this.keys.data, vaultId, label, at)], this.keys, this.records);
  }

  /** @throws BrokerError `not_found` for an unknown label, `invalid_argument` for the password's. */
  withoutSlot(label: string): Contents {
    const { slots } = this.header;
    const index = slots.findIndex((slot) => slot.label === label);
    if (index < 0) throw new BrokerError('not_found', `there is no key slot ${label}`);
    if (index === 0) throw new BrokerError('invalid_argument', 'the password is changed, not removed: broker passwd');
    return this.#next(slots.toSpliced(index, 1), this.keys, this.records);
  }

  #next(slots: readonly Slot[], keys: Keys, records: Records): Contents {
    return new Contents({ ...this.header, generation: this.header.generation + 1, slots }, keys, records);
  }
}
