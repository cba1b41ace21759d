import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import { smtp } from '../../../src/drivers/smtp/driver.ts';
import { testIo } from '../../support/io.ts';
import { failedOpening, failureOf, type LineEnd, localConfig, ScriptedServer } from '../../support/mail.ts';
import { tlsPair } from '../../support/mailtls.ts';

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

const fails = (script: (end: LineEnd) => Promise<void>, fields?: JsonObject, password?: string) =>
  failedOpening(smtp, script, fields, password);

async function greet(end: LineEnd, ...keywords: string[]): Promise<void> {
  await end.say('220 hostile.test ESMTP');
  assert.match(await end.line(), /^EHLO /);
  const lines = ['hostile.test', ...keywords];
  await end.say(...lines.map((text, index) => `250${index === lines.length - 1 ? ' ' : '-'}${text}`));
}

test('STARTTLS that is missing or refused sends no password', async () => {
  for (const [message, script] of [
    [/does not offer STARTTLS$/, (end: LineEnd) => greet(end, 'AUTH PLAIN LOGIN')],
    [
      /refused STARTTLS$/,
      async (end: LineEnd) => {
        await greet(end, 'STARTTLS', 'AUTH PLAIN');
        await end.line();
        await end.say('454 4.7.0 TLS not available');
      },
    ],
  ] as const) {
    const { error, seen } = await fails(script, { tls: 'starttls' });
    assert.deepEqual([error.code, error.hop], ['upstream_tls', 'tls']);
    assert.match(error.message, message);
    assert(seen.every((line) => !line.startsWith('AUTH')));
  }
});

test('what is injected behind the 220 of STARTTLS is refused, not dropped', async () => {
  const { error } = await fails(
    async (end) => {
      await greet(end, 'STARTTLS');
      await end.line();
      await end.say('220 go', '250-hostile.test', '250 AUTH PLAIN');
    },
    { tls: 'starttls' },
  );
  assert.equal(error.code, 'upstream_protocol');
  assert.match(error.message, /sent bytes in the clear behind its answer to the TLS request$/);
});

test('keywords from before TLS are forgotten', async () => {
  const pair = await tlsPair();
  await using server = await ScriptedServer.start(async (end) => {
    await greet(end, 'STARTTLS', 'AUTH PLAIN');
    await end.line();
    await end.say('220 go');
    const secure = await pair.accept(end);
    await secure.line();
    await secure.say('250 hostile.test');
  });
  const config = localConfig(smtp.config, server.port, { tls: 'starttls', ca: pair.ca, server_name: pair.name });
  const error = await failureOf(smtp.open(config, new Map(), testIo(), soon()));
  assert.match(error.message, /does not offer a login that broker has; it offers none$/);
});

test('a server cannot talk us into a weaker login than the service says', async () => {
  for (const [auth, offers] of [
    ['scram', 'AUTH PLAIN LOGIN'],
    ['plain', 'AUTH LOGIN'],
    ['login', 'AUTH PLAIN'],
    ['auto', 'AUTH CRAM-MD5'],
  ] as const) {
    const { error, seen } = await fails((end) => greet(end, offers), { auth });
    assert.equal(error.code, 'upstream_auth');
    assert.equal(seen.length, 1);
  }
});

test('a server that skips its SCRAM proof, or asks for more than PLAIN has, is not believed', async () => {
  const skip = await fails(async (end) => {
    await greet(end, 'AUTH SCRAM-SHA-256');
    await end.line();
    await end.say('235 2.7.0 in');
  });
  assert.match(skip.error.message, /broke off the SCRAM login half way$/);
  const more = await fails(async (end) => {
    await greet(end, 'AUTH PLAIN');
    await end.line();
    await end.say('334 VXNlcm5hbWU6');
  });
  assert.match(more.error.message, /asks for more than the login PLAIN has$/);
});

test('endless or garbled replies before the login end it, with little memory and a clear word', async () => {
  const scripts: [RegExp, (end: LineEnd) => Promise<void>][] = [
    [/no SMTP reply/, (end) => end.say('* OK IMAP ready')],
    [/a line of more than 8192 bytes/, (end) => end.raw(`220 ${'x'.repeat(20_000)}`)],
    [/a reply of more than 65536 bytes/, (end) => end.raw(`220-${'x'.repeat(1_000)}\r\n`.repeat(200))],
    [/a reply with two codes/, (end) => end.raw('220-a\r\n250 b\r\n')],
    [/turned us away: "5.7.1 go away" \(554\)/, (end) => end.say('554 5.7.1 go away')],
    [/closed the connection during the handshake/, async (end) => end.end()],
    [
      /refused EHLO: "what\?" \(502\)/,
      async (end) => {
        await end.say('220 x');
        await end.line();
        await end.say('502 what?');
      },
    ],
  ];
  for (const [message, script] of scripts) {
    const { error } = await fails(script);
    assert(error.code.startsWith('upstream_'));
    assert.match(error.message, message);
    assert.match(error.message, /^SMTP at 127\.0\.0\.1:\d+ /);
  }
});

test('a refused login names the mechanism and quotes the server, without the password in any form', async () => {
  const password = 'hunter2-canary';
  const { error } = await fails(
    async (end) => {
      await greet(end, 'AUTH PLAIN');
      const [, , response] = (await end.line()).split(' ');
      await end.say(`535-5.7.8 no: ${response}`, `535 5.7.8 ${password}\u0007`);
    },
    {},
    password,
  );
  assert.deepEqual([error.code, error.upstreamCode], ['upstream_auth', '5.7.8']);
  assert.match(error.message, /refused the login of alice \(PLAIN\): "5\.7\.8 no: .*\*\*\*.* 5\.7\.8 \*\*\*" \(535\)$/);
  const encoded = Buffer.from(`\0alice\0${password}`).toString('base64');
  assert(!error.message.includes(encoded.slice(12, 20)));
});

test('a 454 is not the password’s fault', async () => {
  const { error } = await fails(async (end) => {
    await greet(end, 'AUTH PLAIN');
    await end.line();
    await end.say('454 4.7.0 the directory is down');
  });
  assert.deepEqual([error.code, error.upstreamCode], ['upstream_refused', '4.7.0']);
});

test('a response too long for the command goes on a line of its own', async () => {
  const { seen } = await fails(
    async (end) => {
      await greet(end, 'AUTH PLAIN');
      await end.line();
      await end.say('334 ');
      await end.line();
      await end.say('535 no');
    },
    {},
    'x'.repeat(600),
  );
  assert.equal(seen[1], 'AUTH PLAIN');
  assert.equal(Buffer.from(seen[2] ?? '', 'base64').toString(), `\0alice\0${'x'.repeat(600)}`);
});

test('a stall ends when its caller stops waiting, and leaves no socket', async () => {
  const abort = new AbortController();
  let closed: Promise<string> | undefined;
  await using server = await ScriptedServer.start(async (end) => {
    await end.say('220 x');
    await end.line();
    closed = end.rest().catch(() => 'broken');
    abort.abort();
  });
  const error = await failureOf(smtp.open(localConfig(smtp.config, server.port), new Map(), testIo(), abort.signal));
  assert.equal(error.code, 'cancelled');
  assert(await closed?.then(() => true));
});
