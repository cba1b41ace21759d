import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import type { SessionEnd } from '../../../src/core/relay.ts';
import { imap } from '../../../src/drivers/imap/driver.ts';
import { ImapServer } from '../../fakes/imap.ts';
import { testIo } from '../../support/io.ts';
import { type LeaseOptions, TestLease } from '../../support/lease.ts';
import { LineEnd, localConfig } from '../../support/mail.ts';

const TICKET = 'a-ticket-of-32-characters-or-so!';

/** A client of a lease on a fake server. */
async function enter(options: Partial<LeaseOptions> = {}) {
  const server = await ImapServer.start('s3cret-pw');
  const config = { ...localConfig(imap.config, server.port), user: server.user };
  const lease = await TestLease.open(imap, config, { io: testIo(), ...options });
  const client = await LineEnd.connect(lease.port);
  return {
    server,
    lease,
    client,
    greeting: await client.line(),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await lease[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('greets with the server’s words and capabilities, less what is past, plus what works here', async () => {
  await using visit = await enter();
  assert.equal(visit.greeting, '* OK [CAPABILITY IMAP4rev1 ID SASL-IR AUTH=PLAIN] Fake ready.');
  await visit.client.say('a CAPABILITY');
  assert.deepEqual(await visit.client.until('a '), [
    '* CAPABILITY IMAP4rev1 ID SASL-IR AUTH=PLAIN',
    'a OK CAPABILITY completed',
  ]);
  await visit.client.say('b LOGIN any any');
  assert.equal(await visit.client.line(), 'b OK [CAPABILITY IMAP4rev1 IDLE MOVE COMPRESS=DEFLATE] Logged in');
});

const plain = (password: string): string => Buffer.from(`\0alice\0${password}`).toString('base64');

/** Every form of a login: what the client writes, and how many `+` it is told on the way. */
const LOGINS: Record<string, (password: string) => readonly string[]> = {
  atoms: (password) => [`a LOGIN alice ${password.replace('!', '')}!\r\n`],
  quoted: (password) => [`a LOGIN "ali\\"ce" "${password}"\r\n`],
  literal: (password) => ['a LOGIN {5}\r\n', `alice {${password.length}}\r\n`, `${password}\r\n`],
  'non-synchronising literal': (password) => [`a login {5+}\r\nalice {${password.length}+}\r\n${password}\r\n`],
  'quoted and literal': (password) => [`a LOGIN "alice" {${password.length}}\r\n`, `${password}\r\n`],
  'PLAIN with an initial response': (password) => [`a AUTHENTICATE PLAIN ${plain(password)}\r\n`],
  'PLAIN without': (password) => ['a authenticate plain\r\n', `${plain(password)}\r\n`],
};

for (const [form, write] of Object.entries(LOGINS)) {
  for (const ticket of [undefined, TICKET]) {
    test(`${form}: lets a client in ${ticket ? 'with the ticket only' : 'with any password'}, pipelined bytes kept`, async () => {
      await using visit = await enter(ticket === undefined ? {} : { ticket });
      const { client } = visit;
      const parts = write(ticket ?? 'whatever');
      for (const [index, part] of parts.entries()) {
        const last = index === parts.length - 1;
        await client.raw(last ? `${part}b ECHO one\r\nc ECHO two\r\n` : part);
        if (!last) assert.match(await client.line(), /^\+ /);
      }
      const rest = await client.until('c ');
      assert.match(rest[0] ?? '', /^a OK \[CAPABILITY IMAP4rev1 IDLE MOVE COMPRESS=DEFLATE\]/);
      assert.deepEqual(rest.slice(1), ['* ECHO one', 'b OK done', '* ECHO two', 'c OK done']);
      if (ticket === undefined) return;
      await using other = await enter({ ticket });
      const wrong = write('b'.repeat(TICKET.length));
      for (const part of wrong) {
        await other.client.raw(part);
        const told = await other.client.line();
        if (part !== wrong.at(-1)) continue;
        assert.match(told, /^a NO \[AUTHENTICATIONFAILED\] broker: wrong ticket/);
        assert.match(await other.client.rest(), /^\* BYE broker: wrong ticket/);
      }
    });
  }
}

test('a client that sends no login at all gets to the server with its first command', async () => {
  await using visit = await enter();
  await visit.client.raw('a NOOP\r\nb ECHO in\r\n');
  assert.deepEqual(await visit.client.until('b '), ['a OK NOOP completed', '* ECHO in', 'b OK done']);
});

test('with a ticket no login means NO, and the client may still log in', async () => {
  await using visit = await enter({ ticket: TICKET });
  const { client, server } = visit;
  await client.raw(
    `a SELECT INBOX\r\nb APPEND INBOX {5000}\r\nc APPEND INBOX {3+}\r\nabc\r\nd LOGIN x ${TICKET.replace('!', '')}!\r\n`,
  );
  const lines = await client.until('d ');
  assert.match(lines[0] ?? '', /^a NO broker: log in first/);
  assert.match(lines[1] ?? '', /^b NO \[TOOBIG\]/);
  assert.match(lines[2] ?? '', /^c NO broker: log in first/);
  assert.match(lines[3] ?? '', /^d OK /);
  assert(!server.received.includes('SELECT'));
});

test('ID is answered, and the server is told what the client said', async () => {
  await using visit = await enter();
  const { client } = visit;
  await client.raw('a ID ("name" "test")\r\nb LOGIN x y\r\nc ECHO on\r\n');
  assert.deepEqual(await client.until('c '), [
    '* ID NIL',
    'a OK ID completed',
    'b OK [CAPABILITY IMAP4rev1 IDLE MOVE COMPRESS=DEFLATE] Logged in',
    '* ECHO on',
    'c OK done',
  ]);
  assert.deepEqual(visit.server.commands, ['a ID ("name" "test")', 'c ECHO on']);
});

test('what cannot work is refused by name and the client goes on', async () => {
  await using visit = await enter();
  const { client } = visit;
  for (const [line, answer] of [
    ['a STARTTLS', /^a BAD broker: TLS/],
    ['b AUTHENTICATE CRAM-MD5', /^b NO broker: the only mechanism here is PLAIN/],
    ['c LOGIN onlyuser', /^c BAD/],
    ['d LOGIN (list) x', /^d BAD/],
    ['e LOGIN "unclosed x', /^e BAD/],
    ['f AUTHENTICATE PLAIN !!!', /^f BAD/],
    ['g AUTHENTICATE PLAIN AAAA', /^g BAD/],
  ] as const) {
    await client.say(line);
    assert.match(await client.line(), answer);
  }
  await client.say('h AUTHENTICATE PLAIN');
  assert.equal(await client.line(), '+ ');
  await client.say('*');
  assert.match(await client.line(), /^h BAD broker: cancelled/);
  await client.say('i LOGOUT');
  assert.equal(await client.rest(), '* BYE broker: goodbye\r\ni OK LOGOUT completed\r\n');
});

test('a literal that is too long is refused before it is sent, or ends the connection when it is on its way', async () => {
  await using visit = await enter();
  await visit.client.say('a LOGIN x {4097}');
  assert.match(await visit.client.line(), /^a NO \[TOOBIG\] broker: at most 4096 bytes/);
  await visit.client.say('b LOGIN x {99999999999+}');
  assert.match(await visit.client.rest(), /^\* BYE broker: the client sent a literal of more than 4096 bytes/);
});

test('a line without end, a request of a web page and garbage end with BYE', async () => {
  for (const bytes of ['x'.repeat(70_000), 'POST / HTTP/1.1\r\nHost: x\r\n\r\n', '\u0000\u0001\n']) {
    await using visit = await enter();
    await visit.client.raw(bytes);
    assert.match(await visit.client.rest(), /^\* BYE broker: the client sent/);
  }
});

test('a forced end says BYE between responses, and just closes inside a literal or under COMPRESS', async () => {
  for (const [before, goodbye] of [
    ['x ECHO done\r\n', true],
    ['x ECHO {50}\r\n', false],
    ['x COMPRESS DEFLATE\r\n', false],
  ] as const) {
    let ended: SessionEnd | undefined;
    await using visit = await enter({
      ended: (end) => {
        ended = end;
      },
    });
    const { client, lease } = visit;
    await client.raw(`a LOGIN x y\r\n${before}`);
    const [first] = (await client.until(before.includes('{') ? '* ECHO' : 'x OK')).slice(-1);
    assert(first);
    const over = lease.end(new BrokerError('ended', 'the token was revoked'));
    const rest = await client.rest();
    client.end();
    await over;
    assert.equal(rest.endsWith('* BYE broker: the token was revoked\r\n'), goodbye, rest);
    assert.equal(ended?.outcome, 'ended');
  }
});
