import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HoldBack } from '../../../../src/http/scrub/identity.ts';
import { ManualClock } from '../../daemon/time.ts';
import { ENCODERS } from './encoders.ts';
import { Outlet, scrubbing } from './outlet.ts';

const SECRETS = ['sk-proj-abcDEF0123456789', 'p4ss/w"d <&>=+?\\ ä', 'aaaaaaaaaa', '12345678'];

for (const secret of SECRETS) {
  for (const { name, encode } of ENCODERS) {
    test(`overwrites ${secret} as ${name}, and nothing else`, () => {
      const echo = encode(secret);
      const before = '{"you sent": "';
      const out = whole([secret], Buffer.from(`${before}${echo}", "ok": true}`, 'latin1')).toString('latin1');
      assert.equal(out.length, before.length + echo.length + 14);
      assert.ok(out.startsWith(before), out);
      assert.ok(out.endsWith('", "ok": true}'), out);
      const middle = out.slice(before.length, -14);
      // Of base64 only the neighbours' own characters may be left, at the edges.
      assert.match(middle, /^.{0,2}\*+.{0,5}$/s);
      if (!name.startsWith('base64')) assert.match(middle, /^\*+$/);
    });
  }
}

test('no bit of a secret is left in the characters that base64 shares between it and its neighbours', () => {
  for (const { name, encode } of ENCODERS.filter(({ name }) => name.startsWith('base64'))) {
    const left = (secret: string): string =>
      whole([secret], Buffer.from(`<${encode(secret)}>`, 'latin1')).toString('latin1');
    // Secrets that differ in every bit of their first and last byte leave the same behind.
    assert.equal(left('\x01234567890\x01'), left('~234567890~'), name);
  }
});

const someSecret = fc.oneof(
  fc.string({ minLength: 8, maxLength: 24 }),
  fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 8, maxLength: 12 }),
);

/** Text with echoes of the secret in it, whole and broken off. */
const body = someSecret.chain((secret) => {
  const echo = fc.constantFrom(...ENCODERS).map(({ encode }) => encode(secret));
  const part = fc.tuple(echo, fc.nat(40), fc.nat(40)).map(([text, from, to]) => text.slice(from, from + to));
  const noise = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'data: ', '"', 'Z'), maxLength: 30 });
  const text = fc.array(fc.oneof(noise, echo, part), { maxLength: 8 }).map((parts) => parts.join(''));
  return fc.record({ secret: fc.constant(secret), text: text.map((t) => Buffer.from(t, 'latin1')) });
});
const cuts = fc.array(fc.nat(30), { maxLength: 60 });

for (const holdBack of ['tail', 'lines'] as const) {
  test(`any chunking gives the same output as the whole (${holdBack})`, () => {
    fc.assert(
      fc.property(body, cuts, ({ secret, text }, sizes) => {
        // A secret with a line feed in it is no part of a line: documented, not looked for in streams of lines.
        fc.pre(holdBack === 'tail' || !/[\n\r]/.test(secret));
        assert.deepEqual(inPieces([secret], text, sizes, holdBack), whole([secret], text));
      }),
      { numRuns: 400 },
    );
  });
}

test('no form of the secret leaves, in any chunking, and all that is no secret is unchanged', () => {
  fc.assert(
    fc.property(body, cuts, ({ secret, text }, sizes) => {
      const out = inPieces([secret], text, sizes, 'tail');
      assert.equal(out.length, text.length);
      const seen = out.toString('latin1');
      const whole = ENCODERS.filter(({ name }) => !name.startsWith('base64')).map(({ encode }) => encode(secret));
      for (const form of whole) assert.ok(!seen.includes(form), form);
      const covered = coverage(secret, text);
      out.forEach((byte, at) => {
        if (!covered[at]) assert.equal(byte, text[at], `byte ${at} of no secret changed`);
      });
    }),
    { numRuns: 400 },
  );
});

test('several secrets that overlap in the body are all overwritten', () => {
  const out = whole(['abcdefghij', 'ghijklmnop', 'Bearer abcdefghij'], Buffer.from('x Bearer abcdefghijklmnop y'));
  assert.equal(out.toString(), 'x Bearer **************** y');
});

test('a line of an event stream goes out as soon as its line feed came, held back by nothing', () => {
  const outlet = new Outlet();
  using scrub = scrubbing(['sk-0123456789abcdef'], 'lines', outlet);
  scrub.body.write(Buffer.from('data: hel'));
  assert.equal(outlet.text, '');
  scrub.body.write(Buffer.from('lo\n\ndata: sk-0123456789'));
  assert.equal(outlet.text, 'data: hello\n\n');
  scrub.body.write(Buffer.from('abcdef\n'));
  assert.equal(outlet.text, 'data: hello\n\ndata: *******************\n');
});

test('elsewhere what is held back goes out after 20 ms without a byte, and what came of a secret before does not help it', () => {
  const clock = new ManualClock();
  const outlet = new Outlet();
  using scrub = scrubbing(['sk-0123456789abcdef'], 'tail', outlet, clock);
  scrub.body.write(Buffer.from('> sk-0123456'));
  assert.equal(outlet.text, '');
  clock.advance(19);
  assert.equal(outlet.text, '');
  clock.advance(1);
  assert.equal(outlet.text, '> sk-0123456');
  // It is a limit, and SECURITY.md says so: what went out is out. The rest is overwritten all the same.
  scrub.body.write(Buffer.from('789abcdef.'));
  scrub.body.end();
  assert.equal(outlet.text, '> sk-0123456*********.');
});

test('with the last byte of its declared length a body is out, without waiting for its end', () => {
  const outlet = new Outlet();
  using scrub = scrubbing(['sk-0123456789abcdef'], 'tail', outlet, new ManualClock(), 8);
  scrub.body.write(Buffer.from('1234'));
  scrub.body.write(Buffer.from('5678'));
  assert.equal(outlet.text, '12345678');
});

test('a line that has no end is not kept in memory', () => {
  const outlet = new Outlet();
  using scrub = scrubbing(['sk-0123456789abcdef'], 'lines', outlet);
  for (let piece = 0; piece < 64; piece++) scrub.body.write(Buffer.alloc(16_384, 'a'));
  assert.ok(outlet.text.length > 63 * 16_384 - 65_536 - 100, `${outlet.text.length}`);
});

test('says once that a secret was found', () => {
  const outlet = new Outlet();
  using scrub = scrubbing(['sk-0123456789abcdef'], 'lines', outlet);
  for (let round = 0; round < 3; round++) scrub.body.write(Buffer.from('sk-0123456789abcdef\n'));
  assert.equal(outlet.hits, 1);
});

function whole(secrets: readonly string[], text: Buffer): Buffer {
  return inPieces(secrets, text, [], 'tail');
}

function inPieces(secrets: readonly string[], text: Buffer, sizes: readonly number[], holdBack: HoldBack): Buffer {
  const outlet = new Outlet();
  using scrub = scrubbing(secrets, holdBack, outlet);
  let at = 0;
  for (const size of sizes) {
    scrub.body.write(text.subarray(at, at + size));
    at += Math.min(size, text.length - at);
  }
  scrub.body.write(text.subarray(at));
  scrub.body.end();
  assert.ok(outlet.ended);
  return outlet.bytesOut;
}

/** Which bytes belong to some form of the secret, found by plain search, base64 with its neighbours' characters. */
function coverage(secret: string, text: Buffer): boolean[] {
  const covered = new Array<boolean>(text.length).fill(false);
  const seen = text.toString('latin1');
  for (const { name, encode } of ENCODERS) {
    const shared = name.startsWith('base64');
    const form = encode(secret);
    const core = shared ? form.replace(/=+$/, '').slice(3, -3) : form;
    for (let at = seen.indexOf(core); core !== '' && at >= 0; at = seen.indexOf(core, at + 1)) {
      covered.fill(true, Math.max(0, at - (shared ? 3 : 0)), at + core.length + (shared ? 6 : 0));
    }
  }
  return covered;
}

test('whole in two pieces it does not get out either: every form, cut behind its first and before its last byte', () => {
  const secret = 'p4ss/w"d <&>=+?';
  for (const { name, encode } of ENCODERS) {
    const echo = Buffer.from(encode(secret), 'latin1');
    for (const at of [1, echo.length - 1]) {
      for (const length of [undefined, echo.length]) {
        const outlet = new Outlet();
        using scrub = scrubbing([secret], 'tail', outlet, new ManualClock(), length);
        scrub.body.write(echo.subarray(0, at));
        scrub.body.write(echo.subarray(at));
        scrub.body.end();
        assert.match(outlet.text, /^.{0,2}\*+.{0,5}$/s, `${name}, ${at} of ${echo.length}: ${outlet.text}`);
      }
    }
  }
});

test('the quiet is counted from the last piece: one that comes after 19 ms starts it anew', () => {
  const clock = new ManualClock();
  const outlet = new Outlet();
  using scrub = scrubbing(['0123456789abcdef'], 'tail', outlet, clock);
  for (const piece of ['01234', '56789', 'abcde']) {
    scrub.body.write(Buffer.from(piece));
    clock.advance(19);
    assert.equal(outlet.text, '');
  }
  scrub.body.write(Buffer.from('f'));
  scrub.body.end();
  assert.equal(outlet.text, '*'.repeat(16));
});
