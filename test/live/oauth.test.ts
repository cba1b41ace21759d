import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BrokerClient } from '../../src/cli/connect.ts';
import { toStruct } from '../../src/core/struct.ts';
import { MASTER, TestDaemon } from '../support/daemon.ts';
import { issuer } from '../support/issuer.ts';
import { LineEnd } from '../support/mail.ts';
import { refusal } from '../support/refusal.ts';
import { mailToken, rig } from '../support/rig.ts';

/* Mail sessions through the daemon, with tokens of an issuer that rotates its refresh tokens. */

const { tls } = rig();

/** An issuer that takes each refresh token once: `r0` first, then what it gave out last. */
async function rotating(user: string, hooks: { readonly before?: (count: number) => Promise<void> } = {}) {
  let expected = 'r0';
  return await issuer((form, response, count) => {
    const answer = (): void => {
      if (form.get('refresh_token') !== expected) {
        response.writeHead(400).end(JSON.stringify({ error: 'invalid_grant' }));
        return;
      }
      expected = `r${count}`;
      response.end(JSON.stringify({ access_token: mailToken(user), refresh_token: expected, expires_in: 3600 }));
    };
    if (hooks.before) hooks.before(count).then(answer, () => response.destroy());
    else answer();
  }, tls.server);
}

async function addMail(admin: BrokerClient, kind: 'imap' | 'smtp', tokenUrl: string, over = {}): Promise<void> {
  const server = rig()[kind === 'imap' ? 'dovecot' : 'postfix'];
  await admin.services.put({
    name: kind,
    kind,
    config: toStruct({
      host: server.host,
      port: kind === 'imap' ? rig().dovecot.tlsPort : server.port,
      user: (kind === 'imap' ? server.logins.alice : server.logins.bob).user,
      ca: server.ca.cert,
      token_url: tokenUrl,
      token_ca: tls.ca.cert,
      client_id: 'broker',
      ...over,
    }) as never,
    secrets: { refresh_token: Buffer.from('r0') },
  });
}

/** Opens a session and says what the server greets the client with. */
async function greeted(client: BrokerClient, service: string): Promise<string> {
  const session = await client.sessions.open({ service });
  const socket = connect({ host: '127.0.0.1', port: session.port, allowHalfOpen: true });
  await once(socket, 'connect');
  using end = new LineEnd(socket);
  return await end.line();
}

test('mail sessions log in with tokens that the daemon fetches, and every rotation is on the disk', async () => {
  const home = await mkdtemp(join(tmpdir(), 'broker-oauth-'));
  try {
    await using mail = await rotating(rig().dovecot.logins.alice.user);
    await using smtp = await rotating(rig().postfix.logins.bob.user);
    {
      await using daemon = await TestDaemon.start({ home });
      const admin = await daemon.admin();
      await addMail(admin, 'imap', mail.url);
      await addMail(admin, 'smtp', smtp.url);
      const before = await admin.services.get({ name: 'imap' });
      assert.match(await greeted(admin, 'imap'), /^\* OK .*Dovecot/);
      assert.match(await greeted(admin, 'imap'), /^\* OK .*Dovecot/);
      assert.match(await greeted(admin, 'smtp'), /^220 /);
      const { hops } = await admin.services.test({ name: 'imap' });
      assert.equal(hops.at(-1)?.detail, 'AUTHENTICATE OAUTHBEARER');
      assert.deepEqual(
        mail.forms.map((form) => form.get('refresh_token')),
        ['r0'],
      );
      assert.equal((await admin.services.get({ name: 'imap' })).revision, before.revision);
      const rotated = await daemon.audit({ action: 'service.rotate' });
      assert.deepEqual(
        rotated.map(({ service, outcome }) => `${service} ${outcome}`),
        ['imap ok', 'smtp ok'],
      );
      const refreshed = await daemon.audit({ action: 'oauth.refresh' });
      assert.deepEqual(
        refreshed.map(({ service, outcome }) => `${service} ${outcome}`),
        ['imap ok', 'smtp ok'],
      );
      // After a change the service starts with a new token, and with the refresh token of today.
      await admin.services.set({ name: 'imap', config: toStruct({ spares: 1 }) as never });
      assert.match(await greeted(admin, 'imap'), /^\* OK/);
      await admin.vault.lock({});
    }
    await using daemon = await TestDaemon.start({ home });
    await daemon.client().vault.unlock({ password: Buffer.from(MASTER) });
    const admin = await daemon.admin();
    assert.match(await greeted(admin, 'imap'), /^\* OK/);
    assert.match(await greeted(admin, 'smtp'), /^220 /);
    assert.deepEqual(
      [mail, smtp].map(({ forms }) => forms.map((form) => form.get('refresh_token'))),
      [
        ['r0', 'r1', 'r2'],
        ['r0', 'r1'],
      ],
    );
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

test('a rotation that comes late never overwrites what an admin has stored meanwhile', async () => {
  let arrived = (): void => undefined;
  let release = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using mail = await rotating(rig().dovecot.logins.alice.user, {
    before: async (count) => {
      if (count > 1) return;
      arrived();
      await held;
    },
  });
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  await addMail(admin, 'imap', mail.url);
  const opening = greeted(admin, 'imap');
  await asked;
  await admin.services.set({ name: 'imap', secrets: { refresh_token: Buffer.from('by-the-admin') } });
  release();
  assert.match(await opening, /^\* OK/);
  assert.match((await refusal(greeted(admin, 'imap'), 'upstream_auth')).message, /"invalid_grant"/);
  assert.deepEqual(
    mail.forms.map((form) => form.get('refresh_token')),
    ['r0', 'by-the-admin'],
  );
  const [record] = await daemon.audit({ action: 'service.rotate' });
  assert.deepEqual([record?.outcome, record?.code], ['failed', 'conflict']);
});

test('a lock waits for a rotation that has begun, and saves it', async () => {
  let arrived = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  let ended = (): void => undefined;
  const dialEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });
  await using mail = await rotating(rig().dovecot.logins.alice.user, {
    before: async (count) => {
      if (count > 1) return;
      arrived();
      await dialEnded;
    },
  });
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  await addMail(admin, 'imap', mail.url);
  const opening = refusal(greeted(admin, 'imap'), 'ended');
  await asked;
  const locking = admin.vault.lock({});
  await opening;
  ended();
  await locking;
  await daemon.client().vault.unlock({ password: Buffer.from(MASTER) });
  assert.match(await greeted(admin, 'imap'), /^\* OK/);
  assert.deepEqual(
    mail.forms.map((form) => form.get('refresh_token')),
    ['r0', 'r1'],
  );
});

test('token endpoints are checked like servers: certificate, metadata addresses, broker’s own ports', async () => {
  await using mail = await rotating(rig().dovecot.logins.alice.user);
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  const said = async (tokenUrl: string, over = {}): Promise<string> => {
    await addMail(admin, 'imap', tokenUrl, over);
    const { error, hint } = await admin.services.test({ name: 'imap' });
    return `${error} | ${hint}`;
  };
  assert.match(
    await said(mail.url, { token_ca: tls.otherCa.cert }),
    /OAuth2 issuer at .* is not trusted .*\| to trust a CA of its own: broker service set imap --token-ca-file CA.pem/,
  );
  assert.match(await said('https://169.254.169.254/token'), /169\.254\.169\.254 is a cloud metadata service/);
  assert.match(
    await said(`https://127.0.0.1:${daemon.instance.port}/token`),
    /port \d+ of 127\.0\.0\.1 is broker's own/,
  );
  assert.equal(mail.forms.length, 0);
});
