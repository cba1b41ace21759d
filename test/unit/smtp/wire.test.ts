import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BrokerError } from '../../../src/core/errors.ts';
import { ReplyWalker } from '../../../src/drivers/smtp/stream.ts';
import { keywordsOf, localEhlo, readCommand, readReplyLine } from '../../../src/drivers/smtp/wire.ts';

test('reads reply lines as servers write them, without text too', () => {
  assert.deepEqual(readReplyLine(Buffer.from('250-SIZE 1000\r\n')), { code: 250, last: false, text: 'SIZE 1000' });
  assert.deepEqual(readReplyLine(Buffer.from('250 ok\r\n')), { code: 250, last: true, text: 'ok' });
  assert.deepEqual(readReplyLine(Buffer.from('235\r\n')), { code: 235, last: true, text: '' });
  for (const line of ['25 ok\r\n', '2500 ok\r\n', '650 ok\r\n', 'hello\r\n', '250_ok\r\n', '\r\n'])
    assert.throws(() => readReplyLine(Buffer.from(line)), { code: 'upstream_protocol' }, line);
});

test('no bytes of a server do worse than upstream_protocol', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readReplyLine(Buffer.from(bytes));
      } catch (error) {
        assert(error instanceof BrokerError && error.code === 'upstream_protocol');
      }
    }),
  );
});

test('the local EHLO is the server’s, but for TLS and the login', () => {
  const texts = [
    'mail.test at your service',
    'SIZE 35882577',
    'STARTTLS',
    'AUTH XOAUTH2 PLAIN',
    'auth=login',
    'CHUNKING',
    'ETRN',
  ];
  const lines = (policed: boolean) => localEhlo(texts, policed).toString().trimEnd().split('\r\n');
  const first = '250-mail.test at your service';
  assert.deepEqual(lines(false), [first, '250-SIZE 35882577', '250-CHUNKING', '250-ETRN', '250 AUTH PLAIN LOGIN']);
  assert.deepEqual(lines(true), [first, '250-SIZE 35882577', '250-CHUNKING', '250 AUTH PLAIN LOGIN']);
});

test('the mechanisms of both spellings of AUTH count', () => {
  const reply = { code: 250, texts: ['x', 'AUTH PLAIN', 'AUTH=LOGIN', 'starttls'], raw: Buffer.alloc(0) };
  assert.equal(keywordsOf(reply).get('AUTH'), 'PLAIN LOGIN');
  assert(keywordsOf(reply).has('STARTTLS'));
});

test('a command is one of SMTP: the request of a web page is none', () => {
  assert.deepEqual(readCommand(Buffer.from('ehlo  me.test \r\n')), { verb: 'EHLO', rest: 'me.test' });
  assert.deepEqual(readCommand(Buffer.from('MAIL FROM:<a@b>\r\n'))?.verb, 'MAIL');
  for (const line of ['POST / HTTP/1.1\r\n', 'Host: x\r\n', 'XCLIENT ADDR=1\r\n', '\r\n', 'BURL x\r\n'])
    assert.equal(readCommand(Buffer.from(line)), undefined, line);
});

test('stands at a boundary between two replies and nowhere else, wherever the chunks end', () => {
  const replies = [
    '220 hi\r\n',
    '250-a\r\n250-b\r\n250 c\r\n',
    '354\r\n',
    '250-\r\n250 x\r\n',
    '221 2.0.0 bye - bye\r\n',
  ];
  const text = replies.join('');
  const expected = replies.map((_, index) => replies.slice(0, index + 1).join('').length);
  for (let cut = 0; cut <= text.length; cut++) {
    const walker = new ReplyWalker();
    walker.see(Buffer.from(text.slice(0, cut)));
    assert.equal(walker.atBoundary, cut === 0 || expected.includes(cut), `at ${cut}`);
    walker.see(Buffer.from(text.slice(cut)));
    assert(walker.atBoundary);
  }
});
