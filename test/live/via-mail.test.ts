import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import nodemailer from 'nodemailer';
import type { BrokerClient } from '../../src/cli/connect.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { TestDaemon } from '../support/daemon.ts';
import { struct } from '../support/pgservice.ts';
import { deliveredMail, rig } from '../support/rig.ts';
import { Sshd } from '../support/sshd.ts';

/* Dovecot and Postfix behind a real sshd that counts what it forwards, by clients that know nothing of it. */

let daemon: TestDaemon;
let admin: BrokerClient;
let agent: BrokerClient;
let sshd: Sshd;

const { dovecot, postfix, openssh } = rig();
const SERVERS = {
  imap: { server: dovecot, login: dovecot.logins.alice, config: { port: dovecot.tlsPort } },
  smtp: { server: postfix, login: postfix.logins.bob, config: { port: postfix.port, tls: 'starttls' } },
} as const;

/** Stores a mail service behind the bastion, under a name that the bastion carries. */
async function put(name: string, kind: keyof typeof SERVERS, over: JsonObject = {}, password?: string): Promise<void> {
  const { server, login, config } = SERVERS[kind];
  const fields = { host: server.host, user: login.user, ca: server.ca.cert, via: 'hop', ...config, ...over };
  const secrets = { password: Buffer.from(password ?? login.password) };
  await admin.services.put({ name, kind, config: struct(fields), secrets });
}

before(async () => {
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
  const key = await readFile(`${openssh.userKey}.pub`, 'utf8');
  sshd = await Sshd.start('AuthorizedKeysFile %f/keys\n', { keys: key });
  const { user } = openssh.logins.ssh;
  const config = { host: '127.0.0.1', port: sshd.port, user, host_key: sshd.hostKey, via_for: ['mail-*'] };
  const secrets = { private_key: await readFile(openssh.userKey) };
  await admin.services.put({ name: 'hop', kind: 'ssh', config: struct(config), secrets });
  await put('mail-in', 'imap');
  await put('mail-in-starttls', 'imap', { port: dovecot.port, tls: 'starttls' });
  await put('mail-out', 'smtp');
  agent = await daemon.proxy('agent', 'mail-*');
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await sshd[Symbol.asyncDispose]();
});

async function portOf(service: string): Promise<number> {
  return (await agent.sessions.open({ service })).port ?? 0;
}

test('what one sends through a bastion, another reads through it, by stock clients', async () => {
  const subject = `via-${randomBytes(8).toString('hex')}`;
  const sender = nodemailer.createTransport({ host: '127.0.0.1', port: await portOf('mail-out'), ignoreTLS: true });
  const text = 'x'.repeat(300_000).replace(/.{70}/g, '$&\n');
  await sender.sendMail({ from: 'bob@example.test', to: 'alice@example.test', subject, text });
  sender.close();
  assert.match(await deliveredMail(subject), new RegExp(`Subject: ${subject}`));
  for (const service of ['mail-in', 'mail-in-starttls']) {
    const auth = { user: 'anybody', pass: 'anything' };
    const port = await portOf(service);
    const reader = new ImapFlow({ host: '127.0.0.1', port, secure: false, auth, logger: false });
    await reader.connect();
    const lock = await reader.getMailboxLock('INBOX');
    await reader.append('INBOX', `Subject: ${subject}\r\n\r\n${'y'.repeat(200_000)}\r\n`);
    const found = await reader.search({ subject });
    const mail = await reader.fetchOne(String((found || []).at(-1)), { source: true });
    assert.equal((mail || undefined)?.source?.toString().match(/y+/)?.[0].length, 200_000);
    lock.release();
    await reader.logout();
  }
  assert.equal(daemon.instance.daemon.sessions.trunkCount('hop'), 1);
});

test('TLS and the login are the mail server’s own, behind those of the bastion', async () => {
  for (const name of ['mail-in', 'mail-in-starttls', 'mail-out']) {
    const { ok, hops, error } = await admin.services.test({ name });
    const named = hops.map((hop) => hop.name);
    assert.deepEqual([ok, ...named], [true, 'hop tcp', 'hop tls', 'hop auth', 'tcp', 'tls', 'auth'], error);
  }
  for (const kind of ['imap', 'smtp'] as const) {
    await put('mail-name', kind, { server_name: 'other.example' });
    await put('mail-pw', kind, {}, 'not-the-password');
    for (const [name, hop] of [
      ['mail-name', 'tls'],
      ['mail-pw', 'auth'],
    ] as const) {
      const { hops, error } = await admin.services.test({ name });
      assert.deepEqual([hops.at(-1)?.name, hops.at(-1)?.ok], [hop, false], error);
      assert(!error.includes('hop:'), `${error} is not the bastion's`);
    }
  }
});

test('a bastion that does not carry the service, or does not forward, is said to be what failed', async () => {
  await assert.rejects(put('other', 'imap'), /hop is not a way to other/);
  const key = await readFile(`${openssh.userKey}.pub`, 'utf8');
  await using strict = await Sshd.start('AuthorizedKeysFile %f/keys\nAllowTcpForwarding no\n', { keys: key });
  await admin.services.set({
    name: 'hop',
    config: struct({ port: strict.port, host_key: strict.hostKey }),
    secrets: { private_key: await readFile(openssh.userKey) },
  });
  for (const service of ['mail-in', 'mail-out'])
    await assert.rejects(agent.sessions.open({ service }), /hop: .*does not forward connections/);
});
