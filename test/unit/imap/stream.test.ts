import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CompressWatch, ResponseWalker } from '../../../src/drivers/imap/stream.ts';

/** Responses, each of which ends at a boundary. */
const RESPONSES = [
  '* OK ready\r\n',
  '* 1 FETCH (BODY[] {11}\r\n* BYE\r\n{3}\r)\r\n',
  '* 2 FETCH (BODY[TEXT] {0}\r\n BODY[HEADER] {4+}\r\n\r\n\r\n)\r\n',
  '+ go on\r\n',
  '* LIST () "/" {5}\r\nInbox\r\n',
  '* 3 FETCH (BINARY[1] ~{3}\r\n\n}\n)\r\n',
  'a1 OK [UIDNEXT 4] {not a literal}\r\n',
  '* X {12}\n', // a bare LF announces nothing
];

function boundaries(text: string, cuts: readonly number[]): Set<number> {
  const walker = new ResponseWalker();
  const bytes = Buffer.from(text, 'latin1');
  const found = new Set<number>();
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    walker.see(bytes.subarray(from, cut));
    if (walker.atBoundary) found.add(cut);
    from = cut;
  }
  return found;
}

test('stands at a boundary between two responses and nowhere else, wherever the chunks end', () => {
  const text = RESPONSES.join('');
  const expected = new Set<number>();
  for (let at = 0; at <= RESPONSES.length; at++) expected.add(RESPONSES.slice(0, at).join('').length);
  const everyByte = Array.from({ length: text.length }, (_, index) => index);
  assert.deepEqual(boundaries(text, everyByte), expected);
  for (const cut of everyByte) {
    const found = boundaries(text, [cut]);
    assert.equal(found.has(cut), expected.has(cut), `cut at ${cut}: ${JSON.stringify(text.slice(0, cut).slice(-20))}`);
    assert(found.has(text.length));
  }
});

test('any literal is skipped whole, in any chunks', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(300), { maxLength: 8 }), (literal, cuts) => {
      const body = Buffer.from(literal).toString('latin1');
      const text = `* 1 FETCH (BODY[] {${literal.length}}\r\n${body})\r\n`;
      const sorted = cuts.filter((cut) => cut < text.length).sort((a, b) => a - b);
      const found = boundaries(text, sorted);
      return found.has(text.length) && sorted.every((cut) => found.has(cut) === (cut === 0));
    }),
  );
});

test('a literal of 50 MB costs no look at its bytes', () => {
  const walker = new ResponseWalker();
  const size = 50 * 1024 * 1024;
  walker.see(Buffer.from(`* 1 FETCH (BODY[] {${size}}\r\n`));
  const chunk = Buffer.alloc(65_536, '\r\n* BYE\r\n');
  for (let sent = 0; sent < size; sent += chunk.length) {
    walker.see(chunk);
    assert(!walker.atBoundary);
  }
  walker.see(Buffer.from(')\r\n'));
  assert(walker.atBoundary);
});

test('notices COMPRESS in any case and in any chunks', () => {
  for (const command of ['a1 COMPRESS DEFLATE\r\n', 'a1 compress deflate\r\n', 'x Compress  Deflate\r\n']) {
    for (let cut = 0; cut <= command.length; cut++) {
      const watch = new CompressWatch();
      watch.see(Buffer.from('a0 NOOP\r\n'));
      assert(!watch.seen);
      watch.see(Buffer.from(command.slice(0, cut)));
      watch.see(Buffer.from(command.slice(cut)));
      assert(watch.seen, `${command} cut at ${cut}`);
    }
  }
});
