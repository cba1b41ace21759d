import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { ImapFlow } from 'imapflow';
import nodemailer from 'nodemailer';
import type { LeaseAddress } from '../../src/core/driver.ts';
import type { BrokerError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { tlsContext } from '../../src/core/tls.ts';
import { imap } from '../../src/drivers/imap/driver.ts';
import { smtp } from '../../src/drivers/smtp/driver.ts';
import { testIo } from '../support/io.ts';
import { type LeaseOptions, TestLease } from '../support/lease.ts';
import { LineEnd, mailConfig } from '../support/mail.ts';
import { deliveredMail, rig } from '../support/rig.ts';

/* Mail sessions as stock clients meet them, beside a direct connection: TLS to the client, unix sockets, extensions. */

const run = promisify(execFile);
const TICKET = 'a-ticket-of-32-characters-or-so';
const FROM = 'bob@example.test';
const { ca, server: certificate } = rig().tls;
const marker = (): string => `marker-${randomBytes(8).toString('hex')}`;
const context = () => tlsContext({ cert: certificate.cert, key: Secret.fromText(certificate.key) });

const mailbox = (options: Partial<LeaseOptions> = {}, fields = {}) =>
  TestLease.open(imap, mailConfig(imap.config, 'dovecot', fields), { io: testIo(), ...options });
const sender = (options: Partial<LeaseOptions> = {}, fields = {}) =>
  TestLease.open(smtp, mailConfig(smtp.config, 'postfix', fields), { io: testIo(), ...options });

test('a client that begins with TLS gets its mail over a --tls session, and the hint works as printed', async () => {
  await using lease = await mailbox({ tls: context(), ticket: TICKET });
  const auth = { user: 'anybody', pass: TICKET };
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: lease.port,
    secure: true,
    tls: { ca: ca.cert },
    auth,
    logger: false,
  });
  await client.connect();
  assert((await client.list()).some(({ path }) => path === 'INBOX'));
  await client.logout();
  const where: LeaseAddress = {
    listen: 'tcp',
    host: '127.0.0.1',
    port: lease.port,
    tls: true,
    caFile: ca.certFile,
    ticket: TICKET,
  };
  const { example } = imap.hint(where, mailConfig(imap.config, 'dovecot'));
  assert.match((await run('sh', ['-c', example])).stdout, /\* LIST .*INBOX/);
});

test('a client that begins with TLS sends its mail over a --tls session, and the hint works as printed', async () => {
  await using lease = await sender(
    { tls: context(), ticket: TICKET },
    { allow_from: [FROM], allow_to: ['alice@example.test'] },
  );
  const auth = { user: 'anybody', pass: TICKET };
  const options = { host: '127.0.0.1', port: lease.port, secure: true, tls: { ca: ca.cert }, auth };
  const transport = nodemailer.createTransport(options);
  const subject = marker();
  await transport.sendMail({ from: FROM, to: 'alice@example.test', subject, text: 'over TLS' });
  transport.close();
  assert.match(await deliveredMail(subject), /over TLS/);
  const where: LeaseAddress = {
    listen: 'tcp',
    host: '127.0.0.1',
    port: lease.port,
    tls: true,
    caFile: ca.certFile,
    ticket: TICKET,
  };
  const { example } = smtp.hint(
    where,
    mailConfig(smtp.config, 'postfix', { allow_from: [FROM], allow_to: ['alice@example.test'] }),
  );
  assert.match(example, /--cacert .*--mail-from 'bob@example\.test'/);
  assert.equal((await run('sh', ['-c', example])).stderr, '');
});

for (const [name, open] of [
  ['imap', mailbox],
  ['smtp', sender],
] as const) {
  test(`${name}: a client in the clear at a --tls session is cut off unserved, and the next one is served`, async () => {
    await using lease = await open({ tls: context() });
    using plain = await LineEnd.connect(lease.port);
    await plain.say('a NOOP', 'EHLO me.test');
    assert.doesNotMatch(await plain.rest().catch((error: BrokerError) => error.code), /OK|250/);
    const socket = connectTls({ host: '127.0.0.1', port: lease.port, ca: ca.cert });
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    assert.match(greeting.toString(), /^(\* OK|220) /);
    socket.destroy();
  });

  test(`${name}: a client that begins with TLS at a session in the clear is told so by its own error, and the next one is served`, async () => {
    await using lease = await open();
    const socket = connectTls({ host: '127.0.0.1', port: lease.port, ca: ca.cert });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.match(error.code ?? '', /^(ERR_SSL_|ECONNRESET)/);
    using next = await LineEnd.connect(lease.port);
    assert.match(await next.line(), /^(\* OK|220) /);
  });
}

/** A unix socket in front of a lease, as a `--unix` session has it. */
async function unixFront(port: number): Promise<AsyncDisposable & { readonly path: string; readonly host: string }> {
  const host = mkdtempSync(join(tmpdir(), 'broker-unix-'));
  const path = join(host, 'mail.sock');
  const front: Server = createServer({ allowHalfOpen: true }, (client) => {
    const lease = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    for (const [from, to] of [
      [client, lease],
      [lease, client],
    ] as const)
      from.on('error', () => to.destroy()).pipe(to);
  }).listen(path);
  await once(front, 'listening');
  return {
    path,
    host,
    async [Symbol.asyncDispose]() {
      front.close();
      await once(front, 'close');
      rmSync(host, { recursive: true });
    },
  };
}

test('the hints work as printed over a unix socket', async () => {
  for (const ticket of [undefined, TICKET]) {
    const options = ticket === undefined ? {} : { ticket };
    await using reading = await mailbox(options);
    await using one = await unixFront(reading.port);
    const where = (front: typeof one): LeaseAddress => ({ listen: 'unix', ...front, port: 0, tls: false, ...options });
    const reader = imap.hint(where(one), mailConfig(imap.config, 'dovecot')).example;
    assert.match((await run('sh', ['-c', reader])).stdout, /\* LIST .*INBOX/);
    await using sending = await sender(options);
    await using two = await unixFront(sending.port);
    const writer = smtp.hint(where(two), mailConfig(smtp.config, 'postfix')).example;
    assert.equal((await run('sh', ['-c', writer])).stderr, '');
  }
});

/** What a mailbox answers to everything at once, with what changes from run to run made the same. */
async function mailboxTranscript(port: number, login: string): Promise<string> {
  using end = await LineEnd.connect(port);
  await end.line();
  await end.say(login);
  await end.until('a ');
  const box = marker();
  const mail = 'Subject: extensions\r\n\r\nsome {3}\r\nwords\r\n';
  await end.raw(
    [
      `b CREATE ${box}`,
      `c CREATE ${box}2`,
      `d APPEND ${box} (\\Seen) {${mail.length}+}`,
      mail,
      'e ENABLE CONDSTORE QRESYNC',
      `f SELECT ${box} (CONDSTORE)`,
      'g FETCH 1 (FLAGS MODSEQ BODY.PEEK[])',
      'h STORE 1 (UNCHANGEDSINCE 999999) +FLAGS.SILENT (\\Flagged)',
      'i STORE 1 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Deleted)',
      'j UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)',
      'k SEARCH RETURN (ALL) MODSEQ 1',
      `l UID MOVE 1 ${box}2`,
      'm IDLE',
      'DONE',
      'n UNSELECT',
      `o STATUS ${box}2 (MESSAGES HIGHESTMODSEQ)`,
      `p DELETE ${box}`,
      `q DELETE ${box}2`,
      'r LOGOUT',
      '',
    ].join('\r\n'),
  );
  const said = await end.rest();
  return said
    .replaceAll(box, 'BOX')
    .replace(/(UIDVALIDITY|COPYUID|APPENDUID|MAILBOXID) \(?[\w-]+/g, '$1 N')
    .replace(/\(\d+\.\d+ \+ [^)]*\)/g, '(time)');
}

test('CONDSTORE, QRESYNC, MOVE, IDLE, APPEND and FETCH answer as they do directly', async () => {
  const { port, logins } = rig().dovecot;
  const { user, password } = logins.alice;
  const direct = await mailboxTranscript(port, `a LOGIN ${user} ${password}`);
  await using lease = await mailbox({}, { tls: 'none', port });
  assert.equal(await mailboxTranscript(lease.port, 'a LOGIN any any'), direct);
  for (const word of ['HIGHESTMODSEQ', 'MODSEQ (', 'MODIFIED', 'COPYUID', '+ idling', 'some {3}', '* BYE'])
    assert(direct.includes(word), `${word} in ${direct}`);
});

/** The replies to one mail in the words of RFC 3461 and RFC 3030, ids left out. */
async function mailTranscript(port: number, login: string): Promise<string> {
  using end = await LineEnd.connect(port);
  await end.line();
  const said = [await end.ask('EHLO client.test')];
  await end.ask(login);
  const body = `Subject: ${marker()}\r\n\r\nchunked\r\n`;
  for (const line of [
    `MAIL FROM:<${FROM}> RET=HDRS ENVID=abc SIZE=100 BODY=8BITMIME SMTPUTF8`,
    'RCPT TO:<alice@example.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@example.test',
    'RCPT TO:<alice@example.test> NOTIFY=SOMETIMES',
    `BDAT ${body.length}\r\n${body}BDAT 0 LAST`,
  ])
    said.push(await end.ask(line));
  said.push((await end.reply()).join('\n'), await end.ask('VRFY alice'), await end.ask('QUIT'));
  return said.join('\n').replace(/queued as \w+/g, 'queued');
}

test('DSN, SIZE, SMTPUTF8 and CHUNKING answer as they do directly', async () => {
  const { plainPort, logins } = rig().postfix;
  const { user, password } = logins.bob;
  const plain = (name: string, secret: string) =>
    `AUTH PLAIN ${Buffer.from(`\0${name}\0${secret}`).toString('base64')}`;
  const withoutLogin = (text: string) => text.replace(/^250[- ]AUTH.*\n/gm, '').replace(/^250 (?=[A-Z]+$)/gm, '250-');
  const direct = withoutLogin(await mailTranscript(plainPort, plain(user, password)));
  await using lease = await sender({}, { tls: 'none', port: plainPort });
  assert.equal(withoutLogin(await mailTranscript(lease.port, plain('any', 'any'))), direct);
  for (const word of ['250-CHUNKING', '250-DSN', '501 5.5.4', '45 bytes queued', '221 2.0.0'])
    assert(direct.includes(word), `${word} in ${direct}`);
});
