import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import { Redis } from 'ioredis';
import { createTransport } from 'nodemailer';
import pg from 'pg';
import { Client } from 'ssh2';
import { deliveredMail, mailToken, rig } from '../support/rig.ts';
import { startRig, stopRig } from './rig.ts';
import { LOCKED_KEY_PASSPHRASE, type Login } from './table.ts';

const HOST = '127.0.0.1';

async function query(config: pg.ClientConfig, sql: string): Promise<unknown> {
  const client = new pg.Client({ host: HOST, ...config });
  await client.connect();
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

for (const name of ['postgres', 'postgres18'] as const) {
  describe(name, () => {
    const { port, ca, logins, databases, version, socketDirectory } = rig()[name];
    const tls = { ssl: { ca: ca.cert, servername: 'localhost' } };
    const database = databases.app;

    test('is the version that the table says', async () => {
      assert.match(
        String(await query({ port, ...logins.scram, database }, 'show server_version')),
        new RegExp(`^${version}\\.`),
      );
    });

    for (const login of [logins.scram, logins.md5, logins.plain, logins.trust, logins.limited]) {
      test(`lets ${login.user} in over TLS`, async () => {
        assert.equal(await query({ port, ...login, database, ...tls }, 'select current_user'), login.user);
      });
    }

    test('lets certuser in with its own certificate only', async () => {
      const ssl = (pair: { cert: string; key: string }) => ({ ...tls.ssl, cert: pair.cert, key: pair.key });
      const config = { port, user: logins.cert.user, database };
      assert.equal(await query({ ...config, ssl: ssl(rig().tls.client) }, 'select current_user'), logins.cert.user);
      await assert.rejects(query({ ...config, ssl: ssl(rig().tls.stranger) }, 'select 1'), { code: '28000' });
    });

    test('refuses md5, cleartext and a wrong password without TLS', async () => {
      for (const login of [logins.md5, logins.plain]) {
        await assert.rejects(query({ port, ...login, database }, 'select 1'), { code: '28000' });
      }
      await assert.rejects(query({ port, ...logins.scram, password: 'wrong', database }, 'select 1'), {
        code: '28P01',
      });
    });

    test('serves nossl without TLS only and tlsonly with TLS only', async () => {
      const at = (name: string) => ({ port, ...logins.scram, database: name });
      assert.equal(await query(at(databases.nossl), 'select 1'), 1);
      await assert.rejects(query({ ...at(databases.nossl), ...tls }, 'select 1'), { code: '28000' });
      assert.equal(await query({ ...at(databases.tlsonly), ...tls }, 'select 1'), 1);
      await assert.rejects(query(at(databases.tlsonly), 'select 1'), { code: '28000' });
    });

    test('has a database in LATIN1 and a unix socket', async () => {
      const config = { host: socketDirectory, port, ...logins.scram, database: databases.latin1 };
      assert.equal(await query(config, 'show server_encoding'), 'LATIN1');
    });
  });
}

test('postgresClear offers no TLS and takes a cleartext password', async () => {
  const { port, logins, databases } = rig().postgresClear;
  const config = { port, ...logins.plain, database: databases.app };
  assert.equal(await query(config, 'select current_user'), logins.plain.user);
  await assert.rejects(query({ ...config, ssl: true }, 'select 1'), /does not support SSL/);
});

describe('redis', () => {
  const { port, tlsPort, ca, logins, socket } = rig().redis;

  async function whoAmI(options: object, login?: Login): Promise<unknown> {
    const names = login && { username: login.user, password: login.password };
    const redis = new Redis({ host: HOST, ...names, ...options, lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => undefined); // what it says rejects the call as well
    try {
      return await redis.call('ACL', 'WHOAMI');
    } finally {
      redis.disconnect();
    }
  }

  test('lets its logins in, clear, over TLS and through its socket', async () => {
    assert.equal(await whoAmI({ port }, logins.default), logins.default.user);
    assert.equal(
      await whoAmI({ port: tlsPort, tls: { ca: ca.cert, servername: 'localhost' } }, logins.app),
      logins.app.user,
    );
    assert.equal(await whoAmI({ path: socket }, logins.app), logins.app.user);
  });

  test('asks for a password, which redisOpen does not', async () => {
    await assert.rejects(whoAmI({ port }), /NOAUTH/);
    assert.equal(await whoAmI({ port: rig().redisOpen.port }), 'default');
  });
});

test('a server that a URL names is used, and not started', async () => {
  const { redis, tls } = rig();
  const folder = await mkdtemp(join(tmpdir(), 'broker-elsewhere-'));
  try {
    const env = {
      BROKER_TEST_REDIS_URL: `redis://localhost:${redis.port}?tls_port=${redis.tlsPort}&socket=${redis.socket}`,
      BROKER_TEST_TLS: dirname(tls.ca.certFile),
    };
    const { state, facts } = await startRig(join(folder, 'rig.json'), { names: ['redis'], env });
    await stopRig(state);
    assert.deepEqual(state.local, []);
    assert.deepEqual(facts.redis, { ...redis, host: 'localhost' });
    assert.deepEqual(facts.tls, tls);
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe('dovecot', () => {
  const { port, tlsPort, ca, logins } = rig().dovecot;
  const tls = { ca: ca.cert, servername: 'localhost' };

  async function login(options: object): Promise<boolean> {
    const client = new ImapFlow({
      host: HOST,
      port,
      secure: false,
      logger: false,
      tls,
      auth: { user: '' },
      ...options,
    });
    await client.connect();
    const { authenticated } = client;
    await client.logout();
    return Boolean(authenticated);
  }

  const password = { user: logins.alice.user, pass: logins.alice.password };

  test('takes a password by STARTTLS, over TLS and in the clear', async () => {
    assert.ok(await login({ doSTARTTLS: true, auth: password }));
    assert.ok(await login({ port: tlsPort, secure: true, auth: password }));
    assert.ok(await login({ doSTARTTLS: false, auth: password }));
  });

  test('takes a token, and not an expired one or one of another issuer', async () => {
    const secure = { port: tlsPort, secure: true };
    const token = (accessToken: string) => login({ ...secure, auth: { user: logins.bob.user, accessToken } });
    assert.ok(await token(mailToken(logins.bob.user)));
    await assert.rejects(token(mailToken(logins.bob.user, { expiresInSeconds: -30 })));
    await assert.rejects(token(mailToken(logins.bob.user, { issuer: 'https://other.test' })));
  });

  test('refuses a wrong password', async () => {
    const auth = { user: logins.alice.user, pass: 'wrong' };
    await assert.rejects(login({ port: tlsPort, secure: true, auth }), { authenticationFailed: true });
  });
});

describe('postfix', () => {
  const { port, tlsPort, plainPort, ca, logins } = rig().postfix;
  const auth = { user: logins.alice.user, pass: logins.alice.password };
  const tls = { ca: ca.cert, servername: 'localhost' };

  const send = (options: object, text: string) =>
    createTransport({ host: HOST, tls, auth, ...options }).sendMail({
      from: 'alice@example.test',
      to: 'bob@example.test',
      text,
    });

  test('takes mail by STARTTLS, over TLS and in the clear, and delivers it to the inbox', async () => {
    await send({ port, requireTLS: true }, 'by STARTTLS');
    await send({ port: tlsPort, secure: true }, 'over TLS');
    await send({ port: plainPort, ignoreTLS: true }, 'in the clear');
    for (const text of ['by STARTTLS', 'over TLS', 'in the clear'])
      assert.match(await deliveredMail(text), new RegExp(text));
  });

  test('refuses mail without a login, a wrong password, and any other domain', async () => {
    await assert.rejects(send({ port, requireTLS: true, auth: undefined }, ''), { responseCode: 554 });
    await assert.rejects(send({ port, requireTLS: true, auth: { ...auth, pass: 'wrong' } }, ''), { code: 'EAUTH' });
    const elsewhere = createTransport({ host: HOST, port, tls, auth, requireTLS: true });
    await assert.rejects(elsewhere.sendMail({ from: 'a@example.test', to: 'b@elsewhere.test', text: '' }), {
      code: 'EENVELOPE',
    });
  });
});

describe('openssh', () => {
  const { port, logins, userKey, lockedUserKey, hostKey, directory } = rig().openssh;

  async function pwd(options: object): Promise<string> {
    const expected = (await readFile(hostKey, 'utf8')).split(' ')[1];
    const client = new Client();
    const hostVerifier = (key: Buffer) => key.toString('base64') === expected;
    client.connect({ host: HOST, port, username: logins.ssh.user, hostVerifier, ...options });
    await once(client, 'ready');
    try {
      return await new Promise((resolve, reject) => {
        client.exec(`cd ${directory} && touch mine && id -un`, (error, channel) => {
          if (error) return reject(error);
          channel.on('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
        });
      });
    } finally {
      client.end();
    }
  }

  test('takes a key, a key under a passphrase, and a password', async () => {
    const { user, password } = logins.ssh;
    assert.equal(await pwd({ privateKey: await readFile(userKey) }), user);
    assert.equal(await pwd({ privateKey: await readFile(lockedUserKey), passphrase: LOCKED_KEY_PASSPHRASE }), user);
    assert.equal(await pwd({ password }), user);
  });

  test('refuses a wrong password', async () => {
    await assert.rejects(pwd({ password: 'wrong' }), { level: 'client-authentication' });
  });
});
