import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { GrantAuthority } from '../../../src/core/grant.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { KdfParams } from '../../../src/vault/kdf.ts';
import { type Credential, Vault, type VaultOptions } from '../../../src/vault/vault.ts';

/** The least that argon2id accepts: these tests are about everything but its strength. */
export const CHEAP_KDF: KdfParams = { timeCost: 1, memoryKiB: 8, parallelism: 1 };
export const PASSWORD = 'correct horse';
export const KEY = Buffer.alloc(32, 7);
export const OWNER = 'uid:4242';
export const NEVER = new AbortController().signal;
/** Issues the grants that every vault of these tests accepts. */
export const authority = new GrantAuthority();

/** A home of its own for one test, removed afterwards. */
export async function temporaryHome(t: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'broker-vault-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  return home;
}

/** Opens the vault of `home` until the test ends (or it is disposed earlier). */
export async function openVault(t: TestContext, home: string, options: Partial<VaultOptions> = {}): Promise<Vault> {
  const vault = await Vault.open(home, { vouches: authority.vouches, kdf: CHEAP_KDF, owner: OWNER, ...options });
  t.after(() => vault[Symbol.asyncDispose]());
  return vault;
}

/** An unlocked vault with PASSWORD in a new home. */
export async function newVault(
  t: TestContext,
  options: Partial<VaultOptions> = {},
): Promise<{ vault: Vault; home: string }> {
  const home = await temporaryHome(t);
  const vault = await openVault(t, home, options);
  await vault.initialize(text(PASSWORD), NEVER);
  return { vault, home };
}

export function text(value: string): Secret {
  return Secret.fromText(value);
}

export function password(value = PASSWORD): Credential {
  return { type: 'password', secret: text(value) };
}

export function key(bytes: Buffer = KEY): Extract<Credential, { type: 'key' }> {
  return { type: 'key', secret: Secret.copy(bytes) };
}

/** What `vault` reveals of a service, as text. */
export function revealed(vault: Vault, service: string, secretName: string): string {
  using grant = authority.issue({ collection: 'service', name: service }, 'open');
  using secret = vault.reveal(grant, secretName);
  return secret.use((bytes) => bytes.toString());
}

/** For assert.rejects and assert.throws: a BrokerError with this code and, if given, a message like this. */
export function broken(code: string, message = /./): { name: string; code: string; message: RegExp } {
  return { name: 'BrokerError', code, message };
}
