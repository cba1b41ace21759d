import { createHash } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { SEAL_BYTES, seal, unseal } from './aead.ts';
import { MAX_SLOTS, MAX_VAULT_BYTES } from './limits.ts';
import { Malformed, Reader, u16, u32, u64 } from './reader.ts';
import { encodeSlot, readSlot, type Slot } from './slot.ts';

/**
 * The vault file, version 1; numbers are big-endian:
 *
 *     preamble   magic 8 "BRKVAULT" | version 2 | reserved 2 (0) | headLength 4 | bodyLength 4 | check 12
 *     head       vaultId 16 | generation 8 | slot count 1 | slots (slot.ts)
 *     digests    SHA-256 of body 32 | SHA-256 of all bytes before this field 32
 *     body       nonce 12 | AES-256-GCM ciphertext (body.ts) | tag 16
 *
 * check is the start of the SHA-256 of the 20 bytes before it; every later version keeps the preamble. The digests are
 * no protection from an attacker, they tell damage from a wrong password before any password work is done. Preamble
 * and head are the body's associated data, so nobody without the data key can change, swap or remove a slot unnoticed.
 */
export interface Header {
  readonly vaultId: Buffer;
  /** Counts saves. */
  readonly generation: number;
  /** The password's slot first, then key slots. */
  readonly slots: readonly Slot[];
}

/** A vault file taken apart: whole and undamaged, not yet decrypted. */
export interface Image {
  readonly header: Header;
  readonly sealedBody: Buffer;
  /** Preamble and head, as they stand in the file. */
  readonly context: Buffer;
}

export const VAULT_ID_BYTES = 16;
const MAGIC = Buffer.from('BRKVAULT');
const VERSION = 1;
const PREAMBLE_BYTES = 32;
const CHECK_BYTES = 12;
const DIGEST_BYTES = 32;

/**
 * Encrypts `body` into the bytes of a vault file. `nonce` is for golden tests only.
 * @throws BrokerError `too_large` when the file would be larger than a vault may be.
 */
export function encodeImage(header: Header, bodyKey: Secret, body: Buffer, nonce?: Buffer): Buffer {
  const head = Buffer.concat([
    header.vaultId,
    u64(header.generation),
    Buffer.of(header.slots.length),
    ...header.slots.map(encodeSlot),
  ]);
  const total = PREAMBLE_BYTES + head.length + 2 * DIGEST_BYTES + body.length + SEAL_BYTES;
  if (total > MAX_VAULT_BYTES) {
    throw new BrokerError('too_large', `the vault would be larger than ${MAX_VAULT_BYTES / 1024 / 1024} MiB`, {
      hint: 'remove stored files that are no longer used: broker file list',
    });
  }
  const stem = Buffer.concat([MAGIC, u16(VERSION), u16(0), u32(head.length), u32(body.length + SEAL_BYTES)]);
  const context = Buffer.concat([stem, sha256(stem).subarray(0, CHECK_BYTES), head]);
  const sealedBody = seal(bodyKey, body, context, nonce);
  const covered = Buffer.concat([context, sha256(sealedBody)]);
  return Buffer.concat([covered, sha256(covered), sealedBody]);
}

/**
 * Takes a vault file apart and makes sure that it is whole. The result shares memory with `bytes`.
 * @throws BrokerError `corrupt` for what is no vault, cut short, damaged or malformed; `conflict` for an unknown version.
 */
export function decodeImage(bytes: Buffer): Image {
  const start = bytes.subarray(0, MAGIC.length);
  if (bytes.length === 0) throw corrupt('is empty');
  if (!start.equals(MAGIC.subarray(0, start.length))) throw corrupt('is not a vault, or its first bytes are damaged');
  if (bytes.length < PREAMBLE_BYTES) throw corrupt(`is cut short: ${bytes.length} bytes are left of it`);

  const stem = bytes.subarray(0, PREAMBLE_BYTES - CHECK_BYTES);
  const check = bytes.subarray(stem.length, PREAMBLE_BYTES);
  if (!sha256(stem).subarray(0, CHECK_BYTES).equals(check)) throw corrupt('is damaged in its first 32 bytes');
  const reader = new Reader(stem.subarray(MAGIC.length));
  const version = reader.u16();
  if (version !== VERSION) {
    throw new BrokerError('conflict', `the vault file is of format ${version}; this broker reads format ${VERSION}`, {
      hint: 'use the version of broker that wrote it, or a newer one',
    });
  }
  if (reader.u16() !== 0) throw corrupt('is malformed: a reserved field is in use');
  const headLength = reader.u32();
  const bodyLength = reader.u32();

  const covered = PREAMBLE_BYTES + headLength + DIGEST_BYTES;
  const total = covered + DIGEST_BYTES + bodyLength;
  if (bytes.length < total) throw corrupt(`is cut short: ${bytes.length} of ${total} bytes are there`);
  if (bytes.length > total) throw corrupt(`is damaged: ${bytes.length - total} bytes too many at its end`);
  const bodyStart = covered + DIGEST_BYTES;
  if (!sha256(bytes.subarray(0, covered)).equals(bytes.subarray(covered, bodyStart))) {
    throw corrupt('is damaged in its header');
  }
  const sealedBody = bytes.subarray(bodyStart);
  if (!sha256(sealedBody).equals(bytes.subarray(covered - DIGEST_BYTES, covered)))
    throw corrupt('is damaged in its body');

  const context = bytes.subarray(0, PREAMBLE_BYTES + headLength);
  return { header: decodeHead(context.subarray(PREAMBLE_BYTES)), sealedBody, context };
}

/**
 * Decrypts the body; the caller wipes it.
 * @throws BrokerError `corrupt` when header or body are not what the holder of the data key wrote.
 */
export function openBody(image: Image, bodyKey: Secret): Buffer {
  const body = unseal(bodyKey, image.sealedBody, image.context);
  if (body === undefined) throw corrupt('was changed by something other than broker');
  return body;
}

/** `the vault file WHAT`, with what to do about it. */
export function corrupt(what: string, cause?: unknown): BrokerError {
  return new BrokerError('corrupt', `the vault file ${what}`, {
    hint: 'put back a backup with: broker restore FILE (vault.broker.bak beside it is the generation before)',
    ...(cause !== undefined && { cause }),
  });
}

function decodeHead(bytes: Buffer): Header {
  try {
    const reader = new Reader(bytes);
    const vaultId = Buffer.from(reader.take(VAULT_ID_BYTES));
    const generation = reader.u64();
    const count = reader.u8();
    if (count < 1 || count > MAX_SLOTS) throw new Malformed('the number of key slots is out of range');
    const slots = Array.from({ length: count }, () => readSlot(reader));
    // One password slot exactly: more of them would make a hostile file cost one password's work each.
    if (slots.some((slot, index) => (slot.type === 'password') !== (index === 0))) {
      throw new Malformed('the key slots are out of order');
    }
    reader.end();
    return { vaultId, generation, slots };
  } catch (error) {
    if (error instanceof Malformed) throw corrupt(`is malformed: ${error.message}`, error);
    throw error;
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
