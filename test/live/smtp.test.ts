import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { promisify } from 'node:util';
import nodemailer from 'nodemailer';
import { BrokerError, type Hop } from '../../src/core/errors.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import { smtp } from '../../src/drivers/smtp/driver.ts';
import { testIo } from '../support/io.ts';
import { type LeaseOptions, TestLease } from '../support/lease.ts';
import { failureOf, LineEnd, mailConfig } from '../support/mail.ts';
import { deliveredMail, mailToken, rig } from '../support/rig.ts';

const run = promisify(execFile);
const never = new AbortController().signal;
const TICKET = 'a-ticket-of-32-characters-or-so';
const FROM = 'bob@example.test';
const { logins } = rig().postfix;

const configOf = (fields: JsonObject = {}, secrets = {}) => mailConfig(smtp.config, 'postfix', fields, secrets);

function leaseOf(options: Partial<LeaseOptions> = {}, fields: JsonObject = {}) {
  return TestLease.open(smtp, configOf(fields), { io: testIo(), ...options });
}

/** Logs in and says by which method, as `service test` would print it. */
async function method(fields: JsonObject, secrets = {}, token?: string): Promise<string | undefined> {
  const hops = new Map<Hop, string>();
  const io = {
    ...testIo((hop, detail) => hops.set(hop, detail)),
    ...(token !== undefined && { accessToken: async () => Secret.fromText(token) }),
  };
  await using upstream = await smtp.open(configOf(fields, secrets), new Map(), io, never);
  assert.equal(await upstream.alive(never), true);
  return hops.get('auth');
}

const marker = (): string => `marker-${randomBytes(8).toString('hex')}`;

test('logs in with every mechanism, over every kind of TLS and without', async () => {
  const { tlsPort, plainPort } = rig().postfix;
  assert.equal(await method({}), 'AUTH SCRAM-SHA-256');
  assert.equal(await method({ tls: 'implicit', port: tlsPort, auth: 'plain' }), 'AUTH PLAIN');
  assert.equal(await method({ tls: 'none', port: plainPort, auth: 'login' }), 'AUTH LOGIN');
});

test('logs in with an access token, as nodemailer writes it and by OAUTHBEARER', async () => {
  const oauth = { token_url: 'https://issuer.test/token', client_id: 'broker' };
  const secrets = { refresh_token: 'refresh', password: '' };
  const token = mailToken(logins.bob.user);
  assert.equal(await method({ ...oauth, auth: 'xoauth2' }, secrets, token), 'AUTH XOAUTH2');
  assert.equal(await method(oauth, secrets, token), 'AUTH OAUTHBEARER');
  const expired = mailToken(logins.bob.user, { expiresInSeconds: -600 });
  const error = await method({ ...oauth, auth: 'xoauth2' }, secrets, expired).catch((thrown: unknown) => thrown);
  assert(error instanceof BrokerError);
  assert.equal(error.code, 'upstream_auth');
  assert(error.message.includes('(XOAUTH2)'));
});

test('a wrong password and an untrusted certificate are told with mechanism and hop', async () => {
  for (const [auth, name] of [
    ['scram', 'SCRAM-SHA-256'],
    ['plain', 'PLAIN'],
    ['login', 'LOGIN'],
  ] as const) {
    const error = await failureOf(smtp.open(configOf({ auth }, { password: 'wrong-pw' }), new Map(), testIo(), never));
    assert.deepEqual([error.code, error.hop, error.upstreamCode], ['upstream_auth', 'auth', '5.7.8']);
    const { host, port } = rig().postfix;
    assert(error.message.startsWith(`SMTP at ${host}:${port} refused the login of bob (${name}): "5.7.8 Error: `));
  }
  const error = await failureOf(smtp.open(configOf({ ca: rig().tls.otherCa.cert }), new Map(), testIo(), never));
  assert.deepEqual([error.code, error.hop], ['upstream_tls', 'tls']);
});

test('nodemailer sends several mails, without AUTH, with one and with a pool', async () => {
  for (const options of [
    {},
    { auth: { user: 'x', pass: 'y' } },
    { auth: { user: 'x', pass: 'y' }, pool: true as const, maxConnections: 3 },
  ]) {
    await using lease = await leaseOf();
    const transport = nodemailer.createTransport({
      host: '127.0.0.1',
      port: lease.port,
      secure: false,
      ignoreTLS: true,
      ...options,
    });
    const subjects = Array.from({ length: 6 }, marker);
    const sent = await Promise.all(
      subjects.map((subject) =>
        transport.sendMail({ from: FROM, to: 'alice@example.test', subject, text: 'hello\n.\n' }),
      ),
    );
    for (const info of sent) assert.match(info.response, /^250 2\.0\.0 Ok/);
    for (const subject of subjects) assert.match(await deliveredMail(subject), /hello/);
    transport.close();
  }
});

test('two mails on one connection, pipelined, and the server’s own EHLO', async () => {
  const { host, tlsPort, plainPort } = rig().postfix;
  using direct = await LineEnd.connect(plainPort);
  await direct.line();
  const own = await direct.ask('EHLO client.test');
  assert.equal(host, '127.0.0.1');
  assert(tlsPort > 0);
  await using lease = await leaseOf({}, { tls: 'none', port: plainPort });
  using local = await LineEnd.connect(lease.port);
  assert.equal(await local.line(), '220 mail.example.test ESMTP Postfix');
  const expected = own.split('\n').filter((line) => !/AUTH/.test(line));
  assert.deepEqual(
    (await local.ask('EHLO client.test')).split('\n').map((line) => line.slice(4)),
    [...expected.map((line) => line.slice(4)), 'AUTH PLAIN LOGIN'],
  );
  for (const text of [marker(), marker()]) {
    await local.say(`MAIL FROM:<${FROM}>`, 'RCPT TO:<alice@example.test>', 'DATA');
    for (const code of ['250', '250', '354']) assert((await local.line()).startsWith(code));
    await local.say(`Subject: ${text}`, '', 'pipelined', '.');
    assert.match(await local.line(), /^250 /);
    assert.match(await deliveredMail(text), /pipelined/);
  }
});

test('under a policy a mail goes to whom it may, by DATA and by BDAT, and to nobody else', async () => {
  await using lease = await leaseOf({}, { allow_from: [FROM], allow_to: ['example.test'] });
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port: lease.port, secure: false, ignoreTLS: true });
  const subject = marker();
  const info = await transport.sendMail({
    from: FROM,
    to: ['alice@example.test', 'eve@evil.test'],
    subject,
    text: 'x'.repeat(300_000),
  });
  assert.deepEqual([info.accepted, info.rejected], [['alice@example.test'], ['eve@evil.test']]);
  assert.match(await deliveredMail(subject), /xxx/);
  await assert.rejects(transport.sendMail({ from: 'eve@example.test', to: 'alice@example.test', subject, text: 'x' }), {
    responseCode: 550,
  });
  transport.close();
  using local = await LineEnd.connect(lease.port);
  await local.line();
  const text = marker();
  const body = `Subject: ${text}\r\n\r\nchunk\r\n`;
  await local.raw(
    `EHLO c.test\r\nMAIL FROM:<${FROM}>\r\nRCPT TO:<alice@example.test>\r\nBDAT ${body.length} LAST\r\n${body}QUIT\r\n`,
  );
  assert.match(await local.rest(), /250 2\.0\.0 Ok: .*\r\n221 /);
  assert.match(await deliveredMail(text), /chunk/);
});

test('the hint’s example works as printed, with a ticket and without, with addresses and without', async () => {
  for (const ticket of [undefined, TICKET]) {
    for (const fields of [
      {},
      { allow_from: [FROM] },
      { allow_from: ['example.test'], allow_to: ['alice@example.test'] },
    ]) {
      await using lease = await leaseOf(ticket === undefined ? {} : { ticket }, fields);
      const where = {
        listen: 'tcp',
        host: '127.0.0.1',
        port: lease.port,
        tls: false,
        ...(ticket && { ticket }),
      } as const;
      const { example } = smtp.hint(where, configOf(fields));
      const { stdout, stderr } = await run('sh', ['-c', example]);
      assert.equal(stderr, '');
      if (example.includes('--request NOOP')) assert.match(stdout, /^250 /);
    }
  }
});

test('the session ends with 421 between two mails when broker ends it', async () => {
  await using lease = await leaseOf();
  using local = await LineEnd.connect(lease.port);
  await local.line();
  await local.ask('EHLO client.test');
  assert.match(await local.ask(`MAIL FROM:<${FROM}>`), /^250 /);
  const over = lease.end(new BrokerError('ended', 'the vault was locked'));
  assert.equal(await local.rest(), '421 4.3.2 broker: the vault was locked\r\n');
  local.end();
  await over;
});
