import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { BrokerError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { decodeImage, encodeImage, type Header, openBody } from '../../../src/vault/format.ts';
import { Kdf, type Stretch } from '../../../src/vault/kdf.ts';
import { Keys } from '../../../src/vault/keys.ts';
import { keySlot, NewPassword, openSlots, type Slot } from '../../../src/vault/slot.ts';
import { GOLDEN_IMAGE as GOLDEN } from './golden.ts';
import { broken, CHEAP_KDF, KEY, key, password } from './home.ts';

const vaultId = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const dataKey = Buffer.alloc(32, 0xda);
const slots: readonly Slot[] = [
  {
    type: 'password',
    label: 'password',
    createdAt: 1_700_000_000_000,
    salt: Buffer.alloc(16, 0x5a),
    kdf: CHEAP_KDF,
    wrapped: Buffer.from(
      '8f5e1ea9d1b3c7a60b1d2e3f000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
      'hex',
    ),
  },
  {
    type: 'key',
    label: 'systemd',
    createdAt: 1_700_000_000_001,
    salt: Buffer.alloc(16, 0x4b),
    wrapped: Buffer.alloc(60, 1),
  },
];
const header: Header = { vaultId, generation: 7, slots };
const body = Buffer.from('a body');

const golden = encodeImage(header, bodyKey(), body, Buffer.alloc(12, 0x0c));

function bodyKey(): Secret {
  return new Keys(Secret.copy(dataKey), vaultId).body;
}

const stretching = <T>(work: (stretch: Stretch) => Promise<T>): Promise<T> => new Kdf().alone(true, work);

/** Corrects preamble check and digests, as somebody does who knows the format but not the key. */
function corrected(bytes: Buffer): Buffer {
  const fixed = Buffer.from(bytes);
  const sha256 = (part: Buffer): Buffer => createHash('sha256').update(part).digest();
  sha256(fixed.subarray(0, 20)).copy(fixed, 20, 0, 12);
  const covered = 32 + fixed.readUInt32BE(12) + 32;
  if (covered + 32 > fixed.length) return fixed;
  sha256(fixed.subarray(covered + 32)).copy(fixed, covered - 32);
  sha256(fixed.subarray(0, covered)).copy(fixed, covered);
  return fixed;
}

function flipped(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

test('writes version 1 byte for byte as it always did', () => {
  assert.equal(golden.toString('hex'), GOLDEN);
});

test('reads version 1 as it was always written', () => {
  const image = decodeImage(Buffer.from(GOLDEN, 'hex'));
  assert.deepEqual(image.header, header);
  assert.deepEqual(openBody(image, bodyKey()), body);
});

test('every flipped byte is damage, before any password work', () => {
  for (let at = 0; at < golden.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      assert.throws(() => decodeImage(flipped(golden, at, mask)), broken('corrupt', /damaged/), `byte ${at} ^ ${mask}`);
    }
  }
});

test('a file cut short at any offset says so', () => {
  for (let length = 0; length < golden.length; length++) {
    assert.throws(
      () => decodeImage(golden.subarray(0, length)),
      broken('corrupt', /is empty|cut short/),
      `${length} bytes`,
    );
  }
});

test('bytes behind the end are damage', () => {
  assert.throws(() => decodeImage(Buffer.concat([golden, Buffer.of(0)])), broken('corrupt', /1 bytes too many/));
});

test('something else than a vault says so', () => {
  assert.throws(
    () => decodeImage(Buffer.from('-----BEGIN PRIVATE KEY-----\n'.repeat(9))),
    broken('corrupt', /not a vault/),
  );
});

test('a version of the future is a conflict, not damage', () => {
  const future = Buffer.from(golden);
  future.writeUInt16BE(2, 8);
  assert.throws(() => decodeImage(corrected(future)), broken('conflict', /format 2; this broker reads format 1/));
});

test('no byte can be changed by somebody who corrects the checksums', async () => {
  await stretching(async (stretch) => {
    const genuine = await genuineImage(stretch);
    for (let at = 0; at < genuine.length; at++) {
      const changed = corrected(flipped(genuine, at, 0x01));
      if (changed.equals(genuine)) continue; // a digest byte, corrected back
      await assert.rejects(openedWithPassword(changed, stretch), BrokerError, `byte ${at}`);
    }
    assert.deepEqual(await openedWithPassword(genuine, stretch), body);
  });
});

test('refuses a file that asks for more password work than broker does', () => {
  const costs: [field: string, write: (bytes: Buffer, at: number) => void][] = [
    ['4 GiB of memory', (bytes, at) => bytes.writeUInt32BE(0xffffffff, at + 4)],
    ['one KiB above the limit', (bytes, at) => bytes.writeUInt32BE(512 * 1024 + 1, at + 4)],
    ['less memory than the lanes need', (bytes, at) => bytes.writeUInt32BE(7, at + 4)],
    ['endless passes', (bytes, at) => bytes.writeUInt32BE(0xffffffff, at)],
    ['no pass', (bytes, at) => bytes.writeUInt32BE(0, at)],
    ['255 lanes', (bytes, at) => bytes.writeUInt8(255, at + 8)],
  ];
  const costAt = golden.indexOf('password') + 'password'.length;
  for (const [what, write] of costs) {
    const hostile = Buffer.from(golden);
    write(hostile, costAt);
    assert.throws(() => decodeImage(corrected(hostile)), broken('corrupt', /more work than broker does/), what);
  }
});

test('refuses two password slots, which would cost two passwords of work', () => {
  const [first] = slots;
  assert.ok(first);
  const doubled = encodeImage({ ...header, slots: [first, first] }, bodyKey(), body);
  assert.throws(() => decodeImage(doubled), broken('corrupt', /out of order/));
});

test('the same contents never make the same bytes twice', () => {
  assert.notDeepEqual(encodeImage(header, bodyKey(), body), encodeImage(header, bodyKey(), body));
});

test('any header and body come back as they went in', () => {
  const slot: fc.Arbitrary<Slot> = fc.record(
    {
      type: fc.constant('key' as const),
      label: fc.string({ unit: 'grapheme', maxLength: 16 }).filter((label) => Buffer.byteLength(label) <= 64),
      createdAt: fc.maxSafeNat(),
      salt: bytesOf(16),
      wrapped: bytesOf(60),
    },
    { noNullPrototype: true },
  );
  const first = slots.slice(0, 1);
  fc.assert(
    fc.property(
      bytesOf(16),
      fc.maxSafeNat(),
      fc.array(slot, { maxLength: 15 }),
      fc.uint8Array(),
      (id, generation, more, data) => {
        const some: Header = { vaultId: id, generation, slots: [...first, ...more] };
        const image = decodeImage(encodeImage(some, bodyKey(), Buffer.from(data)));
        assert.deepEqual(image.header, some);
        assert.deepEqual(openBody(image, bodyKey()), Buffer.from(data));
      },
    ),
    { numRuns: 200 },
  );
});

test('hostile bytes fail with a BrokerError and nothing else', () => {
  const arbitraryHead = fc.uint8Array({ maxLength: 200 }).map((head) => {
    const start = Buffer.from(golden.subarray(0, 32));
    start.writeUInt32BE(head.length, 12);
    start.writeUInt32BE(28, 16);
    return corrected(Buffer.concat([start, head, Buffer.alloc(64 + 28)]));
  });
  const spliced = fc.tuple(fc.nat(golden.length), fc.uint8Array({ maxLength: 64 })).map(([at, bytes]) => {
    return corrected(Buffer.concat([golden.subarray(0, at), bytes, golden.subarray(at)]));
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }).map(Buffer.from), arbitraryHead, spliced), (bytes) => {
      if (bytes.equals(golden)) return;
      try {
        openBody(decodeImage(bytes), bodyKey());
      } catch (error) {
        assert.ok(error instanceof BrokerError, String(error));
        return;
      }
      assert.fail('hostile bytes were taken for a vault');
    }),
    { numRuns: 2000 },
  );
});

test('a vault may not grow beyond its bound', () => {
  const large = Buffer.alloc(64 * 1024 * 1024);
  assert.throws(() => encodeImage(header, bodyKey(), large), broken('too_large', /64 MiB/));
});

test('a key slot opens with its key alone', async () => {
  await stretching(async (stretch) => {
    const image = decodeImage(await genuineImage(stretch));
    const open = (credential: ReturnType<typeof key>) => openSlots(image.header.slots, vaultId, credential, stretch);
    assert.ok((await open(key()))?.equals(dataKey));
    assert.equal(await open(key(Buffer.concat([KEY, Buffer.from('\n')]))), undefined);
  });
});

/** A file whose slots really wrap the data key. */
async function genuineImage(stretch: Stretch): Promise<Buffer> {
  using data = Secret.copy(dataKey);
  using stretched = await NewPassword.stretched(password().secret, CHEAP_KDF, stretch);
  const genuine = [stretched.slot(data, vaultId, 1), keySlot(key().secret, data, vaultId, 'systemd', 2)];
  return encodeImage({ vaultId, generation: 7, slots: genuine }, bodyKey(), body);
}

async function openedWithPassword(bytes: Buffer, stretch: Stretch): Promise<Buffer> {
  const image = decodeImage(bytes);
  const found = await openSlots(image.header.slots, image.header.vaultId, password(), stretch);
  if (found === undefined) throw new BrokerError('denied', 'wrong password');
  return openBody(image, new Keys(found, image.header.vaultId).body);
}

function bytesOf(length: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
}
