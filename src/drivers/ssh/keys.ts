import type { ParsedKey } from 'ssh2';
import type { Secret } from '../../core/secret.ts';
import { BlobReader } from './blob.ts';
import { library } from './library.ts';

const TYPES = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa'];
/** Bits below which an RSA key is refused (OpenSSH's own default is 1024; NIST SP 800-57 says 2048). */
const MIN_RSA_BITS = 2_048;
/** bcrypt rounds of an encrypted key, which cost 10 ms each on the event loop; ssh-keygen's default is 16. */
const MAX_KDF_ROUNDS = 64;
const OPENSSH = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/;

/** Thrown for a private key that cannot be used; the message starts with the field's name and holds nothing of the key. */
export class KeyProblem extends Error {}

/**
 * Reads and, where it is encrypted, decrypts a private key.
 * @throws KeyProblem
 */
export function parsePrivateKey(key: Secret, passphrase: Secret | undefined): ParsedKey {
  return key.use((bytes) => {
    refuseSlow(bytes);
    const parsed = passphrase ? passphrase.use((words) => parse(bytes, words)) : parse(bytes);
    if (parsed instanceof Error) throw explain(parsed, bytes, passphrase !== undefined);
    if (!parsed.isPrivateKey()) throw new KeyProblem('private_key is a public key: the file without .pub is meant');
    if (!TYPES.includes(parsed.type))
      throw new KeyProblem(
        `private_key is of the type ${parsed.type}, which is not used any more; ed25519, ecdsa and rsa are`,
      );
    if (parsed.type === 'ssh-rsa' && rsaBits(parsed.getPublicSSH()) < MIN_RSA_BITS)
      throw new KeyProblem(`private_key is an RSA key of fewer than ${MIN_RSA_BITS} bits`);
    return parsed;
  });
}

function parse(key: Buffer, passphrase?: Buffer): ParsedKey | Error {
  try {
    // A copy: the library keeps slices of the passphrase's buffer for the length of the call only, but takes `undefined`
    // and an empty one for different things.
    const found: ParsedKey | Error | ParsedKey[] = library().utils.parseKey(key, passphrase);
    const first = Array.isArray(found) ? found[0] : found;
    return first ?? new Error('no key in it');
  } catch (error) {
    return error instanceof Error ? error : new Error('unreadable');
  }
}

/** The library's own words stay here: they may quote what they could not read. */
function explain(problem: Error, key: Buffer, hasPassphrase: boolean): KeyProblem {
  const text = key.toString('latin1');
  const said = problem.message;
  const encrypted = /ENCRYPTED/.test(text) || isEncrypted(text);
  if (encrypted && !hasPassphrase) return new KeyProblem('passphrase is required: private_key is encrypted');
  if (encrypted && /integrity|decrypt|bad passphrase|MAC|padding|Malformed/i.test(said))
    return new KeyProblem('passphrase does not open private_key');
  if (/BEGIN (ENCRYPTED )?PRIVATE KEY/.test(text))
    return new KeyProblem('private_key is in PKCS #8 form; ssh-keygen -p -f FILE rewrites it in OpenSSH’s own');
  if (/BEGIN DSA/.test(text)) return new KeyProblem('private_key is a DSA key, which is not used any more');
  if (/Unsupported OpenSSH (private )?key type/i.test(said))
    return new KeyProblem(
      'private_key is of a type that broker cannot use; ed25519, ecdsa and rsa are (no security keys)',
    );
  return new KeyProblem('private_key is not a private key that broker can read (OpenSSH or PEM form)');
}

function isEncrypted(text: string): boolean {
  return kdfOf(text) !== undefined && kdfOf(text)?.name !== 'none';
}

function refuseSlow(key: Buffer): void {
  const kdf = kdfOf(key.toString('latin1'));
  if (kdf && kdf.rounds > MAX_KDF_ROUNDS)
    throw new KeyProblem(`private_key is encrypted with ${kdf.rounds} rounds; broker takes at most ${MAX_KDF_ROUNDS}`);
}

/** PROTOCOL.key: "openssh-key-v1\0", string cipher, string kdf, string kdf options (string salt, uint32 rounds). */
function kdfOf(text: string): { readonly name: string; readonly rounds: number } | undefined {
  const body = OPENSSH.exec(text)?.[1];
  if (body === undefined) return undefined;
  try {
    const reader = new BlobReader(Buffer.from(body, 'base64'));
    reader.skip(15);
    reader.string();
    const name = reader.text();
    const options = new BlobReader(reader.string());
    if (name !== 'bcrypt') return { name, rounds: 0 };
    options.string();
    return { name, rounds: options.uint32() };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** string "ssh-rsa", mpint e, mpint n (RFC 4253 §6.6). */
function rsaBits(blob: Buffer): number {
  const reader = new BlobReader(blob);
  reader.string();
  reader.string();
  const modulus = reader.string();
  const bare = modulus[0] === 0 ? modulus.subarray(1) : modulus;
  return bare.length * 8 - Math.clz32(bare[0] ?? 0) + 24;
}
