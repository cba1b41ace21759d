import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { JsonObject } from '../../../src/core/json.ts';
import { Secret } from '../../../src/core/secret.ts';
import { imap } from '../../../src/drivers/imap/driver.ts';
import { testIo } from '../../support/io.ts';
import { failedOpening, failureOf, type LineEnd, localConfig, ScriptedServer } from '../../support/mail.ts';
import { tlsPair } from '../../support/mailtls.ts';

const never = new AbortController().signal;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

const fails = (script: (end: LineEnd) => Promise<void>, fields?: JsonObject, password?: string) =>
  failedOpening(imap, script, fields, password);

test('STARTTLS that is missing, refused or skipped by PREAUTH sends no password', async () => {
  const scripts: [string, RegExp, (end: LineEnd) => Promise<void>][] = [
    ['missing', /does not offer STARTTLS$/, async (end) => end.say('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi')],
    [
      'preauth',
      /logged in before TLS could start$/,
      async (end) => end.say('* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi'),
    ],
    [
      'refused',
      /refused STARTTLS$/,
      async (end) => {
        await end.say('* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hi');
        await end.line();
        await end.say('b1 NO not today');
      },
    ],
  ];
  for (const [name, message, script] of scripts) {
    const { error, seen } = await fails(script, { tls: 'starttls' });
    assert.deepEqual([error.code, error.hop], ['upstream_tls', 'tls'], name);
    assert.match(error.message, message);
    assert.match(error.hint ?? '', /--tls implicit --port 993/);
    assert(seen.every((line) => !/LOGIN|AUTHENTICATE/.test(line)));
  }
});

test('what is injected behind the OK of STARTTLS is refused, not dropped', async () => {
  const { error } = await fails(
    async (end) => {
      await end.say('* OK [CAPABILITY IMAP4rev1 STARTTLS] hi');
      await end.line();
      await end.say('b1 OK begin', '* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] injected');
    },
    { tls: 'starttls' },
  );
  assert.equal(error.code, 'upstream_protocol');
  assert.match(error.message, /sent bytes in the clear behind its answer to the TLS request$/);
});

test('capabilities from before TLS are forgotten', async () => {
  const pair = await tlsPair();
  await using server = await ScriptedServer.start(async (end) => {
    await end.say('* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN AUTH=XOLD] hi');
    await end.line();
    await end.say('b1 OK begin');
    const secure = await pair.accept(end);
    assert.equal(await secure.line(), 'b2 CAPABILITY');
    await secure.say('* CAPABILITY IMAP4rev1 AUTH=LOGIN LOGINDISABLED', 'b2 OK done');
  });
  const config = localConfig(imap.config, server.port, { tls: 'starttls', ca: pair.ca, server_name: pair.name });
  const error = await failureOf(imap.open(config, new Map(), testIo(), soon()));
  assert.match(error.message, /does not offer a login that broker has; it offers LOGIN$/);
});

test('LOGINDISABLED without TLS is refused with what to do', async () => {
  const { error, seen } = await fails((end) => end.say('* OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] hi'));
  assert.equal(error.code, 'upstream_auth');
  assert.match(error.message, /allows no login without TLS \(LOGINDISABLED\)$/);
  assert.match(error.hint ?? '', /--tls starttls/);
  assert.deepEqual(seen, []);
});

test('a server cannot talk us into a weaker login than the service says', async () => {
  for (const [auth, offers] of [
    ['scram', 'AUTH=PLAIN'],
    ['plain', 'AUTH=LOGIN'],
    ['login', 'AUTH=PLAIN LOGINDISABLED'],
  ] as const) {
    const { error, seen } = await fails((end) => end.say(`* OK [CAPABILITY IMAP4rev1 ${offers}] hi`), { auth });
    assert.equal(error.code, 'upstream_auth');
    assert.deepEqual(seen, []);
  }
});

test('a server that skips its SCRAM proof is not believed', async () => {
  const { error } = await fails(async (end) => {
    await end.say('* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 SASL-IR] hi');
    const [tag] = (await end.line()).split(' ');
    await end.say(`${tag} OK [CAPABILITY IMAP4rev1] in`);
  });
  assert.equal(error.code, 'upstream_auth');
  assert.match(error.message, /broke off the SCRAM login half way$/);
});

test('endless or garbled talk before the login ends it, with little memory and a clear word', async () => {
  const scripts: [RegExp, (end: LineEnd) => Promise<void>][] = [
    [/does not speak IMAP|is not IMAP/, (end) => end.say('220 smtp.test ESMTP')],
    [/more than 65536 bytes/, (end) => end.raw(`* OK ${'x'.repeat(100_000)}`)],
    [
      /more than 262144 bytes before the login/,
      async (end) => {
        await end.say('* OK hi');
        await end.line();
        for (let i = 0; i < 1_000; i++) await end.say(`* CAPABILITY IMAP4rev1 ${'X'.repeat(1_000)}`);
      },
    ],
    [/turned us away: "too many"/, (end) => end.say('* BYE too many')],
    [/closed the connection: "going down"/, async (end) => end.say('* OK hi').then(() => end.say('* BYE going down'))],
    [/answered a command that was not given/, (end) => end.say('* OK hi', 'x9 OK what')],
    [/asked for more than there is to say/, (end) => end.say('* OK hi', '+ more')],
    [/closed the connection during the handshake/, async (end) => end.say('* OK hi').then(() => end.end())],
  ];
  for (const [message, script] of scripts) {
    const { error } = await fails(script);
    assert(error.code.startsWith('upstream_'), error.code);
    assert.match(error.message, message);
    assert.match(error.message, /^IMAP at 127\.0\.0\.1:\d+ /);
    assert.equal(error.hop, 'auth');
  }
});

test('a refused login names the mechanism and quotes the server, without the password in any form', async () => {
  const password = 'hunter2-canary';
  const { error } = await fails(
    async (end) => {
      await end.say('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi');
      const [tag, , , response] = (await end.line()).split(' ');
      await end.say(`${tag} NO [AUTHENTICATIONFAILED] no: ${response} ${password}\u0007!`);
    },
    {},
    password,
  );
  assert.equal(error.code, 'upstream_auth');
  assert.equal(error.upstreamCode, 'AUTHENTICATIONFAILED');
  assert.match(
    error.message,
    /refused the login of alice \(AUTHENTICATE PLAIN\): "no: .*\*\*\*.* \*\*\* !" \(AUTHENTICATIONFAILED\)$/,
  );
  assert(!inspect(error, { depth: 5 }).includes(password));
  for (const shift of [0, 1, 2]) {
    const encoded = Buffer.from('\0'.repeat(shift) + password).toString('base64');
    assert(!error.message.includes(encoded.slice(4, 12)), encoded);
  }
});

test('UNAVAILABLE is not the password’s fault', async () => {
  const { error } = await fails(async (end) => {
    await end.say('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi');
    const [tag] = (await end.line()).split(' ');
    await end.say(`${tag} NO [UNAVAILABLE] the directory is down`);
  });
  assert.deepEqual([error.code, error.upstreamCode], ['upstream_refused', 'UNAVAILABLE']);
});

test('a stall ends when its caller stops waiting, and leaves no socket', async () => {
  let closed: Promise<string> | undefined;
  await using server = await ScriptedServer.start(async (end) => {
    await end.say('* OK hi');
    await end.line();
    closed = end.rest().catch(() => 'broken');
    abort.abort();
  });
  const abort = new AbortController();
  const error = await failureOf(imap.open(localConfig(imap.config, server.port), new Map(), testIo(), abort.signal));
  assert.equal(error.code, 'cancelled');
  assert(await closed?.then(() => true));
});

test('a token that the server refuses is fetched anew, once', async () => {
  const tokens: boolean[] = [];
  const io = {
    ...testIo(),
    accessToken: async (_settings: unknown, options: { fresh: boolean }) => {
      tokens.push(options.fresh);
      return Secret.fromText(options.fresh ? 'new-token' : 'old-token');
    },
  };
  await using server = await ScriptedServer.start(async (end) => {
    await end.say('* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hi');
    const [tag, , , response = ''] = (await end.line()).split(' ');
    const message = Buffer.from(response, 'base64').toString();
    if (message === 'user=alice\u0001auth=Bearer new-token\u0001\u0001')
      return end.say(`${tag} OK [CAPABILITY IMAP4rev1] in`);
    await end.say(`+ ${Buffer.from('{"status":"401","schemes":"bearer"}').toString('base64')}`);
    assert.equal(await end.line(), '');
    await end.say(`${tag} NO [AUTHENTICATIONFAILED] no`);
  });
  const fields = {
    host: '127.0.0.1',
    port: server.port,
    user: 'alice',
    tls: 'none',
    token_url: 'https://x.test/t',
    client_id: 'c',
  };
  const config = imap.config.parse(fields, new Map([['refresh_token', Secret.fromText('r')]]));
  await using _upstream = await imap.open(config, new Map(), io, never);
  assert.deepEqual(tokens, [false, true]);
  const stale = { ...io, accessToken: async () => Secret.fromText('old-token') };
  const error = await failureOf(imap.open(config, new Map(), stale, never));
  assert.match(
    error.message,
    /refused the login of alice \(AUTHENTICATE XOAUTH2\): "no" \(AUTHENTICATIONFAILED\) \(401\)$/,
  );
  assert.deepEqual(server.failures, []);
});
