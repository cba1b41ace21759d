import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import { Secret } from '../../../src/core/secret.ts';
import { sshConfig } from '../../../src/drivers/ssh/config.ts';
import { isTrusted, parseKnownHosts } from '../../../src/drivers/ssh/hostkey.ts';
import { makeKey, run } from '../../support/sshd.ts';

let folder: string;
const keys: Record<string, string> = {};
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-keys-'));
  keys.plain = await makeKey(folder, 'plain', '-t', 'ed25519', '-N', '');
  keys.locked = await makeKey(folder, 'locked', '-t', 'ed25519', '-N', 'open sesame');
  keys.lockedPem = await makeKey(folder, 'lockedPem', '-t', 'rsa', '-m', 'PEM', '-N', 'open sesame');
  keys.small = await makeKey(folder, 'small', '-t', 'rsa', '-b', '1024', '-N', '');
  keys.pkcs8 = await makeKey(folder, 'pkcs8', '-t', 'ecdsa', '-m', 'PKCS8', '-N', '');
  keys.slow = await makeKey(folder, 'slow', '-t', 'ed25519', '-a', '65', '-N', 'open sesame');
  for (const name of ['plain', 'locked']) {
    await run('ssh-keygen', ['-q', '-s', join(folder, 'plain'), '-I', 'me', '-n', 'me', join(folder, `${name}.pub`)]);
    keys[`${name}-cert`] = await readFile(join(folder, `${name}-cert.pub`), 'utf8');
    keys[`${name}.pub`] = await readFile(join(folder, `${name}.pub`), 'utf8');
  }
  await run('ssh-keygen', ['-q', '-s', join(folder, 'plain'), '-h', '-I', 'h', '-n', 'h', join(folder, 'plain.pub')]);
  keys['host-cert'] = await readFile(join(folder, 'plain-cert.pub'), 'utf8');
});
after(() => rm(folder, { recursive: true }));

/** As `service add` does. */
function add(fields: JsonObject, secrets: Record<string, string | undefined>, stored: string[] = []): JsonObject {
  const given: Record<string, Secret> = {};
  for (const [name, text] of Object.entries(secrets)) given[name] = Secret.fromText(text ?? '');
  return sshConfig.validate({ host: 'h', user: 'u', ...fields }, [...Object.keys(given), ...stored], given);
}

/** @returns what `service add` says. */
function problem(fields: JsonObject, secrets: Record<string, string | undefined>, stored: string[] = []): string {
  try {
    add(fields, secrets, stored);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return '';
}

test('takes keys that can be used', () => {
  add({}, { private_key: keys.plain });
  add({}, { private_key: keys.locked, passphrase: 'open sesame' });
  add({}, { private_key: keys.lockedPem, passphrase: 'open sesame' });
  add({ certificate: keys['plain-cert'] ?? '' }, { private_key: keys.plain });
  add({}, { password: 'x' });
});

test('refuses at service add what could only fail later', () => {
  assert.match(problem({}, {}), /private_key or password is required/);
  assert.match(problem({}, { private_key: keys.locked }), /passphrase is required/);
  assert.match(problem({}, { private_key: keys.locked, passphrase: 'wrong' }), /passphrase does not open private_key/);
  assert.match(problem({}, { private_key: keys.lockedPem, passphrase: 'wrong' }), /passphrase does not open/);
  assert.match(problem({}, { private_key: keys.small }), /fewer than 2048 bits/);
  assert.match(problem({}, { private_key: keys.pkcs8 }), /PKCS #8/);
  assert.match(problem({}, { private_key: keys.slow, passphrase: 'open sesame' }), /65 rounds/);
  assert.match(problem({}, { private_key: keys['plain.pub'] }), /public key/);
  assert.match(problem({}, { private_key: 'garbage' }), /not a private key/);
  assert.match(problem({}, { private_key: `ssh-dss ${Buffer.alloc(64).toString('base64')}` }), /private_key/);
  assert.match(problem({ certificate: keys['locked-cert'] ?? '' }, { private_key: keys.plain }), /another key/);
  assert.match(problem({ certificate: keys['host-cert'] ?? '' }, { private_key: keys.plain }), /host certificate/);
  assert.match(problem({ certificate: 'x y' }, { private_key: keys.plain }), /certificate is not/);
  assert.match(problem({ certificate: keys['plain-cert'] ?? '' }, { password: 'x' }), /private_key is required/);
});

test('no message holds anything of a key or passphrase', () => {
  const secret = 'CANARY-correct horse';
  const said = problem({}, { private_key: keys.locked, passphrase: secret }) + problem({}, { private_key: secret });
  assert(!said.includes('CANARY'));
});

test('a key that comes without its stored passphrase is left to its first use', () => {
  assert.equal(problem({}, { private_key: keys.locked }, ['passphrase']), '');
});

test('host keys are keys, fingerprints or known_hosts lines about this host', () => {
  const pub = keys['plain.pub'] ?? '';
  const add2 = (fields: JsonObject): string => problem(fields, { password: 'x' });
  assert.equal(add2({ host_key: `# a comment\n${pub}\n${keys['locked.pub']}` }), '');
  assert.equal(add2({ host_key: `SHA256:${'a'.repeat(43)}` }), '');
  assert.match(add2({ host_key: '# nothing' }), /host_key has no key/);
  assert.match(add2({ host_key: 'ssh-ed25519 AAAA' }), /damaged/);
  assert.match(add2({ host_key: pub.replace('ssh-ed25519', 'ecdsa-sha2-nistp256') }), /damaged/);
  assert.match(add2({ host_key: 'ssh-dss AAAA' }), /DSA/);
  assert.match(add2({ host_key: 'MD5:aa:bb' }), /neither/);
  assert.equal(add2({ known_hosts: `other ${pub}h,10.0.0.1 ${pub}` }), '');
  assert.equal(add2({ known_hosts: `[h]:2222 ${pub}`, port: 2222 }), '');
  assert.match(add2({ known_hosts: `[h]:2222 ${pub}` }), /no key for h/);
  assert.match(add2({ known_hosts: `*,!h ${pub}` }), /no key for h/);
  assert.match(add2({ known_hosts: `@revoked h ${pub}` }), /no key for h/);
  assert.match(add2({ known_hosts: `@cert-authority h ${pub}` }), /@cert-authority/);
  assert.match(add2({ known_hosts: `h ${pub}`, host_key: pub }), /two ways/);
  for (const names of ['hh', 'ho', 'xh', 'h.evil', 'h?', '|1|AAAA|', '|1|AAAA|AA==', '|2|AAAA|AAAA', '!*'])
    assert.match(add2({ known_hosts: `${names} ${pub}` }), /no key for h/, names);
});

test('a key that is revoked is not taken, though another line trusts it', () => {
  const [pub = '', other = ''] = [keys['plain.pub'], keys['locked.pub']];
  const pins = parseKnownHosts(`h ${pub}\nh ${other}\n@revoked * ${pub}`, 'h', 22);
  const blob = (line: string): Buffer => Buffer.from(line.split(' ')[1] ?? '', 'base64');
  assert.equal(isTrusted(pins, blob(pub)), false);
  assert.equal(isTrusted(pins, blob(other)), true);
  for (const names of ['host', 'name', 'hostname.', '*.hostname'])
    assert.throws(() => parseKnownHosts(`${names} ${pub}`, 'hostname', 22), /no key for hostname/);
});

test('what says where the secrets go drops them when it changes', () => {
  assert.deepEqual(sshConfig.redirects, ['host', 'port', 'host_key', 'known_hosts', 'via']);
  assert.deepEqual(sshConfig.secretNames, ['private_key', 'passphrase', 'password']);
});

test('a policy that cannot be meant is refused, every problem by its field', () => {
  const said = (fields: JsonObject): string => problem(fields, { password: 'x' });
  assert.match(said({ allowed_commands: ['ls; rm'] }), /allowed_commands: the pattern "ls; rm" has ;/);
  assert.match(said({ allowed_commands: ['ls'], allow_any_command: true }), /allow_any_command/);
  assert.match(said({ allowed_commands: ['ls'], allow_shell: true }), /allow_shell/);
  assert.match(said({ sftp_read: ['srv'] }), /sftp_read: "srv"/);
  assert.match(said({ sftp_write: ['/srv/../etc'] }), /sftp_write/);
  assert.match(said({ allow_env: ['*'] }), /allow_env/);
  assert.match(said({ allow_subsystems: ['sftp'] }), /sftp_read and sftp_write/);
  assert.match(said({ allow_forward: ['*:22'] }), /allow_forward/);
  assert.match(said({ sftp_read: ['x'], allow_env: ['A B'] }), /sftp_read.*allow_env/);
});
