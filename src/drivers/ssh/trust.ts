import type { DriverIo, ServerKey, Trust } from '../../core/driver.ts';
import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import { bareHost, describe, pinsOf, type SshConfig } from './config.ts';
import { hostKeyRefusal } from './failure.ts';
import { fingerprint, isTrusted, typeOf } from './hostkey.ts';
import { ALGORITHMS, library } from './library.ts';

/** Signature algorithms by type of key: a server shows one key per connection, of the type that it is asked for. */
const ASKED: readonly (readonly string[])[] = [
  ['ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'rsa-sha2-256'],
];

/** The host keys of SSH servers. Each was proven by a signature: the key exchange is finished before it is believed. */
export const trust: Trust<SshConfig> = {
  field: 'host_key',
  isPinned: (config) => pinsOf(config) !== undefined,
  async look(config, io, signal) {
    const shown: Buffer[] = [];
    for (const algorithms of ASKED) {
      const blob = await show(config, algorithms, io, signal);
      if (blob) shown.push(blob);
    }
    const [first] = shown;
    if (!first)
      throw new BrokerError('upstream_auth', `${describe(config)} has no host key that is strong enough`, {
        hop: 'tls',
      });
    const pins = pinsOf(config);
    const pinned = (blob: Buffer): boolean => pins !== undefined && isTrusted(pins, blob);
    if (pins && !shown.some(pinned)) throw hostKeyRefusal(config, pins, first);
    return shown.map((blob) => described(blob, pinned(blob)));
  },
};

function described(blob: Buffer, pinned: boolean): ServerKey {
  const type = typeOf(blob) ?? '';
  return { type, fingerprint: fingerprint(blob), line: `${type} ${blob.toString('base64')}`, pinned };
}

/** The key of one type; undefined where the server has none. Nothing but the key exchange takes place. */
async function show(
  config: SshConfig,
  algorithms: readonly string[],
  io: DriverIo,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const dialed = await io.dial({ host: bareHost(config.host), port: config.port }, signal);
  const { socket } = dialed.conn.detach();
  const client = new (library().Client)();
  try {
    return await new Promise((resolve, reject) => {
      let seen: Buffer | undefined;
      const aborted = (): void => reject(toBrokerError(signal.reason));
      signal.addEventListener('abort', aborted, { once: true });
      const failed = (cause: unknown): void =>
        reject(
          new BrokerError('upstream_protocol', `${describe(config)} did not finish the key exchange`, {
            hop: 'tls',
            cause,
          }),
        );
      client.on('error', (error: Error) => (/no matching/i.test(error.message) ? resolve(undefined) : failed(error)));
      client.on('close', () => failed(undefined));
      client.connect({
        sock: socket as never,
        // Never sent: the connection ends when the server has proven its key, before there is any login.
        username: 'nobody',
        readyTimeout: 0,
        algorithms: { ...ALGORITHMS, serverHostKey: algorithms } as never,
        hostVerifier: (blob: Buffer) => {
          seen = Buffer.from(blob);
          return true;
        },
        authHandler: (_left, _partial, give) => {
          if (seen) resolve(seen);
          give(false as never);
        },
      });
    });
  } finally {
    client.on('error', () => undefined);
    socket.on('error', () => undefined);
    socket.destroy();
    throwIfAborted(signal);
  }
}
