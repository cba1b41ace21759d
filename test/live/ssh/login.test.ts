import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import ssh2 from 'ssh2';
import { BrokerError } from '../../../src/core/errors.ts';
import { login } from '../../../src/drivers/ssh/client.ts';
import type { SshConfig } from '../../../src/drivers/ssh/config.ts';
import { identityOf } from '../../../src/drivers/ssh/identity.ts';
import { LOCKED_KEY_PASSPHRASE } from '../../rig/table.ts';
import { testIo } from '../../support/io.ts';
import { rig } from '../../support/rig.ts';
import { makeKey, rigConfig, run, Sshd } from '../../support/sshd.ts';

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-keys-'));
});
after(() => rm(folder, { recursive: true }));

/** Logs in, runs `id -un`, leaves. @returns what it printed. */
async function whoAmI(config: SshConfig): Promise<string> {
  const { client, socket } = await login(config, testIo(), soon());
  try {
    return await new Promise((resolve, reject) => {
      client.exec('id -un', (error, channel) => {
        if (error) return reject(error);
        let text = '';
        channel.on('data', (chunk: Buffer) => {
          text += chunk;
        });
        channel.on('close', () => resolve(text.trim()));
      });
    });
  } finally {
    client.end();
    socket.destroy();
  }
}

/** A server that asks and then refuses whatever the answers are. */
async function interactiveServer(prompts: ssh2.Prompt[], answered: (answers: string[]) => void) {
  const { privateKey: key, line: hostKey } = identityOf(randomBytes(32));
  const server = new ssh2.Server({ hostKeys: [key] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
      context.prompt(prompts, (answers) => {
        answered(answers);
        context.reject([]);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, hostKey, [Symbol.asyncDispose]: async () => void server.close() };
}

async function refusal(config: SshConfig): Promise<BrokerError> {
  const error = await login(config, testIo(), soon()).then(
    ({ socket }) => {
      socket.destroy();
      return undefined;
    },
    (thrown: unknown) => thrown,
  );
  assert(error instanceof BrokerError);
  return error;
}

test('logs in with a key, an encrypted key, a password', async () => {
  const { user, password } = rig().openssh.logins.ssh;
  assert.equal(await whoAmI(await rigConfig()), user);
  const locked = await readFile(rig().openssh.lockedUserKey, 'utf8');
  const secrets = { private_key: locked, passphrase: LOCKED_KEY_PASSPHRASE };
  assert.equal(await whoAmI(await rigConfig({}, secrets)), user);
  assert.equal(await whoAmI(await rigConfig({}, { password })), user);
});

test('logs in with ecdsa, and with rsa by SHA-2', async () => {
  const ecdsa = await makeKey(folder, 'ecdsa', '-t', 'ecdsa', '-b', '384', '-N', '');
  const rsa = await makeKey(folder, 'rsa', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', '');
  const authorized =
    (await readFile(join(folder, 'ecdsa.pub'), 'utf8')) + (await readFile(join(folder, 'rsa.pub'), 'utf8'));
  await using sshd = await Sshd.start('AuthorizedKeysFile %f/authorized\n', { authorized });
  for (const private_key of [ecdsa, rsa]) {
    const config = await rigConfig({ port: sshd.port, host_key: sshd.hostKey }, { private_key });
    assert.equal(await whoAmI(config), rig().openssh.logins.ssh.user);
  }
});

test('never signs with SHA-1, even for a server that takes nothing else', async () => {
  const private_key = await makeKey(folder, 'sha1', '-t', 'rsa', '-b', '2048', '-N', '');
  const authorized = await readFile(join(folder, 'sha1.pub'), 'utf8');
  const settings = 'AuthorizedKeysFile %f/authorized\nPubkeyAcceptedAlgorithms ssh-rsa\n';
  await using sshd = await Sshd.start(settings, { authorized });
  const error = await refusal(await rigConfig({ port: sshd.port, host_key: sshd.hostKey }, { private_key }));
  assert.equal(error.code, 'upstream_auth');
});

for (const [type, ...options] of [['ed25519'], ['ecdsa', '-b', '256'], ['rsa', '-b', '2048']] as const) {
  test(`logs in with an ${type} certificate where the plain key is not known`, async () => {
    const name = `cert-${type}`;
    await makeKey(folder, `ca-${name}`, '-t', 'ed25519', '-N', '');
    const private_key = await makeKey(folder, name, '-t', type, ...options, '-N', '');
    const user = rig().openssh.logins.ssh.user;
    await run('ssh-keygen', [
      '-q',
      '-s',
      join(folder, `ca-${name}`),
      '-I',
      'me',
      '-n',
      user,
      join(folder, `${name}.pub`),
    ]);
    const ca = await readFile(join(folder, `ca-${name}.pub`), 'utf8');
    await using sshd = await Sshd.start('TrustedUserCAKeys %f/ca\nAuthorizedKeysFile none\n', { ca });
    const certificate = await readFile(join(folder, `${name}-cert.pub`), 'utf8');
    const fields = { port: sshd.port, host_key: sshd.hostKey };
    assert.equal((await refusal(await rigConfig(fields, { private_key }))).code, 'upstream_auth');
    assert.equal(await whoAmI(await rigConfig({ ...fields, certificate }, { private_key })), user);
  });
}

test('answers the one hidden question of keyboard-interactive with the password, and no other', async () => {
  for (const [prompts, expected] of [
    [[{ prompt: 'Password: ', echo: false }], ['s3cret']],
    [[{ prompt: 'Favourite colour? ', echo: true }], ['']],
    [
      [
        { prompt: 'Password: ', echo: false },
        { prompt: 'Token: ', echo: false },
      ],
      ['', ''],
    ],
  ] as const) {
    const answers: string[][] = [];
    await using server = await interactiveServer([...prompts], (given) => answers.push(given));
    const fields = { port: server.port, host_key: server.hostKey };
    await refusal(await rigConfig(fields, { password: 's3cret' }));
    assert.deepEqual(answers, [expected]);
  }
});

test('says which credential was refused, and by whom', async () => {
  const error = await refusal(await rigConfig({}, { password: 'not-the-password' }));
  assert.deepEqual([error.code, error.hop], ['upstream_auth', 'auth']);
  assert.match(error.message, /^SSH at 127\.0\.0\.1:\d+ refused the password of user /);
  assert(!error.message.includes('not-the-password'));
});

test('sends nothing to a server whose key is not pinned, and names that key', async () => {
  const { host, port, logins } = rig().openssh;
  const config = { ...(await rigConfig()), host, port, user: logins.ssh.user, host_key: undefined };
  const error = await refusal(config);
  assert.deepEqual([error.code, error.hop], ['upstream_auth', 'tls']);
  const { stdout } = await run('ssh-keygen', ['-l', '-f', rig().openssh.hostKey]);
  assert(error.message.includes(stdout.split(' ')[1] ?? '-'));
  assert.match(error.message, /none is pinned/);
});

test('refuses a changed key and names both fingerprints', async () => {
  await makeKey(folder, 'other', '-t', 'ed25519', '-N', '');
  const other = await readFile(join(folder, 'other.pub'), 'utf8');
  const error = await refusal(await rigConfig({ host_key: other }));
  assert.equal(error.code, 'upstream_auth');
  for (const file of [rig().openssh.hostKey, join(folder, 'other.pub')]) {
    const { stdout } = await run('ssh-keygen', ['-l', '-f', file]);
    assert(error.message.includes(stdout.split(' ')[1] ?? '-'), error.message);
  }
});

test('refuses a server that now has a key of another type, by name', async () => {
  await using sshd = await Sshd.start('', {}, 'ecdsa');
  const error = await refusal(await rigConfig({ port: sshd.port }));
  assert.match(error.message, /ecdsa-sha2-nistp256\); pinned is SHA256:\S+ \(ssh-ed25519\)/);
});

test('takes a fingerprint and lines of known_hosts, hashed ones too, as pins', async () => {
  const { host, port, hostKey, logins } = rig().openssh;
  const { stdout } = await run('ssh-keygen', ['-l', '-f', hostKey]);
  assert.equal(await whoAmI(await rigConfig({ host_key: stdout.split(' ')[1] ?? '' })), logins.ssh.user);
  const [type, data] = (await readFile(hostKey, 'utf8')).split(' ');
  const known_hosts = join(folder, 'known_hosts');
  await run('sh', [
    '-c',
    `echo '[${host}]:${port} ${type} ${data}' >'${known_hosts}'; ssh-keygen -H -f '${known_hosts}'`,
  ]);
  const text = await readFile(known_hosts, 'utf8');
  assert.match(text, /^\|1\|/);
  assert.equal(await whoAmI(await rigConfig({ known_hosts: text })), logins.ssh.user);
});

test('an abort in the middle of the login leaves no socket', async () => {
  const abort = new AbortController();
  const io = testIo((hop) => {
    if (hop === 'tls') abort.abort(new BrokerError('cancelled', 'enough'));
  });
  await assert.rejects(login(await rigConfig(), io, abort.signal), { code: 'cancelled' });
});
