import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { inspect } from 'node:util';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { xoauth2Message as core } from '../../../src/core/saslclient.ts';
import { Secret } from '../../../src/core/secret.ts';
import { smtp } from '../../../src/drivers/smtp/driver.ts';
import { xoauth2Message } from '../../../src/drivers/smtp/xoauth2.ts';
import { testIo } from '../../support/io.ts';
import { failureOf, localConfig, ScriptedServer } from '../../support/mail.ts';
import { tlsPair } from '../../support/mailtls.ts';

/*
 * Why login.ts does not log in with nodemailer's SMTPConnection: each test shows what it does, and what ours does
 * instead. A test that fails after an update of nodemailer says that its reason is gone.
 */

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

test('nodemailer drops what was injected before TLS and logs in; ours refuses', async () => {
  const pair = await tlsPair();
  await using server = await ScriptedServer.start(async (end) => {
    await end.say('220 x');
    await end.line();
    await end.say('250-x', '250-AUTH PLAIN', '250 STARTTLS');
    await end.line();
    await end.say('220 go', '250 injected');
    const secure = await pair.accept(end);
    await secure.line();
    await secure.say('250-x', '250 AUTH PLAIN');
    assert.match(await secure.line(), /^AUTH PLAIN /);
    await secure.say('235 in');
  });
  const host = '127.0.0.1';
  const nodemailer = new SMTPConnection({
    host,
    port: server.port,
    requireTLS: true,
    tls: { ca: pair.ca, servername: pair.name },
  });
  await new Promise<void>((resolve, reject) => {
    nodemailer.once('error', reject);
    nodemailer.connect(() => resolve());
  });
  await new Promise<void>((resolve, reject) =>
    nodemailer.login({ user: 'alice', pass: 'pw' }, (error) => (error ? reject(error) : resolve())),
  );
  nodemailer.close();
  const config = localConfig(smtp.config, server.port, { tls: 'starttls', ca: pair.ca, server_name: pair.name });
  const error = await failureOf(smtp.open(config, new Map(), testIo(), soon()));
  assert.equal(error.code, 'upstream_protocol');
});

test('nodemailer keeps the password as a string as long as it lives; our connection does not have it', async () => {
  const password = 'hunter2-canary';
  await using server = await ScriptedServer.start(async (end) => {
    await end.say('220 x');
    await end.line();
    await end.say('250-x', '250 AUTH PLAIN');
    await end.line();
    await end.say('235 in');
  });
  const nodemailer = new SMTPConnection({ host: '127.0.0.1', port: server.port, ignoreTLS: true });
  nodemailer.connect();
  await once(nodemailer, 'connect');
  await new Promise<void>((resolve) => nodemailer.login({ user: 'alice', pass: password }, () => resolve()));
  assert(inspect(nodemailer, { depth: 4 }).includes(password));
  nodemailer.close();
  const config = localConfig(smtp.config, server.port, {}, password);
  await using upstream = await smtp.open(config, new Map(), testIo(), soon());
  assert(!inspect(upstream, { depth: 8, showHidden: true }).includes(password));
});

test('nodemailer writes XOAUTH2 as the other driver does', () => {
  using token = Secret.fromText('ya29.token-with_all~chars+/=');
  assert.deepEqual(xoauth2Message('alice@example.test', token), core('alice@example.test', token));
});
