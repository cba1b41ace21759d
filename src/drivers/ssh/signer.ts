import { sign as signBytes } from 'node:crypto';
import type { ParsedKey } from 'ssh2';
import { BrokerError } from '../../core/errors.ts';
import { sshString } from './blob.ts';
import { library } from './library.ts';

/** What an RSA key signs with: SHA-2 only, whatever the server asks for (RFC 8332; ssh-rsa means SHA-1). */
const RSA_HASHES = ['sha256', 'sha512'];

/** The agent of one key, in memory: lets the library ask for signatures without choosing the hash. */
export function agentOf(key: ParsedKey): InstanceType<ReturnType<typeof library>['BaseAgent']> {
  const { BaseAgent } = library();
  class OneKey extends BaseAgent<ParsedKey> {
    override getIdentities(done: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
      done(undefined, [key]);
    }
    override sign(
      _key: unknown,
      data: Buffer,
      options: unknown,
      done?: (error?: Error | null, signature?: Buffer) => void,
    ): void {
      const hash = typeof options === 'object' && options !== null ? Reflect.get(options, 'hash') : undefined;
      if (key.type === 'ssh-rsa' && !RSA_HASHES.includes(hash)) {
        done?.(
          new BrokerError('upstream_auth', 'the server takes RSA keys with SHA-1 only, which is refused', {
            hop: 'auth',
          }),
        );
        return;
      }
      const signature: Buffer | Error = key.sign(data, typeof hash === 'string' ? hash : undefined);
      if (signature instanceof Error) done?.(signature);
      else done?.(null, signature);
    }
  }
  return new OneKey();
}

/** A signature for a certificate of this key, in the key's own algorithm. */
export function signAs(key: ParsedKey, data: Buffer): { readonly algorithm: string; readonly bytes: Buffer } {
  const pem = key.getPrivatePEM();
  switch (key.type) {
    case 'ssh-ed25519':
      return { algorithm: key.type, bytes: signBytes(null, data, pem) };
    case 'ssh-rsa':
      return { algorithm: 'rsa-sha2-512', bytes: signBytes('sha512', data, pem) };
    default: {
      const hash = { 'ecdsa-sha2-nistp256': 'sha256', 'ecdsa-sha2-nistp384': 'sha384' }[String(key.type)] ?? 'sha512';
      const raw = signBytes(hash, data, { key: pem, dsaEncoding: 'ieee-p1363' });
      const half = raw.length / 2;
      // RFC 5656 §3.1.2: mpint r, mpint s.
      const bytes = Buffer.concat([sshString(mpint(raw.subarray(0, half))), sshString(mpint(raw.subarray(half)))]);
      return { algorithm: key.type, bytes };
    }
  }
}

/** RFC 4251 §5: no leading zeros but the one that keeps a positive number positive. */
function mpint(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const bare = bytes.subarray(start);
  return (bare[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bare]) : bare;
}
