import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BrokerError } from '../../../src/core/errors.ts';
import { encode, MAX_WORD_BYTES, readCommand, splitInline, word } from '../../../src/drivers/redis/resp.ts';

const read = (text: string, want = 100) => readCommand(Buffer.from(text, 'latin1'), 0, want, 10_000);

for (const [what, text, want, args] of [
  ['a whole command', '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', 9, ['GET', 'k']],
  ['the name alone', '*2\r\n$3\r\nGET\r\n$99999', 1, ['GET']],
  ['empty arguments', '*2\r\n$0\r\n\r\n$0\r\n\r\n', 9, ['', '']],
  ['arguments that look like protocol', '*2\r\n$4\r\nECHO\r\n$8\r\n*1\r\n$4\r\n\r\n', 9, ['ECHO', '*1\r\n$4\r\n']],
] as const) {
  test(`reads ${what}, and asks for more at every byte before its end`, () => {
    const command = read(text, want);
    assert.deepEqual(
      command?.args.map((arg) => arg.toString('latin1')),
      args,
    );
    for (let length = 0; length < (command?.next ?? 0); length++)
      assert.equal(read(text.slice(0, length), want), undefined);
  });
}

for (const [what, text] of [
  ['no arguments', '*0\r\n'],
  ['a negative number of arguments', '*-1\r\n'],
  ['a sign', '*+1\r\n'],
  ['a leading zero', '*01\r\n'],
  ['a space', '*1 \r\n'],
  ['no number', '*\r\n'],
  ['LF alone', '*1\n'],
  ['CR and something else, which the server skips', '*1\rX$4\r\nPING\r\n'],
  ['more arguments than the server takes', '*2147483648\r\n'],
  ['a number beyond all bounds', '*1\r\n$99999999999999999\r\n'],
  ['no $', '*1\r\nPING\r\n'],
  ['a negative length', '*1\r\n$-1\r\n'],
  ['hexadecimal', '*1\r\n$0x4\r\n'],
  ['an argument that is longer than it says', '*1\r\n$4\r\nPINGS\r\n'],
  ['an argument that ends in LF alone', '*1\r\n$4\r\nPING\n\n'],
] as const) {
  test(`refuses ${what}`, () => assert.throws(() => read(text), { name: 'BrokerError', code: 'client_protocol' }));
}

test('a command that would have to be kept too long is refused before it is there', () => {
  const huge = Buffer.from(`*1\r\n$${MAX_WORD_BYTES + 1}\r\n`);
  assert.throws(() => readCommand(huge, 0, 1, MAX_WORD_BYTES), { code: 'client_protocol' });
});

test('any bytes are a command, a beginning of one, or refused; none hang or crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        const command = readCommand(Buffer.concat([Buffer.from('*'), bytes]), 0, 5, 100);
        assert(command === undefined || command.next <= bytes.length + 1);
      } catch (error) {
        assert(error instanceof BrokerError);
      }
    }),
  );
});

test('what is encoded is read back', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 }), (args) => {
      const bytes = encode(args);
      const command = readCommand(bytes, 0, args.length, 10_000);
      assert.equal(command?.next, bytes.length);
      assert.deepEqual(
        command?.args.map((arg) => [...arg]),
        args.map((arg) => [...arg]),
      );
    }),
  );
});

test('a word ends at a NUL and knows no case, as in the server', () => {
  assert.equal(word(Buffer.from('CoNfIg\0anything')), 'config');
  assert.equal(word(Buffer.from('\0')), '');
  // Only ASCII letters have a case: the Kelvin sign is no k.
  assert.equal(word(Buffer.from('\u212a')), Buffer.from('\u212a').toString('latin1'));
});

for (const [line, args] of [
  ['', []],
  [' \t\r\n\v\f', []],
  ['GET k', ['GET', 'k']],
  ['  GET   k  ', ['GET', 'k']],
  ['ECHO "a b"', ['ECHO', 'a b']],
  ["ECHO 'a b'", ['ECHO', 'a b']],
  ['ECHO ""', ['ECHO', '']],
  ['ECHO "\\x41\\x6a\\n\\r\\t\\b\\a\\"\\\\\\q"', ['ECHO', 'Aj\n\r\t\b\x07"\\q']],
  ['ECHO "\\x4"', ['ECHO', 'x4']],
  ["ECHO 'it\\'s' '\\n'", ['ECHO', "it's", '\\n']],
  ['ECHO fo"o b"', ['ECHO', 'foo b']],
  ['CON"FIG" GET', ['CONFIG', 'GET']],
  ['a\vb', ['a\vb']],
] as const) {
  test(`splits the inline command ${JSON.stringify(line)}`, () => {
    const found = splitInline(Buffer.from(line, 'latin1')).map((arg) => arg.toString('latin1'));
    assert.deepEqual(found, args);
  });
}

for (const line of ['"', "'", 'ECHO "a', 'ECHO "a"b', "ECHO 'a'b", 'ECHO "a\\', 'GET\0k']) {
  test(`refuses the inline command ${JSON.stringify(line)}`, () => {
    assert.throws(() => splitInline(Buffer.from(line, 'latin1')), { code: 'client_protocol' });
  });
}
