import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import { BrokerError, type Hop } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { imap } from '../../src/drivers/imap/driver.ts';
import { testIo } from '../support/io.ts';
import { type LeaseOptions, TestLease } from '../support/lease.ts';
import { failureOf, LineEnd, mailConfig } from '../support/mail.ts';
import { mailToken, rig } from '../support/rig.ts';

const run = promisify(execFile);
const never = new AbortController().signal;
const TICKET = 'a-ticket-of-32-characters-or-so';
const { logins } = rig().dovecot;

const configOf = (fields = {}, secrets = {}) => mailConfig(imap.config, 'dovecot', fields, secrets);

function leaseOf(options: Partial<LeaseOptions> = {}, fields = {}) {
  return TestLease.open(imap, configOf(fields), { io: testIo(), ...options });
}

/** Logs in and says by which method, as `service test` would print it. */
async function method(fields: object, secrets: object = {}, token?: string): Promise<string | undefined> {
  const hops = new Map<Hop, string>();
  const io = {
    ...testIo((hop, detail) => hops.set(hop, detail)),
    ...(token !== undefined && { accessToken: async () => Secret.fromText(token) }),
  };
  await using upstream = await imap.open(configOf(fields, secrets), new Map(), io, never);
  assert.equal(await upstream.alive(never), true);
  assert(upstream.facts.after.includes('IDLE'));
  return hops.get('auth');
}

function flow(port: number, pass = 'any', more: Partial<ImapFlowOptions> = {}): ImapFlow {
  const auth = { user: 'alice', pass };
  const client = new ImapFlow({ host: '127.0.0.1', port, secure: false, auth, logger: false, ...more });
  client.on('error', () => undefined);
  return client;
}

test('logs in with every mechanism, over every kind of TLS and without', async () => {
  assert.equal(await method({}), 'AUTHENTICATE SCRAM-SHA-256');
  assert.equal(await method({ tls: 'starttls', auth: 'plain' }), 'AUTHENTICATE PLAIN');
  assert.equal(await method({ tls: 'none', auth: 'scram' }), 'AUTHENTICATE SCRAM-SHA-256');
  assert.equal(await method({ auth: 'login' }), 'LOGIN');
});

test('logs in with an access token, OAUTHBEARER before XOAUTH2', async () => {
  const oauth = { token_url: 'https://issuer.test/token', client_id: 'broker' };
  const secrets = { refresh_token: 'refresh', password: '' };
  const token = mailToken(logins.alice.user);
  assert.equal(await method({ ...oauth }, secrets, token), 'AUTHENTICATE OAUTHBEARER');
  assert.equal(await method({ ...oauth, auth: 'xoauth2' }, secrets, token), 'AUTHENTICATE XOAUTH2');
  const expired = mailToken(logins.alice.user, { expiresInSeconds: -600 });
  for (const auth of ['xoauth2', 'oauthbearer']) {
    const error = await method({ ...oauth, auth }, secrets, expired).catch((thrown: unknown) => thrown);
    assert(error instanceof BrokerError);
    assert.equal(error.code, 'upstream_auth');
    assert.match(
      error.message,
      new RegExp(`AUTHENTICATE ${auth.toUpperCase()}\\): .*invalid_token|${auth.toUpperCase()}\\): "`),
    );
    assert(!error.message.includes(expired.slice(20, 60)));
  }
});

test('a wrong password and an untrusted certificate are told with mechanism and hop', async () => {
  for (const [auth, name] of [
    ['scram', 'AUTHENTICATE SCRAM-SHA-256'],
    ['plain', 'AUTHENTICATE PLAIN'],
    ['login', 'LOGIN'],
  ] as const) {
    const error = await failureOf(imap.open(configOf({ auth }, { password: 'wrong-pw' }), new Map(), testIo(), never));
    assert.deepEqual([error.code, error.hop, error.upstreamCode], ['upstream_auth', 'auth', 'AUTHENTICATIONFAILED']);
    const { host, tlsPort } = rig().dovecot;
    assert(
      error.message.startsWith(
        `IMAP at ${host}:${tlsPort} refused the login of alice (${name}): "Authentication failed.`,
      ),
    );
  }
  const error = await failureOf(imap.open(configOf({ ca: rig().tls.otherCa.cert }), new Map(), testIo(), never));
  assert.deepEqual([error.code, error.hop], ['upstream_tls', 'tls']);
});

test('imapflow with its defaults, COMPRESS too: lists, appends, searches, moves, idles', async () => {
  await using lease = await leaseOf({}, { auth: 'plain' });
  const client = flow(lease.port);
  await client.connect();
  assert(client.enabled.has('COMPRESS') || client.capabilities.has('COMPRESS=DEFLATE'));
  const box = `Box-${randomBytes(6).toString('hex')}`;
  await client.mailboxCreate(box);
  await client.mailboxCreate(`${box}-2`);
  const lock = await client.getMailboxLock(box);
  try {
    await client.append(box, 'Subject: one\r\n\r\nfirst\r\n');
    assert.deepEqual(await client.search({ subject: 'one' }, { uid: true }), [1]);
    const message = await client.fetchOne('1', { source: true, uid: true });
    assert(message && message.source?.toString() === 'Subject: one\r\n\r\nfirst\r\n');
    const exists = new Promise((resolve) => client.once('exists', resolve));
    const idling = client.idle();
    const other = flow(lease.port);
    await other.connect();
    await other.append(box, 'Subject: two\r\n\r\nsecond\r\n');
    await exists;
    await other.logout();
    const moved = await client.messageMove('1', `${box}-2`);
    await idling;
    assert(moved && moved.uidMap?.get(1) === 1);
  } finally {
    lock.release();
  }
  await client.mailboxDelete(box);
  await client.mailboxDelete(`${box}-2`);
  await client.logout();
});

test('50 MB go up and down unchanged', async () => {
  await using lease = await leaseOf();
  const client = flow(lease.port, 'any', { disableCompression: true });
  await client.connect();
  const box = `Big-${randomBytes(6).toString('hex')}`;
  await client.mailboxCreate(box);
  const line = `${'x'.repeat(70)} {12}\r\n`;
  const mail = Buffer.from(`Subject: big\r\n\r\n${line.repeat(Math.ceil((50 * 1024 * 1024) / line.length))}`);
  await client.append(box, mail);
  const lock = await client.getMailboxLock(box);
  try {
    const message = await client.fetchOne('1', { source: true });
    assert(message);
    assert(message.source?.equals(mail));
  } finally {
    lock.release();
  }
  await client.mailboxDelete(box);
  await client.logout();
});

test('the hint’s example works as printed, with a ticket and without', async () => {
  for (const ticket of [undefined, TICKET]) {
    await using lease = await leaseOf(ticket === undefined ? {} : { ticket });
    const where = {
      listen: 'tcp',
      host: '127.0.0.1',
      port: lease.port,
      tls: false,
      ...(ticket && { ticket }),
    } as const;
    const { example } = imap.hint(where, configOf());
    assert.match((await run('sh', ['-c', example])).stdout, /\* LIST .*INBOX/);
    const login = run('curl', ['-sS', `imap://127.0.0.1:${lease.port}/`]);
    if (ticket === undefined) assert.match((await login).stdout, /INBOX/);
    else await assert.rejects(login);
  }
});

test('greeting and capabilities are Dovecot’s, before the login and behind it', async () => {
  const { host, port } = rig().dovecot;
  assert.equal(host, '127.0.0.1');
  using direct = await LineEnd.connect(port);
  const own = (await direct.line()).replace(/^\* OK \[CAPABILITY (.*?)\].*$/, '$1').split(' ');
  await direct.say(`a LOGIN ${logins.alice.user} ${logins.alice.password}`);
  const after = await direct.line();
  await using lease = await leaseOf({}, { tls: 'none', port });
  using local = await LineEnd.connect(lease.port);
  const greeting = await local.line();
  const gone = /^(STARTTLS|LOGINDISABLED|LOGIN-REFERRALS|SASL-IR|AUTH=.*)$/;
  const expected = [...own.filter((word) => !gone.test(word)), 'SASL-IR', 'AUTH=PLAIN'].join(' ');
  assert.match(greeting, /^\* OK \[CAPABILITY .*\] Dovecot .*ready\.$/);
  assert.equal(greeting.replace(/^\* OK \[CAPABILITY (.*?)\].*$/, '$1'), expected);
  await local.raw('a LOGIN any any\r\nb SELECT INBOX\r\n');
  assert.equal(await local.line(), after);
  const lines = await local.until('b ');
  assert.match(lines.at(-1) ?? '', /^b OK \[READ-WRITE\]/);
});

test('IDLE ends with BYE when broker ends the session', async () => {
  await using lease = await leaseOf();
  using local = await LineEnd.connect(lease.port);
  await local.line();
  await local.raw('a LOGIN any any\r\nb SELECT INBOX\r\nc IDLE\r\n');
  await local.until('+ ');
  const over = lease.end(new BrokerError('ended', 'the vault was locked'));
  assert.match(await local.rest(), /^\* BYE broker: the vault was locked\r\n$/);
  local.end();
  await over;
});
