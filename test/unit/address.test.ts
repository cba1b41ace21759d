import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressBytes } from '../../src/core/address.ts';

for (const [text, hex] of [
  ['127.0.0.1', '7f000001'],
  ['::ffff:127.0.0.1', '7f000001'],
  ['::ffff:7f00:1', '7f000001'],
  ['::1', '00000000000000000000000000000001'],
  ['::', '00000000000000000000000000000000'],
  ['fd00:ec2::254', 'fd000ec2000000000000000000000254'],
  ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
  ['fe80::1%eth0', 'fe800000000000000000000000000001'],
] as const) {
  test(`${text} is ${hex}`, () => assert.equal(addressBytes(text)?.toString('hex'), hex));
}

test('what is no address has no bytes', () => {
  for (const text of ['', 'localhost', '127.1', '1.2.3.4.5', '::g']) assert.equal(addressBytes(text), undefined);
});

test('every address has 4 or 16 bytes, and no text throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      const bytes = addressBytes(text);
      assert.equal(bytes !== undefined, isIP(text.split('%')[0] ?? '') !== 0);
      assert(bytes === undefined || bytes.length === 4 || bytes.length === 16);
    }),
  );
});
