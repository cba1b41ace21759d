import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Secret } from '../core/secret.ts';

/**
 * The two primitives that the vault is made of: AES-256-GCM (NIST SP 800-38D) as `nonce 12 | ciphertext | tag 16`, and
 * HKDF-SHA-256 (RFC 5869). Nothing else in src/vault names an algorithm, argon2id in kdf.ts aside.
 */
export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES;

const CIPHER = 'aes-256-gcm';

/** Encrypts `plaintext` and binds it to `context`. `nonce` is given only by golden tests: it must never repeat under a key. */
export function seal(
  key: Secret,
  plaintext: Uint8Array,
  context: Uint8Array,
  nonce: Uint8Array = randomBytes(NONCE_BYTES),
): Buffer {
  return key.use((bytes) => {
    const cipher = createCipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(context);
    return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  });
}

/** The plaintext in a buffer of its own, for the caller to wipe; undefined when key, bytes or context are not the sealed ones. */
export function unseal(key: Secret, sealed: Buffer, context: Uint8Array): Buffer | undefined {
  if (sealed.length < SEAL_BYTES) return undefined;
  return key.use((bytes) => {
    const decipher = createDecipheriv(CIPHER, bytes, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(context);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
    try {
      decipher.final();
      return plaintext;
    } catch {
      // final() throws for one reason only: the tag does not match. Unauthenticated bytes must not live on.
      plaintext.fill(0);
      return undefined;
    }
  });
}

/** A key of `KEY_BYTES` for the purpose `info`, from `key` by HKDF. */
export function derive(key: Secret, salt: Uint8Array, info: string): Secret {
  return key.use((bytes) => Secret.own(Buffer.from(hkdfSync('sha256', bytes, salt, info, KEY_BYTES))));
}
