import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { Secret } from '../../core/secret.ts';
import { sshString, uint32 } from './blob.ts';
import { fingerprint } from './hostkey.ts';

/** An ed25519 key pair in the forms that SSH programs take. */
export interface Identity {
  /** OpenSSH's private key file, unencrypted. */
  readonly privateKey: string;
  /** string "ssh-ed25519", string key (RFC 8709 §4). */
  readonly blob: Buffer;
  /** `ssh-ed25519 AAAA...` */
  readonly line: string;
  readonly fingerprint: string;
}

const TYPE = 'ssh-ed25519';
/** RFC 8410 §7: the PKCS #8 header before the 32 bytes of an ed25519 seed. */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');
const BLOCK = 8;

/**
 * The key pair of a seed. (ssh2's own generator makes a file that cannot be read back once in 250 times.)
 * @param seed 32 random bytes.
 */
export function identityOf(seed: Buffer): Identity {
  const pkcs8 = Buffer.concat([PKCS8_HEADER, seed]);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const blob = Buffer.concat([sshString(TYPE), sshString(publicKey)]);
  const line = `${TYPE} ${blob.toString('base64')}`;
  return { privateKey: privateFile(seed, publicKey, blob), blob, line, fingerprint: fingerprint(blob) };
}

/** The key pair of a seed that is wiped with it. */
export function identityFrom(seed: Secret): Identity {
  using held = seed;
  return held.use((bytes) => identityOf(bytes));
}

/**
 * PROTOCOL.key: "openssh-key-v1\0", string cipher, string kdf, string kdf options, uint32 1, string public key, string of
 * { uint32 check, uint32 check, string type, string public, string seed and public, string comment, 1 2 3 ... }.
 */
function privateFile(seed: Buffer, publicKey: Buffer, blob: Buffer): string {
  const check = uint32(0x62726f6b);
  const inner = [check, check, sshString(TYPE), sshString(publicKey)];
  inner.push(sshString(Buffer.concat([seed, publicKey])), sshString('broker'));
  const length = inner.reduce((sum, part) => sum + part.length, 0);
  inner.push(Buffer.from(Array.from({ length: (BLOCK - (length % BLOCK)) % BLOCK }, (_, i) => i + 1)));
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...['none', 'none', ''].map((text) => sshString(text)),
    uint32(1),
    sshString(blob),
    sshString(Buffer.concat(inner)),
  ]);
  const text = file.toString('base64').replace(/.{70}/g, '$&\n');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${text}\n-----END OPENSSH PRIVATE KEY-----\n`;
}
