import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { BrokerError } from '../../core/errors.ts';

export interface HostRule {
  readonly scheme: 'http' | 'https';
  /** Whether a request that names this host (no port, no brackets) can be meant for us. */
  readonly allows: (host: string) => boolean;
}

/**
 * Against DNS rebinding: a page whose own name was made to resolve to us sends that name as Host. An address cannot be
 * rebound, `localhost` is the resolver's own (RFC 6761 §6.3), and a name in our certificate is ours.
 * @param certificate PEM, where TLS is spoken.
 */
export function hostRule(certificate?: Buffer): HostRule {
  const x509 = certificate && new X509Certificate(certificate);
  return {
    scheme: x509 ? 'https' : 'http',
    allows: (host) => isIP(host) !== 0 || host.toLowerCase() === 'localhost' || x509?.checkHost(host) !== undefined,
  };
}

/** For a unix socket: no browser gets there. */
export const ANY_HOST: HostRule = { scheme: 'http', allows: () => true };

/**
 * Refuses what a page in a browser could have sent without being ours.
 * @param rawHeaders flat list of names and values, as Node gives it.
 * @throws BrokerError `invalid_argument` without exactly one sound Host, `denied` for a foreign host or origin.
 */
export function checkOrigin(rawHeaders: readonly string[], rule: HostRule): void {
  let host: string | undefined;
  let origin: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (host !== undefined) throw new BrokerError('invalid_argument', 'the request has more than one Host');
      host = rawHeaders[at + 1];
    } else if (name.length === 6 && name.toLowerCase() === 'origin') origin = rawHeaders[at + 1];
  }
  if (host === undefined) throw new BrokerError('invalid_argument', 'the request has no Host');
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/.exec(host);
  const name = match?.[1] ?? match?.[2];
  if (name === undefined) throw new BrokerError('invalid_argument', 'the Host of the request is not one');
  if (!rule.allows(name))
    throw new BrokerError('denied', 'broker does not answer to the host name of this request', {
      hint: 'call it by its address, such as 127.0.0.1, or as localhost',
    });
  if (origin !== undefined && origin.toLowerCase() !== `${rule.scheme}://${host.toLowerCase()}`)
    throw new BrokerError('denied', 'pages of other origins may not call broker');
}
