import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { quoteServer } from '../../src/core/quote.ts';
import { Secret } from '../../src/core/secret.ts';

test('no part of a server’s sentence shows a secret, raw or inside any base64', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 8, maxLength: 24 }),
      fc.string({ maxLength: 9 }),
      fc.string({ maxLength: 9 }),
      (text, before, after) => {
        using secret = Secret.fromText(text);
        const encoded = Buffer.from(before + text + after).toString('base64');
        const shown = quoteServer(`a ${text} b ${encoded} c`, [secret]);
        assert(!shown.includes(text));
        // Whole groups of four characters belong to the secret alone; none of them may be left.
        const start = Math.ceil(Buffer.byteLength(before) / 3) * 4;
        const end = Math.floor(Buffer.byteLength(before + text) / 3) * 4;
        const inside = encoded.slice(start, end);
        assert(inside.length < 8 || !shown.includes(inside), `${shown} has ${inside}`);
      },
    ),
  );
});

test('control characters and length are cut, short secrets do not blank out words', () => {
  using short = Secret.fromText('no');
  assert.equal(quoteServer('no\u0000, not\r\nnow', [short]), 'no , not now');
  assert.equal(Buffer.byteLength(quoteServer('ü'.repeat(500))), 200);
});
