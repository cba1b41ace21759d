import { randomBytes } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { derive, KEY_BYTES, SEAL_BYTES, seal, unseal } from './aead.ts';
import { isBounded, type KdfParams, type Stretch } from './kdf.ts';
import { MAX_KEY_BYTES, MAX_LABEL_BYTES, MAX_PASSWORD_BYTES, MIN_KEY_BYTES, MIN_PASSWORD_CHARS } from './limits.ts';
import { Malformed, type Reader, text8, u32, u64 } from './reader.ts';

/** What opens a vault: the master password, or the content of a key file or systemd credential, taken byte for byte. */
export type Credential =
  | { readonly type: 'password'; readonly secret: Secret }
  | { readonly type: 'key'; readonly secret: Secret };

interface SlotBase {
  readonly label: string;
  readonly createdAt: number; // epoch ms
  readonly salt: Buffer;
  /** The data key, sealed under the key that the credential gives. */
  readonly wrapped: Buffer;
}

/** One way into the vault: the data key wrapped for one credential. */
export type Slot = SlotBase & ({ readonly type: 'password'; readonly kdf: KdfParams } | { readonly type: 'key' });

const SALT_BYTES = 16;
const WRAPPED_BYTES = KEY_BYTES + SEAL_BYTES;
const TYPES = { password: 0, key: 1 } as const;
export const PASSWORD_LABEL = 'password';

/** The bytes of a slot up to the wrapped key, which they authenticate: `type 1 | createdAt 8 | label | [t 4 | m 4 | p 1] | salt 16`. */
function encodeOpenPart(slot: Omit<Slot, 'wrapped'> & { kdf?: KdfParams }): Buffer {
  const cost =
    slot.kdf === undefined ? [] : [u32(slot.kdf.timeCost), u32(slot.kdf.memoryKiB), Buffer.of(slot.kdf.parallelism)];
  return Buffer.concat([Buffer.of(TYPES[slot.type]), u64(slot.createdAt), text8(slot.label), ...cost, slot.salt]);
}

export function encodeSlot(slot: Slot): Buffer {
  return Buffer.concat([encodeOpenPart(slot), slot.wrapped]);
}

/** @throws Malformed for an unknown type, or a password slot that asks for more work than limits.ts allows. */
export function readSlot(reader: Reader): Slot {
  const type = reader.u8();
  const createdAt = reader.u64();
  const label = reader.text8();
  if (type === TYPES.key) {
    return { type: 'key', createdAt, label, salt: reader.take(SALT_BYTES), wrapped: reader.take(WRAPPED_BYTES) };
  }
  if (type !== TYPES.password) throw new Malformed('a key slot is of an unknown type');
  const kdf = { timeCost: reader.u32(), memoryKiB: reader.u32(), parallelism: reader.u8() };
  if (!isBounded(kdf)) throw new Malformed('the password slot asks for more work than broker does');
  return {
    type: 'password',
    createdAt,
    label,
    kdf,
    salt: reader.take(SALT_BYTES),
    wrapped: reader.take(WRAPPED_BYTES),
  };
}

/** A password already stretched, so that its slot can be made without waiting. */
export class NewPassword implements Disposable {
  readonly #kek: Secret;
  readonly #salt: Buffer;
  readonly #kdf: KdfParams;

  private constructor(kek: Secret, salt: Buffer, kdf: KdfParams) {
    this.#kek = kek;
    this.#salt = salt;
    this.#kdf = kdf;
  }

  static async stretched(password: Secret, kdf: KdfParams, stretch: Stretch): Promise<NewPassword> {
    const salt = randomBytes(SALT_BYTES);
    return new NewPassword(await stretch(password, salt, kdf), salt, kdf);
  }

  /** Wraps `dataKey` for the password. */
  slot(dataKey: Secret, vaultId: Buffer, createdAt: number): Slot {
    const open = { type: 'password', label: PASSWORD_LABEL, createdAt, kdf: this.#kdf, salt: this.#salt } as const;
    return { ...open, wrapped: wrap(this.#kek, dataKey, vaultId, open) };
  }

  [Symbol.dispose](): void {
    this.#kek[Symbol.dispose]();
  }
}

/** Wraps `dataKey` for a key file's content. */
export function keySlot(key: Secret, dataKey: Secret, vaultId: Buffer, label: string, createdAt: number): Slot {
  const open = { type: 'key', label, createdAt, salt: randomBytes(SALT_BYTES) } as const;
  using kek = keyEncryptionKey(key, open.salt);
  return { ...open, wrapped: wrap(kek, dataKey, vaultId, open) };
}

/** The data key, if `credential` opens one of the slots; undefined when it opens none. */
export async function openSlots(
  slots: readonly Slot[],
  vaultId: Buffer,
  credential: Credential,
  stretch: Stretch,
): Promise<Secret | undefined> {
  for (const slot of slots) {
    if (slot.type !== credential.type) continue;
    using kek =
      slot.type === 'password'
        ? await stretch(credential.secret, slot.salt, slot.kdf)
        : keyEncryptionKey(credential.secret, slot.salt);
    const dataKey = unseal(kek, slot.wrapped, context(vaultId, slot));
    if (dataKey !== undefined) return Secret.own(dataKey);
  }
  return undefined;
}

/** @throws BrokerError `invalid_argument` when a new master password is too short (counted in characters) or too long. */
export function checkNewPassword(password: Secret): void {
  if (password.length > MAX_PASSWORD_BYTES) {
    throw new BrokerError('invalid_argument', `password: longer than ${MAX_PASSWORD_BYTES} bytes`);
  }
  // UTF-8: every byte that does not continue a character begins one. No string is made of the password.
  const characters = password.use((bytes) =>
    bytes.reduce((count, byte) => count + ((byte & 0xc0) === 0x80 ? 0 : 1), 0),
  );
  if (characters < MIN_PASSWORD_CHARS) {
    throw new BrokerError('invalid_argument', `password: needs at least ${MIN_PASSWORD_CHARS} characters`);
  }
}

/** @throws BrokerError `invalid_argument` when the key is too short to be random enough, too long, or its label unfit. */
export function checkNewKey(key: Secret, label: string): void {
  if (key.length < MIN_KEY_BYTES) {
    throw new BrokerError('invalid_argument', `key: needs at least ${MIN_KEY_BYTES} random bytes`, {
      hint: `make one with: head -c ${MIN_KEY_BYTES} /dev/urandom > FILE`,
    });
  }
  if (key.length > MAX_KEY_BYTES) throw new BrokerError('invalid_argument', `key: longer than ${MAX_KEY_BYTES} bytes`);
  if (!/^[\w .:@/-]+$/.test(label) || Buffer.byteLength(label) > MAX_LABEL_BYTES) {
    throw new BrokerError(
      'invalid_argument',
      `label: needs 1 to ${MAX_LABEL_BYTES} letters, digits or any of " .:@/_-"`,
    );
  }
}

function wrap(kek: Secret, dataKey: Secret, vaultId: Buffer, open: Omit<Slot, 'wrapped'>): Buffer {
  return dataKey.use((bytes) => seal(kek, bytes, context(vaultId, open)));
}

function context(vaultId: Buffer, slot: Omit<Slot, 'wrapped'>): Buffer {
  return Buffer.concat([Buffer.from('broker vault v1 slot'), vaultId, encodeOpenPart(slot)]);
}

function keyEncryptionKey(key: Secret, salt: Buffer): Secret {
  return derive(key, salt, 'broker vault v1 key slot');
}
