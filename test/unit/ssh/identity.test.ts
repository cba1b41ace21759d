import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { identityOf } from '../../../src/drivers/ssh/identity.ts';
import { parsePrivateKey } from '../../../src/drivers/ssh/keys.ts';
import { run } from '../../support/sshd.ts';

test('a key pair of a seed is read by ssh-keygen as what it is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'broker-keys-'));
  try {
    const identity = identityOf(randomBytes(32));
    await writeFile(join(folder, 'key'), identity.privateKey, { mode: 0o600 });
    const { stdout } = await run('ssh-keygen', ['-y', '-f', join(folder, 'key')]);
    assert.equal(stdout.trim(), `${identity.line} broker`);
    const { stdout: print } = await run('ssh-keygen', ['-l', '-f', join(folder, 'key')]);
    assert.equal(print.split(' ')[1], identity.fingerprint);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('every seed gives a key that the library reads, and the same one twice', () => {
  for (let i = 0; i < 1_000; i++) {
    const seed = randomBytes(32);
    const identity = identityOf(seed);
    const parsed = parsePrivateKey(Secret.fromText(identity.privateKey), undefined);
    assert(parsed.getPublicSSH().equals(identity.blob), seed.toString('hex'));
    assert.equal(identityOf(seed).privateKey, identity.privateKey);
  }
});
