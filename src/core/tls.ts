import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PeerCertificate, SecureContext } from 'node:tls';
import { checkServerIdentity, connect, createSecureContext, TLSSocket } from 'node:tls';
import { Conn } from './conn.ts';
import { BrokerError, throwIfAborted, toBrokerError } from './errors.ts';
import type { Secret } from './secret.ts';

/**
 * How far the server's certificate is checked. `verify-full`: chain and name; `verify-ca`: chain only; `require`:
 * encryption without any check (libpq's words, PostgreSQL manual "SSL Support" table 34.1).
 */
export type TlsVerify = 'verify-full' | 'verify-ca' | 'require';

/** What a service's record says about TLS trust; one context per service is cached by the daemon (MECHANISMS §8). */
export interface TlsMaterial {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: Secret | undefined;
}

export interface TlsOptions {
  readonly verify: TlsVerify;
  /** The name to check and to send as SNI: the host as configured, or the service's `server_name`. */
  readonly serverName: string;
  readonly context: SecureContext;
  /** Protocols to offer, the preferred one first. */
  readonly alpn?: readonly string[];
  /** Where TLS begins with the first byte: the hint for a server that turns out not to speak it there. */
  readonly ifPlain?: string;
}

/** @throws BrokerError `invalid_argument` when certificate, key or CA cannot be used; names the field. */
export function tlsContext(material: TlsMaterial): SecureContext {
  const make = (key: Buffer | undefined): SecureContext =>
    createSecureContext({
      minVersion: 'TLSv1.2',
      ...(material.ca && { ca: material.ca }),
      ...(material.cert && { cert: material.cert }),
      ...(key && { key }),
    });
  try {
    return material.key ? material.key.use(make) : make(undefined);
  } catch (cause) {
    throw new BrokerError('invalid_argument', 'ca, cert or key is not valid PEM, or cert and key do not match', {
      hop: 'config',
      cause,
    });
  }
}

/**
 * Takes `conn` over and returns it encrypted. Bytes already received in the clear are refused (STARTTLS injection).
 * The chain is checked after the handshake and before anything is sent, so that the error can name the certificate.
 * @throws BrokerError `upstream_tls` (hop tls), `upstream_protocol` for injected bytes, or the signal's reason.
 */
export async function startTls(conn: Conn, options: TlsOptions, signal: AbortSignal): Promise<Conn> {
  throwIfAborted(signal);
  if (options.ifPlain !== undefined && conn.buffered > 0) throw noTls(options.ifPlain);
  const plain = conn.detachForTls();
  const socket = connect({
    socket: plain as Socket,
    secureContext: options.context,
    rejectUnauthorized: false,
    ...(isIP(options.serverName) ? {} : { servername: options.serverName }),
    checkServerIdentity: (_host, cert) =>
      options.verify === 'verify-full' ? checkServerIdentity(options.serverName, cert) : undefined,
    ...(options.alpn && { ALPNProtocols: [...options.alpn] }),
  });
  await handshake(socket, 'secureConnect', signal, (cause) => {
    if (options.ifPlain !== undefined && isNoTls(cause)) return noTls(options.ifPlain, cause);
    const message = `the TLS handshake with ${options.serverName} failed${errno(cause)}`;
    return new BrokerError('upstream_tls', message, { hop: 'tls', cause });
  });
  const problem: unknown = socket.authorizationError;
  if (options.verify !== 'require' && !socket.authorized) {
    const certificate = socket.getPeerCertificate();
    socket.destroy();
    throw untrusted(problem, certificate, options.serverName);
  }
  return new Conn(socket, 'upstream');
}

/** What came is no TLS record at all: OpenSSL reads a type, a version and a length into it, and names what is wrong. */
function isNoTls(cause: unknown): boolean {
  return /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LENGTH|HTTP_REQUEST/.test(errno(cause));
}

export function noTls(hint: string, cause?: unknown): BrokerError {
  return new BrokerError('upstream_tls', 'the server does not speak TLS on this port', { hop: 'tls', hint, cause });
}

/**
 * The server's side, for sessions that clients reach over TLS: takes `conn` over and returns it encrypted.
 * @param start `asked`: the client was told to begin, and bytes that came before are injected. `implicit`: the protocol
 * begins with TLS, and they are the handshake's first.
 * @throws BrokerError `client_protocol` for injected bytes or a failed handshake, or the signal's reason.
 */
export async function acceptTls(
  conn: Conn,
  context: SecureContext,
  signal: AbortSignal,
  start: 'asked' | 'implicit' = 'asked',
): Promise<Conn> {
  throwIfAborted(signal);
  const plain = start === 'asked' ? conn.detachForTls() : withBytesBack(conn);
  const socket = new TLSSocket(plain as Socket, { isServer: true, secureContext: context });
  // A TLSSocket that no tls.Server made only emits this; without it a broken record would hang the connection.
  socket.on('_tlsError', (cause: Error) => socket.destroy(cause));
  await handshake(socket, 'secure', signal, (cause) => {
    return new BrokerError('client_protocol', `the TLS handshake with the client failed${errno(cause)}`, { cause });
  });
  return new Conn(socket, 'client');
}

/** A TLSSocket reads what its socket holds before anything else. */
function withBytesBack(conn: Conn): Duplex {
  const { socket, rest, ended } = conn.detach();
  if (ended) {
    socket.destroy();
    throw new BrokerError('client_gone', 'the client closed the connection before its TLS handshake');
  }
  if (rest.length > 0) socket.unshift(rest);
  return socket;
}

function handshake(
  socket: TLSSocket,
  event: 'secureConnect' | 'secure',
  signal: AbortSignal,
  failure: (cause: unknown) => BrokerError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off(event, done);
      socket.off('error', failed);
      socket.off('close', closed);
      signal.removeEventListener('abort', aborted);
    };
    const giveUp = (error: BrokerError): void => {
      settle();
      socket.on('error', () => socket.destroy());
      socket.destroy();
      reject(error);
    };
    const done = (): void => {
      settle();
      resolve();
    };
    const failed = (cause: unknown): void => giveUp(failure(cause));
    const closed = (): void => giveUp(failure(new Error('closed during the TLS handshake')));
    const aborted = (): void => giveUp(toBrokerError(signal.reason));
    socket.once(event, done);
    socket.once('error', failed);
    socket.once('close', closed);
    signal.addEventListener('abort', aborted, { once: true });
  });
}

function errno(cause: unknown): string {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? ` (${code})` : '';
}

function untrusted(problem: unknown, certificate: PeerCertificate, name: string): BrokerError {
  const subject = certificateName(certificate.subject);
  const issuer = certificateName(certificate.issuer);
  const print = certificate.fingerprint256 ?? 'unknown';
  const code = codeOf(problem);
  const shown = `its certificate is "${subject}", issued by "${issuer}", SHA-256 ${print}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new BrokerError('upstream_tls', `the certificate of ${name} is for another name (${code}): ${shown}`, {
      hop: 'tls',
      hint: 'if that name is right, store it: broker service set {service} --server-name NAME',
    });
  }
  return new BrokerError('upstream_tls', `the certificate of ${name} is not trusted (${code}): ${shown}`, {
    hop: 'tls',
    hint: 'to trust its CA: broker service set {service} --ca-file CA.pem',
  });
}

function certificateName(name: PeerCertificate['subject'] | undefined): string {
  const text = name?.CN ?? name?.O ?? 'no name';
  return Array.from(String(text))
    .filter((c) => c >= ' ' && c !== '\u007f')
    .join('')
    .slice(0, 100);
}

function codeOf(problem: unknown): string {
  if (typeof problem === 'string') return problem;
  const code: unknown = problem instanceof Error && 'code' in problem ? problem.code : undefined;
  return typeof code === 'string' ? code : 'unverified';
}
