import { BrokerError } from '../../core/errors.ts';
import { describe, type SshConfig } from './config.ts';
import { fingerprint, type Pins, typeOf } from './hostkey.ts';

/**
 * The server's key is not (or no longer) the pinned one. Names both fingerprints, so that who knows the machine can tell
 * a new installation from somebody in between.
 */
export function hostKeyRefusal(config: SshConfig, pins: Pins | undefined, blob: Buffer): BrokerError {
  const name = describe(config);
  const type = typeOf(blob)?.replace(/[^\w@.-]/g, '?') ?? 'unreadable key';
  const shown = `${fingerprint(blob)} (${type})`;
  if (!pins) {
    return new BrokerError('upstream_auth', `${name} has the host key ${shown}, and none is pinned for this service`, {
      hop: 'tls',
      hint: `compare it with the one that the server's owner tells you; then: broker service trust {service} --fingerprint ${fingerprint(blob)}`,
    });
  }
  if (pins.revoked.includes(fingerprint(blob)))
    return new BrokerError('upstream_auth', `${name} has the host key ${shown}, which is marked as revoked`, {
      hop: 'tls',
    });
  const pinned = pins.trusted.map((pin) => `${pin.fingerprint}${pin.type === undefined ? '' : ` (${pin.type})`}`);
  return new BrokerError(
    'upstream_auth',
    `${name} has the host key ${shown}; pinned is ${pinned.slice(0, 5).join(', ')}`,
    {
      hop: 'tls',
      hint: 'somebody may be between broker and the server; if the server really has a new key: broker service set {service} --host-key-file FILE, with the key or password in the same command (changing the one drops the other)',
    },
  );
}

/** The server took none of what is stored. */
export function authFailure(
  config: SshConfig,
  tried: readonly string[],
  offered: readonly string[] | null,
  partial: boolean,
): BrokerError {
  const takes =
    offered && offered.length > 0 ? offered.filter((word) => /^[\w-]{1,40}$/.test(word)).join(', ') : 'nothing';
  const name = `${describe(config)}`;
  if (tried.length === 0)
    return new BrokerError('upstream_auth', `${name} takes ${takes} for a login, and nothing of that is stored`, {
      hop: 'auth',
    });
  const what = tried.includes('publickey') ? (tried.length > 1 ? 'key and password' : 'key') : 'password';
  const more = partial ? `; it wants ${takes} as well` : '';
  return new BrokerError('upstream_auth', `${name} refused the ${what} of user ${config.user}${more}`, {
    hop: 'auth',
    hint:
      what === 'password'
        ? 'store the right one: broker service set {service} --password-stdin'
        : `is the public key in the server's authorized_keys? The stored one: broker service set {service} --private-key-file FILE`,
  });
}

/**
 * An error of the library while it connects. Its own words are about packets and algorithms, and go to the log only,
 * but for a failed negotiation, which an operator can do something about.
 */
export function transportFailure(error: Error, tried: readonly string[], config: SshConfig): BrokerError {
  if (error instanceof BrokerError) return error;
  const text = error.message;
  const noMatch = /no matching ([A-Za-z->() ]{1,40}) (algorithm|format|cipher|MAC)|no matching/i.exec(text);
  if (noMatch)
    return new BrokerError(
      'upstream_auth',
      'the server has no key exchange, cipher or host key that is strong enough',
      {
        hop: 'auth',
        cause: error,
      },
    );
  if (/All configured authentication methods failed/.test(text)) return authFailure(config, tried, null, false);
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code))
    return new BrokerError('upstream_unreachable', `the server broke the connection (${code})`, {
      hop: 'tcp',
      cause: error,
    });
  return new BrokerError('upstream_protocol', `${describe(config)} did not finish the SSH login`, {
    hop: 'auth',
    hint: 'is it an SSH server at all? What it did is in the daemon log',
    cause: error,
  });
}
