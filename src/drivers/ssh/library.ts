import { createRequire } from 'node:module';
import type ssh2 from 'ssh2';
import { onFirstUse } from '../../core/library.ts';

const require = createRequire(import.meta.url);

/** The ssh2 library, loaded when the first ssh service is used or checked: it takes 12 MB and 150 ms. */
export const library = onFirstUse<typeof ssh2>('ssh2', () => require('ssh2'));

/** Key exchanges, ciphers and MACs of both sides: the library's list without SHA-1 and without compression. */
export const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group-exchange-sha256',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
  ],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
    'chacha20-poly1305@openssh.com',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
} as const;
