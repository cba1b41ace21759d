import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DataEnd } from '../../../src/drivers/smtp/data.ts';
import { allows, policyProblems, readEnvelope } from '../../../src/drivers/smtp/policy.ts';

test('reads an envelope only where every server reads the same', () => {
  const addresses: Record<string, string | undefined> = {
    'MAIL FROM:<a@b.test>': 'a@b.test',
    'mail from:<a.b+c@b.test> SIZE=100 BODY=8BITMIME SMTPUTF8': 'a.b+c@b.test',
    'MAIL FROM:<>': '',
    'RCPT TO:<jürgen@bücher.test>': 'jürgen@bücher.test',
    'RCPT TO:<a@[192.0.2.1]>': 'a@[192.0.2.1]',
    'RCPT TO:<>': undefined,
    'RCPT TO:<postmaster>': undefined,
    'MAIL FROM: <a@b.test>': undefined,
    'MAIL FROM:a@b.test': undefined,
    'RCPT TO:<@relay.test:a@b.test>': undefined,
    'RCPT TO:<a%evil.test@b.test>': undefined,
    'RCPT TO:<evil.test!a@b.test>': undefined,
    'RCPT TO:<"a@evil.test"@b.test>': undefined,
    'RCPT TO:<a@evil.test@b.test>': undefined,
    'RCPT TO:<a@b.test,c@evil.test>': undefined,
    'RCPT TO:<a@b.test> <c@evil.test>': undefined,
    'RCPT TO:<a@b.test>x': undefined,
    'RCPT TO:<a..b@b.test>': undefined,
    'RCPT TO:<a@b.test.>': undefined,
    'RCPT TO:<a@-b.test>': undefined,
    'RCPT TO:<a\\@evil.test@b.test>': undefined,
    'RCPT TO:<a(comment)@b.test>': undefined,
    'RCPT TO:<a\u0000@b.test>': undefined,
  };
  for (const [line, address] of Object.entries(addresses)) assert.equal(readEnvelope(line)?.address, address, line);
});

test('allows who is on the list, in any spelling of the domain', () => {
  const policy = {
    allow_from: ['alice@example.test', '*@lists.example.test', '<>'],
    allow_to: ['example.test', '*.example.test', 'bob@Other.test', 'bücher.test'],
  };
  const may = (line: string): boolean => {
    const envelope = readEnvelope(line);
    assert(envelope, line);
    return allows(policy, envelope);
  };
  for (const line of [
    'MAIL FROM:<ALICE@Example.Test>',
    'MAIL FROM:<any.one@lists.example.test>',
    'MAIL FROM:<>',
    'RCPT TO:<x@example.test>',
    'RCPT TO:<x@a.b.example.test>',
    'RCPT TO:<Bob@other.test>',
    'RCPT TO:<x@xn--bcher-kva.test>',
  ])
    assert(may(line), line);
  for (const line of [
    'MAIL FROM:<bob@example.test>',
    'MAIL FROM:<alice@sub.example.test>',
    'RCPT TO:<x@notexample.test>',
    'RCPT TO:<x@example.test.evil.test>',
    'RCPT TO:<alice@other.test>',
    'RCPT TO:<x@[192.0.2.1]>',
  ])
    assert(!may(line), line);
  assert(allows({ allow_from: [], allow_to: ['example.test'] }, { verb: 'MAIL', address: 'any@where.test' }));
  assert(!allows({ allow_from: ['example.test'], allow_to: [] }, { verb: 'MAIL', address: '' }));
});

test('an entry that could never match is refused when it is stored', () => {
  assert.deepEqual(policyProblems({ allow_from: ['a@b.test', '*@b.test', 'b.test', '<>'], allow_to: [] }), []);
  for (const entry of ['a b@c.test', 'Alice <a@b.test>', 'a%b@c.test', 'a@b@c'])
    assert.equal(policyProblems({ allow_from: [entry], allow_to: [] }).length, 1, entry);
});

/** Where a mail ends: the bytes of it, or that it has a bare CR or LF, whatever the chunks. */
function end(bytes: Buffer, cuts: readonly number[]): number | 'bare' | 'open' {
  const data = new DataEnd();
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    const used = data.see(bytes.subarray(from, cut));
    if (used === 'bare') return 'bare';
    if (data.over) return from + used;
    from = cut;
  }
  return 'open';
}

test('finds the end of a mail and every bare CR or LF, wherever the chunks end', () => {
  const mails: [string, number | 'bare' | 'open'][] = [
    ['.\r\n', 3],
    ['Subject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n', 21],
    ['a\r\n..\r\n.x\r\n.\r\n', 14],
    ['a\r\n.\n', 'bare'],
    ['a\n.\r\n', 'bare'],
    ['a\n.\n', 'bare'],
    ['a\r.\r\n', 'bare'],
    ['a\r\n.\r\r\n', 'bare'],
    ['a\r\r\n.\r\n', 'bare'],
    ['\n', 'bare'],
    ['a\r\n.', 'open'],
    ['a\r\n.\r', 'open'],
  ];
  for (const [mail, expected] of mails) {
    const bytes = Buffer.from(mail);
    const every = Array.from({ length: bytes.length }, (_, index) => index);
    for (const cuts of [[], every, ...every.map((cut) => [cut])])
      assert.equal(end(bytes, cuts), expected, JSON.stringify([mail, cuts]));
  }
});

test('agrees with a plain search on any mail in any chunks', () => {
  const piece = fc.constantFrom('\r\n', '\r', '\n', '.', 'a', '..', '\r\n.\r\n');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(40), { maxLength: 5 }), (pieces, cuts) => {
      const text = pieces.join('');
      const at = `\r\n${text}`.indexOf('\r\n.\r\n');
      const mail = at < 0 ? text : text.slice(0, at + 3);
      const bare = /(^|[^\r])\n|\r(?!\n|$)/.test(mail);
      const expected = bare ? 'bare' : at < 0 ? 'open' : at + 3;
      const sorted = cuts.filter((cut) => cut < text.length).sort((a, b) => a - b);
      assert.equal(end(Buffer.from(text), sorted), expected, JSON.stringify(text));
    }),
    { numRuns: 2_000 },
  );
});
