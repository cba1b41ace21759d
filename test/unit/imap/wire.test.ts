import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BrokerError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import {
  capabilitiesOf,
  literalAt,
  loginCommand,
  readArguments,
  readCommandHead,
  readResponse,
} from '../../../src/drivers/imap/wire.ts';

const NONE = { literalPlus: false, literalMinus: false };

test('reads responses as servers write them', async () => {
  const read = (text: string) => readResponse(Buffer.from(text));
  assert.deepEqual(await read('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Dovecot ready.'), {
    tag: '*',
    name: 'OK',
    code: ['CAPABILITY', 'IMAP4rev1', 'AUTH=PLAIN'],
    text: 'Dovecot ready.',
    words: [],
  });
  assert.deepEqual((await read('* capability IMAP4rev1 LITERAL+')).words, ['IMAP4rev1', 'LITERAL+']);
  assert.deepEqual(
    [(await read('+ dmVy')).tag, (await read('+ dmVy')).text, (await read('+')).text],
    ['+', 'dmVy', ''],
  );
  assert.equal((await read('b1 NO [AUTHENTICATIONFAILED] no.')).code[0], 'AUTHENTICATIONFAILED');
});

test('takes capabilities from a list or a code, and only words that can be said again', async () => {
  const list = async (text: string) => capabilitiesOf(await readResponse(Buffer.from(text)));
  assert.deepEqual(await list('* CAPABILITY IMAP4rev1 IDLE'), ['IMAP4rev1', 'IDLE']);
  assert.deepEqual(await list('a1 OK [CAPABILITY IMAP4rev1 MOVE] in'), ['IMAP4rev1', 'MOVE']);
  assert.deepEqual(await list('* OK [CAPABILITY IMAP4rev1 A"x" B\\ C*] x'), ['IMAP4rev1']);
  assert.equal(await list('* OK ready'), undefined);
});

test('a response that is none, however garbled, is the server’s fault and nothing worse', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      try {
        await readResponse(Buffer.from(bytes));
      } catch (error) {
        assert(error instanceof BrokerError && error.code === 'upstream_protocol', String(error));
      }
    }),
  );
});

test('a command begins with a tag and a word: a web page’s request does not', () => {
  assert.deepEqual(readCommandHead(Buffer.from('a1 login x y\r\n')), { tag: 'a1', name: 'LOGIN' });
  assert.deepEqual(readCommandHead(Buffer.from('A.1-x UID FETCH 1\r\n')), { tag: 'A.1-x', name: 'UID' });
  for (const text of ['GET / HTTP/1.1\r\n', '\r\n', '+ LOGIN x\r\n', '* OK x\r\n', 'a\u00001 NOOP\r\n', '(a NOOP\r\n'])
    assert.throws(() => readCommandHead(Buffer.from(text)), { code: 'client_protocol' }, text);
});

test('a password of any bytes arrives as it is: quoted where that is possible, else as a literal', async () => {
  const roundTrip = async (password: Buffer): Promise<void> => {
    for (const way of [NONE, { literalPlus: true, literalMinus: false }]) {
      const parts = loginCommand('b1', 'al"ice', Secret.copy(password), way);
      const wire = Buffer.concat(parts);
      const mark = /\{(\d+)\+?\}\r\n/.exec(wire.toString('latin1'));
      const at = mark ? mark.index + mark[0].length : wire.length - 2;
      const literals = mark ? [wire.subarray(at, wire.length - 2)] : [];
      const text = mark ? wire.subarray(0, at) : wire.subarray(0, at);
      assert.deepEqual(await readArguments(text, literals), [Buffer.from('al"ice'), password]);
      assert(!mark || parts.length === (way.literalPlus ? 1 : 2));
    }
  };
  for (const text of ['plain', 'q"uo\\te', 'pässwörd', 'two\r\nlines', 'a {3}', '{3}', '\t', 'NIL'])
    await roundTrip(Buffer.from(text));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => roundTrip(Buffer.from(bytes))),
  );
});

test('no password adds a line to the command', () => {
  const parts = loginCommand('b1', 'alice', Secret.fromText('x\r\nb2 DELETE INBOX'), NONE);
  assert.equal(parts[0]?.toString(), 'b1 LOGIN "alice" {18}\r\n');
});

test('literals are announced at the end of a line only', () => {
  assert.deepEqual(literalAt(Buffer.from('a LOGIN {5}')), { bytes: 5, synchronising: true });
  assert.deepEqual(literalAt(Buffer.from('a APPEND x ~{12+}')), { bytes: 12, synchronising: false });
  assert.equal(literalAt(Buffer.from('a LOGIN {5} x')), undefined);
  assert.equal(literalAt(Buffer.from('a LOGIN {}')), undefined);
  assert.equal(literalAt(Buffer.from('a LOGIN {-1}')), undefined);
});
