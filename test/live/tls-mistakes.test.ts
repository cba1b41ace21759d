import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BrokerError } from '../../src/core/errors.ts';
import { SUSPECT_MS } from '../../src/core/limits.ts';
import { imap } from '../../src/drivers/imap/driver.ts';
import { postgres } from '../../src/drivers/postgres/driver.ts';
import { redis } from '../../src/drivers/redis/driver.ts';
import { smtp } from '../../src/drivers/smtp/driver.ts';
import { RedisServer } from '../fakes/redis.ts';
import { testIo } from '../support/io.ts';
import { failureOf, type LineEnd, mailConfig, ScriptedServer } from '../support/mail.ts';
import { configOf as postgresConfig } from '../support/postgres.ts';
import { configOf } from '../support/redis.ts';
import { rig } from '../support/rig.ts';

/*
 * TLS against a port that has none, or the other way round: told as what it is, with the flag to change, and not as a
 * timeout. A server's silence is looked into at once here.
 */

const NONE = new Map();
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

function suspectAtOnce(t: TestContext): void {
  const later = globalThis.setTimeout;
  t.mock.method(globalThis, 'setTimeout', (work: () => void, ms: number) => later(work, ms === SUSPECT_MS ? 0 : ms));
}

function says(error: BrokerError, message: RegExp, hint: RegExp): void {
  assert.deepEqual([error.code, error.hop], ['upstream_tls', 'tls']);
  assert.match(error.message, message);
  assert.match(error.hint ?? '', hint);
}

test('Redis: TLS against the plaintext port of a real server', async (t) => {
  suspectAtOnce(t);
  for (const server of [rig().redis, rig().redisOpen]) {
    const config = configOf({ host: server.host, port: server.port, tls: 'verify-full' });
    const error = await failureOf(redis.open(config, NONE, testIo(), soon()));
    says(
      error,
      /^Redis at \S+ does not speak TLS on this port$/,
      /--port.*broker service set \{service\} --tls disable/,
    );
  }
});

test('Redis: a server that answers the handshake in the clear at once', async () => {
  await using server = await ScriptedServer.start(async (end) => {
    await end.conn.some(soon());
    await end.say('-ERR unknown command, with args beginning with:');
  });
  const config = configOf({ host: '127.0.0.1', port: server.port, tls: 'verify-full' });
  says(
    await failureOf(redis.open(config, NONE, testIo(), soon())),
    /does not speak TLS on this port$/,
    /--tls disable/,
  );
});

test('Redis: a server that is only slow with its handshake is waited for', async (t) => {
  suspectAtOnce(t);
  await using silent = await RedisServer.start();
  silent.behaviour = 'silent';
  const abort = new AbortController();
  const opening = failureOf(redis.open(silent.config({ tls: 'require' }), NONE, testIo(), abort.signal));
  // The handshake and the question are both there, and neither is answered.
  await silent.until(() => silent.commands.includes('PING'));
  abort.abort();
  assert.equal((await opening).code, 'cancelled');
});

test('mail: TLS from the first byte against a port that begins in the clear', async () => {
  const { host } = rig().dovecot;
  const over = (port: number) => ({ host, port, tls: 'implicit' });
  const mailbox = mailConfig(imap.config, 'dovecot', over(rig().dovecot.port));
  const hint = /--tls starttls; or give the one with TLS from the first byte: --port$/;
  says(await failureOf(imap.open(mailbox, NONE, testIo(), soon())), /^IMAP at \S+ does not speak TLS on/, hint);
  const sender = mailConfig(smtp.config, 'postfix', over(rig().postfix.port));
  says(await failureOf(smtp.open(sender, NONE, testIo(), soon())), /^SMTP at \S+ does not speak TLS on/, hint);
});

test('mail: STARTTLS, or no TLS, against a port with TLS from the first byte', async (t) => {
  suspectAtOnce(t);
  for (const tls of ['starttls', 'none']) {
    const mailbox = mailConfig(imap.config, 'dovecot', { tls, port: rig().dovecot.tlsPort });
    const sender = mailConfig(smtp.config, 'postfix', { tls, port: rig().postfix.tlsPort });
    for (const open of [
      () => imap.open(mailbox, NONE, testIo(), soon()),
      () => smtp.open(sender, NONE, testIo(), soon()),
    ])
      says(await failureOf(open()), /begins with TLS on this port, and not in the clear$/, /--tls implicit$/);
  }
});

test('mail: a server that only takes its time with the greeting is waited for', async (t) => {
  suspectAtOnce(t);
  let asked: () => void = () => undefined;
  const second = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let connections = 0;
  await using server = await ScriptedServer.start(async (end: LineEnd) => {
    if (++connections === 2) {
      await end.conn.some(soon());
      asked();
      return;
    }
    await second;
    await end.say('421 later');
  });
  const config = mailConfig(smtp.config, 'postfix', { host: '127.0.0.1', port: server.port });
  assert.match((await failureOf(smtp.open(config, NONE, testIo(), soon()))).message, /turned us away: "later"/);
});

test('PostgreSQL: a server without TLS', async () => {
  const error = await failureOf(
    postgres.open(postgresConfig({ fields: { tls: 'verify-full' } }, 'postgresClear'), NONE, testIo(), soon()),
  );
  says(error, /^PostgreSQL at \S+ does not offer TLS$/, /broker service set \{service\} --tls disable$/);
});
