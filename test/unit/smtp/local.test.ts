import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { SessionEnd } from '../../../src/core/relay.ts';
import { smtp } from '../../../src/drivers/smtp/driver.ts';
import { testIo } from '../../support/io.ts';
import { type LeaseOptions, TestLease } from '../../support/lease.ts';
import { LineEnd, localConfig, ScriptedServer } from '../../support/mail.ts';

const TICKET = 'a-ticket-of-32-characters-or-so';

/** A server that logs anybody in and answers every command with 250 and its own text; DATA and BDAT as they must be. */
async function mailServer(commands: string[]): Promise<ScriptedServer> {
  return await ScriptedServer.start(async (end) => {
    await end.say('220 fake.test ESMTP ready');
    for (;;) {
      const line = await end.line();
      commands.push(line);
      const [verb = '', count = ''] = line.split(' ');
      if (verb === 'EHLO')
        await end.say('250-fake.test', '250-SIZE 1000', '250-ETRN', '250-STARTTLS', '250 AUTH PLAIN');
      else if (verb === 'AUTH') await end.say('235 in');
      else if (verb === 'DATA') {
        await end.say('354 go on');
        const mail: string[] = [];
        do mail.push(await end.line());
        while (mail.at(-1) !== '.');
        commands.push(mail.join('|'));
        await end.say('250 taken');
      } else if (verb === 'BDAT') {
        commands.push((await end.conn.exactly(Number(count), AbortSignal.timeout(20_000))).toString());
        await end.say('250 chunk');
      } else if (verb === 'DIE') {
        await end.say('421 4.3.2 going down');
        end.end();
        return;
      } else if (verb === 'QUIT') {
        await end.say('221 bye');
        end.end();
        return;
      } else await end.say(`250 ${line}`);
    }
  });
}

async function enter(options: Partial<LeaseOptions> = {}, fields: JsonObject = {}) {
  const commands: string[] = [];
  const ends: SessionEnd[] = [];
  const server = await mailServer(commands);
  const config = localConfig(smtp.config, server.port, { auth: 'plain', ...fields });
  const lease = await TestLease.open(smtp, config, { io: testIo(), ended: (end) => ends.push(end), ...options });
  const client = await LineEnd.connect(lease.port);
  const greeting = await client.line();
  commands.length = 0;
  return {
    commands,
    ends,
    lease,
    client,
    greeting,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await lease[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const EHLO = '250-fake.test\n250-SIZE 1000\n250-ETRN\n250 AUTH PLAIN LOGIN';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('greets with the server’s words and passes on the client’s own EHLO', async () => {
  await using visit = await enter();
  assert.equal(visit.greeting, '220 fake.test ESMTP ready');
  assert.equal(await visit.client.ask('EHLO me.test'), EHLO);
  assert.deepEqual(visit.commands, ['EHLO me.test']);
});

/** Every form of a login: lines, each of which but the last is answered with 334. */
const LOGINS: Record<string, (password: string) => readonly string[]> = {
  'PLAIN with an initial response': (password) => [`AUTH PLAIN ${base64(`\0me\0${password}`)}`],
  'PLAIN prompted': (password) => ['auth plain', base64(`\0me\0${password}`)],
  'LOGIN prompted': (password) => ['AUTH LOGIN', base64('me'), base64(password)],
  'LOGIN with an initial response': (password) => [`AUTH LOGIN ${base64('me')}`, base64(password)],
};

for (const [form, write] of Object.entries(LOGINS)) {
  for (const ticket of [undefined, TICKET]) {
    test(`AUTH ${form}: lets a client in ${ticket ? 'with the ticket only' : 'with any password'}, pipelined bytes kept`, async () => {
      await using visit = await enter(ticket === undefined ? {} : { ticket });
      const { client, commands } = visit;
      assert.equal(await client.ask('EHLO me.test'), EHLO);
      const lines = write(ticket ?? 'whatever');
      for (const line of lines.slice(0, -1)) assert.match(await client.ask(line), /^334 /);
      await client.say(lines.at(-1) ?? '', 'MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>');
      assert.match(await client.line(), /^235 /);
      assert.equal(await client.line(), '250 MAIL FROM:<a@b.test>');
      assert.equal(await client.line(), '250 RCPT TO:<c@d.test>');
      assert.deepEqual(commands, ['EHLO me.test', 'MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>']);
      if (ticket === undefined) return;
      using other = await LineEnd.connect(visit.lease.port);
      await other.line();
      const wrong = write('wrong');
      for (const line of wrong.slice(0, -1)) await other.ask(line);
      await other.say(wrong.at(-1) ?? '');
      assert.match(await other.rest(), /^535 5\.7\.8 broker: wrong ticket\r\n$/);
    });
  }
}

test('a client that sends no AUTH at all may send its mail', async () => {
  await using visit = await enter();
  await visit.client.raw('HELO me.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n');
  for (const answer of ['250 HELO me.test', '250 MAIL FROM:<a@b.test>', '250 RCPT TO:<c@d.test>', '354 go on'])
    assert.equal(await visit.client.line(), answer);
});

test('with a ticket no login means 530, and what cannot work is refused by name', async () => {
  await using visit = await enter({ ticket: TICKET });
  const { client, commands } = visit;
  await client.ask('EHLO me.test');
  assert.match(await client.ask('MAIL FROM:<a@b.test>'), /^530 5\.7\.0 /);
  assert.match(await client.ask('STARTTLS'), /^502 /);
  assert.match(await client.ask('AUTH CRAM-MD5'), /^504 /);
  assert.match(await client.ask('AUTH PLAIN !!'), /^501 5\.5\.2 /);
  assert.match(await client.ask('AUTH PLAIN AAAA AAAA'), /^501 5\.5\.4 /);
  assert.match(await client.ask('AUTH LOGIN'), /^334 /);
  assert.match(await client.ask('*'), /^501 5\.7\.0 broker: cancelled/);
  assert.match(await client.ask('NOOP'), /^250 /);
  assert.deepEqual(commands, []);
  await client.say('QUIT');
  assert.match(await client.rest(), /^221 /);
});

test('a second AUTH is refused, EHLO after the login still tells the truth', async () => {
  await using visit = await enter();
  const { client } = visit;
  await client.ask('EHLO me.test');
  assert.match(await client.ask(`AUTH PLAIN ${base64('\0a\0b')}`), /^235 /);
  assert.match(await client.ask(`AUTH PLAIN ${base64('\0a\0b')}`), /^503 /);
  assert.equal(await client.ask('EHLO me.test'), EHLO);
  assert.match(await client.ask('STARTTLS'), /^502 /);
});

test('garbage, an endless line and the request of a web page are told so and use nothing up', async () => {
  for (const bytes of ['POST / HTTP/1.1\r\nHost: x\r\n\r\n', 'x'.repeat(20_000), '\u0000\u0001\n']) {
    await using visit = await enter();
    await visit.client.raw(bytes);
    assert.match(await visit.client.rest(), /^500 5\.5\.2 broker: the client sent/);
    assert.deepEqual(visit.commands, []);
  }
});

test('a server that goes away while the client is silent is passed on at once', async () => {
  await using server = await ScriptedServer.start(async (end) => {
    await end.say('220 x');
    await end.line();
    await end.say('250-x', '250 AUTH PLAIN');
    await end.line();
    await end.say('235 in');
    await end.line();
    await end.say('250 x', '421 4.3.2 going down');
    end.end();
  });
  for (const allow_from of [[], ['b.test']]) {
    const config = localConfig(smtp.config, server.port, { allow_from });
    await using lease = await TestLease.open(smtp, config, { io: testIo() });
    using client = await LineEnd.connect(lease.port);
    await client.line();
    await client.say('EHLO me.test');
    await client.reply();
    assert.equal(await client.rest(), '421 4.3.2 going down\r\n');
  }
});

const POLICY = { allow_from: ['*@b.test'], allow_to: ['d.test'] };

test('under a policy 550 stands in order however much is pipelined, and the server never sees the rest', async () => {
  await using visit = await enter({}, POLICY);
  const { client, commands } = visit;
  await client.say(
    'EHLO me.test',
    'MAIL FROM:<evil@x.test>',
    'MAIL FROM:<a@b.test>',
    'RCPT TO:<c@evil.test>',
    'RCPT TO:<c@d.test>',
    'RCPT TO:<@relay.test:c@d.test>',
    'DATA',
  );
  assert.deepEqual(await client.reply(), ['250-fake.test', '250-SIZE 1000', '250 AUTH PLAIN LOGIN']);
  const answers: string[] = [];
  for (let i = 0; i < 6; i++) answers.push(await client.line());
  assert.match(answers[0] ?? '', /^550 5\.7\.1 broker: .* sender <evil@x\.test>$/);
  assert.equal(answers[1], '250 MAIL FROM:<a@b.test>');
  assert.match(answers[2] ?? '', /^550 5\.7\.1 broker: .* recipient <c@evil\.test>$/);
  assert.equal(answers[3], '250 RCPT TO:<c@d.test>');
  assert.match(answers[4] ?? '', /^550 5\.1\.0 /);
  assert.equal(answers[5], '354 go on');
  await client.raw(
    'Subject: x\r\n\r\nRCPT TO:<c@evil.test>\r\n..\r\n.\r\nRSET\r\nBDAT 5\r\n1\n2\r3BDAT 0 LAST\r\nQUIT\r\n',
  );
  assert.equal(await client.rest(), '250 taken\r\n250 RSET\r\n250 chunk\r\n250 chunk\r\n221 bye\r\n');
  assert.deepEqual(commands, [
    'EHLO me.test',
    'MAIL FROM:<a@b.test>',
    'RCPT TO:<c@d.test>',
    'DATA',
    'Subject: x||RCPT TO:<c@evil.test>|..|.',
    'RSET',
    'BDAT 5',
    '1\n2\r3',
    'BDAT 0 LAST',
    '',
    'QUIT',
  ]);
});

test('under a policy a mail that hides another behind a bare line end is never whole', async () => {
  for (const trick of ['\n.\nMAIL FROM:<evil@x.test>\r\n', '\r\n.\nMAIL\r\n', '\n.\r\nMAIL\r\n', '\r.\r\nMAIL\r\n']) {
    await using visit = await enter({}, POLICY);
    const { client, commands } = visit;
    await client.say('MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>', 'DATA');
    for (let i = 0; i < 3; i++) await client.line();
    await client.raw(`Subject: x\r\n\r\nhello${trick}`);
    assert.match(await client.rest(), /^550 5\.6\.0 broker: the client sent a CR or LF that is no line end\r\n$/);
    assert(!commands.some((line) => /evil|hello/.test(line)), commands.join('\n'));
  }
});

test('under a policy commands outside the list, and lines that end in a bare LF, do not pass', async () => {
  await using visit = await enter({}, POLICY);
  const { client, commands } = visit;
  for (const line of ['XCLIENT ADDR=192.0.2.1', 'ETRN x.test', 'BURL imap://x', 'TURN', 'EXPN list', 'DATA now'])
    assert.match(await client.ask(line === 'XCLIENT ADDR=192.0.2.1' ? `NOOP\r\n${line}` : line), /^(250 NOOP|50[12] )/);
  await client.line();
  assert.deepEqual(commands, ['NOOP']);
  await client.raw('MAIL FROM:<a@b.test>\n');
  assert.match(await client.rest(), /^550 5\.6\.0 /);
  assert.deepEqual(commands, ['NOOP']);
  for (const line of ['NOOP\rMAIL FROM:<evil@x.test>\r\n', 'EHLO x\n', 'RSET\r\r\n', 'QUIT\rX\r\n']) {
    await using other = await enter({}, POLICY);
    await other.client.ask('NOOP');
    await other.client.raw(line);
    assert.match(await other.client.rest(), /^550 5\.6\.0 /);
    assert.deepEqual(other.commands, ['NOOP']);
  }
  for (const count of ['+5', '5x', '0x5', '', '99999999999999999999']) {
    await using other = await enter({}, POLICY);
    await other.client.say('NOOP', `BDAT ${count}`);
    assert.match(
      await other.client.rest(),
      /^250 NOOP\r\n500 5\.5\.2 broker: the client sent a BDAT without a plain count/,
    );
  }
});

test('a forced end says 421 between replies, wherever the session is', async () => {
  for (const [fields, lines] of [
    [{}, []],
    [{}, ['EHLO me.test']],
    [{}, ['EHLO me.test', 'MAIL FROM:<a@b.test>']],
    [POLICY, ['EHLO me.test', 'MAIL FROM:<a@b.test>']],
  ] as const) {
    await using visit = await enter({}, fields);
    const { client, lease } = visit;
    for (const line of lines) await client.ask(line);
    const over = lease.end(new BrokerError('ended', 'the token was revoked'));
    const rest = await client.rest().catch(() => 'reset');
    client.end();
    await over;
    if (lines.length > 0) {
      assert.equal(rest, '421 4.3.2 broker: the token was revoked\r\n');
      assert.equal(visit.ends[0]?.outcome, 'ended');
    }
  }
});

test('a session without a command for too long ends with 421, before a mail and under a policy', async () => {
  for (const fields of [{}, POLICY]) {
    await using visit = await enter({ idleMs: 50 }, fields);
    await visit.client.ask('EHLO me.test');
    assert.match(await visit.client.rest(), /^421 4\.3\.2 broker: the session was idle/);
    visit.client.end();
  }
});

test('a client that leaves in the middle of a mail leaves no mail behind', async () => {
  await using visit = await enter({}, POLICY);
  await visit.client.say('MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>', 'DATA');
  for (let i = 0; i < 3; i++) await visit.client.line();
  await visit.client.raw('Subject: half\r\n');
  visit.client.end();
  await visit.client.rest();
  assert.equal(visit.commands.length, 3);
});
