import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BrokerError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { CommandRules } from '../../../src/drivers/redis/commands.ts';
import { RequestRewriter } from '../../../src/drivers/redis/requests.ts';
import { encode, MAX_INLINE_BYTES, MAX_INSPECTED_BYTES } from '../../../src/drivers/redis/resp.ts';

const AUTH = encode(['AUTH', 'the-real-one']);
const DENIED = 'CONFIG SET (denied by broker: it reveals or changes credentials)';

function rewriter(rules = new CommandRules([], [])): RequestRewriter {
  return new RequestRewriter(rules, { auth: Secret.copy(AUTH), reset: () => Buffer.from('<login again>') });
}

function send(chunks: Iterable<Buffer>): string {
  const { rewrite } = rewriter();
  return Buffer.concat(Array.from(chunks, rewrite)).toString('latin1');
}

/** Whole, byte by byte, and cut in two at every offset. */
function* chunkings(bytes: Buffer): Generator<Buffer[]> {
  yield [bytes];
  yield Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
  for (let cut = 1; cut < bytes.length; cut++) yield [bytes.subarray(0, cut), bytes.subarray(cut)];
}

const get = encode(['GET', 'k']);
const text = (...parts: readonly (Buffer | string)[]): string => parts.map((part) => part.toString('latin1')).join('');

for (const [what, sent, expected] of [
  ['commands', text(get, encode(['SET', 'k', 'a\r\nb']), get), undefined],
  ['an empty argument', text(encode(['SET', '', '']), get), undefined],
  ['AUTH', text(get, encode(['AUTH', 'dummy']), get), text(get, AUTH, get)],
  ['AUTH with a user', text(encode(['aUtH', 'u', 'dummy']), get), text(AUTH, get)],
  ['AUTH with a NUL behind its name', text(encode(['AUTH\0', 'dummy'])), text(AUTH)],
  ['AUTH without a password', encode(['AUTH']), encode(['AUTH'])],
  ['AUTH with too much', encode(['AUTH', 'my', 'own', 'secret']), encode(['AUTH', '-', '-', '-'])],
  ['HELLO', encode(['HELLO', '3']), undefined],
  ['HELLO AUTH', encode(['HELLO', '3', 'AUTH', 'u', 'p']), encode(['HELLO', '3'])],
  [
    'HELLO with all',
    encode(['hello', '3', 'setname', 'auth', 'Auth', 'u', 'p']),
    encode(['hello', '3', 'setname', 'auth']),
  ],
  ['HELLO with two AUTHs', encode(['HELLO', '2', 'AUTH', 'a', 'b', 'AUTH', 'c', 'd']), encode(['HELLO', '2'])],
  ['HELLO with half an AUTH', encode(['HELLO', '3', 'AUTH', 'u']), undefined],
  ['RESET', text(get, encode(['RESET']), get), text(get, encode(['RESET']), '<login again>', get)],
  ['a denied command', text(get, encode(['CONFIG', 'SET', 'requirepass', 'x']), get), text(get, encode([DENIED]), get)],
  ['CONFIG GET of a plain name', encode(['config', 'get', 'save', 'appendonly']), undefined],
  ['inline commands', 'GET k\r\n\r\n\nset "a b" \'c\'\n', text(get, encode(['set', 'a b', 'c']))],
  ['inline AUTH', 'auth dummy\r\n', text(AUTH)],
  ['an inline denied command', 'cOnFig "set" requirepass x\r\nGET k\r\n', text(encode([DENIED]), get)],
  ['inline and canonical by turns', text('GET k\r\n', get, 'GET k\n', get), text(get, get, get, get)],
] as const) {
  test(`${what}: the same in every chunking`, () => {
    const bytes = Buffer.from(typeof sent === 'string' ? sent : text(sent), 'latin1');
    const wanted = expected === undefined ? text(bytes) : text(expected as Buffer | string);
    for (const chunks of chunkings(bytes)) assert.equal(send(chunks), wanted);
  });
}

test('a chunk that needs no change is passed on as it is, not copied', () => {
  const { rewrite } = rewriter();
  const chunk = Buffer.concat(Array.from({ length: 100 }, () => get));
  assert.equal(rewrite(chunk).buffer, chunk.buffer);
  const start = encode(['SET', 'k', Buffer.alloc(200_000)]);
  assert.equal(rewrite(start.subarray(0, 100_000)).length, 100_000);
  const middle = start.subarray(100_000, 150_000);
  const passed = rewrite(middle);
  assert.equal(passed.buffer, middle.buffer);
  assert.equal(passed.length, 50_000);
});

test('any commands in any chunks come out as they would one by one', () => {
  const arg = fc.oneof(
    fc.constantFrom(
      'AUTH',
      'auth\0',
      'HELLO',
      'RESET',
      'CONFIG',
      'acl',
      'GET',
      'SET',
      'whoami',
      'get',
      'save',
      '3',
      '',
    ),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  );
  const commands = fc.array(fc.array(arg, { minLength: 1, maxLength: 5 }), { maxLength: 8 });
  fc.assert(
    fc.property(commands, fc.array(fc.nat(40), { maxLength: 20 }), (sent, cuts) => {
      const encoded = sent.map((args) => encode(args));
      const expected = encoded.map((bytes) => send([bytes])).join('');
      const all = Buffer.concat(encoded);
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(all.subarray(at, at + cut));
        at += cut;
      }
      assert.equal(send([...chunks, all.subarray(at)]), expected);
      assert(!expected.includes('the-real-one') || sent.some(([name]) => /^auth/i.test(String(name))));
    }),
    { numRuns: 300 },
  );
});

test('any bytes pass, are kept within bounds, or end the session with a BrokerError', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.constantFrom('*1\r\n', '*2\r\n', '$4\r\n', '$0\r\n', '\r\n', '\n', 'PING', '"', 'CONFIG', '$99\r\n', '*-1\r\n'),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const { rewrite } = rewriter();
      try {
        for (const part of pieces) rewrite(Buffer.from(part, 'latin1'));
      } catch (error) {
        assert(error instanceof BrokerError && error.code === 'client_protocol');
      }
    }),
    { numRuns: 500 },
  );
});

for (const [what, bytes] of [
  ['a name without end', `*1\r\n$100000\r\n${'x'.repeat(1_000)}`],
  ['a subcommand without end', '*3\r\n$6\r\nCONFIG\r\n$100000\r\nx'],
  ['a HELLO without end', `*3\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$${MAX_INSPECTED_BYTES}\r\nx`],
  ['a HELLO of endless arguments', `*99999\r\n$5\r\nHELLO\r\n${'$1\r\nx\r\n'.repeat(MAX_INSPECTED_BYTES)}`],
  ['an inline command without end', 'x'.repeat(MAX_INLINE_BYTES)],
  ['an argument without its CR LF', '*2\r\n$3\r\nGET\r\n$1\r\nkXX'],
  ['an argument with CR only', '*2\r\n$3\r\nGET\r\n$1\r\nk\rX'],
] as const) {
  test(`${what} ends the session`, () => {
    const whole = Buffer.from(bytes, 'latin1');
    assert.throws(() => rewriter().rewrite(whole), { code: 'client_protocol' });
    const { rewrite } = rewriter();
    assert.throws(
      () => {
        for (let at = 0; at < whole.length; at += 7) rewrite(whole.subarray(at, at + 7));
      },
      { code: 'client_protocol' },
    );
  });
}

test('the arguments of a denied command are dropped as they come, whatever their size', () => {
  const { rewrite } = rewriter();
  const large = encode(['DEBUG', Buffer.alloc(300_000), Buffer.alloc(300_000)]);
  let out = '';
  for (let at = 0; at < large.length; at += 65_536) out += rewrite(large.subarray(at, at + 65_536)).toString();
  out += rewrite(get).toString();
  assert.equal(out, text(encode(['DEBUG (denied by broker: it reveals or changes credentials)']), get));
});
