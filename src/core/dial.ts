import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import { Conn } from './conn.ts';
import { BrokerError, throwIfAborted } from './errors.ts';
import { DIAL_ATTEMPT_MS } from './limits.ts';

/** Where to dial. A `host` that starts with `/` is the path of a unix socket. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** The exact address that answered, so that a side connection (a cancel) can go to the same machine. */
export interface DialedAddress {
  readonly host: string;
  readonly port: number;
}

export interface Dialed {
  readonly conn: Conn;
  readonly address: DialedAddress;
}

/** Says no to an address before it is dialled (metadata services, broker's own ports); undefined lets it pass. */
export type AddressGuard = (address: string, port: number) => BrokerError | undefined;

/** Told when a hop is passed; `service test` prints these. */
export type HopListener = (hop: 'dns' | 'tcp' | 'tls' | 'auth', detail: string) => void;

/**
 * Resolves the host, asks `guard` about every address, and tries the addresses in the resolver's order until one
 * answers; with several, none may hold up the others for more than DIAL_ATTEMPT_MS.
 * @throws BrokerError `upstream_unreachable` (hop dns or tcp), `denied` from the guard, or the signal's reason.
 */
export async function dial(
  target: Target,
  guard: AddressGuard,
  passed: HopListener,
  signal: AbortSignal,
): Promise<Dialed> {
  throwIfAborted(signal);
  if (target.host.startsWith('/')) {
    const conn = await attempt({ path: target.host }, target.host, signal).catch((error: unknown) => {
      throwIfAborted(signal);
      throw error;
    });
    passed('tcp', `connected to ${target.host}`);
    return { conn, address: target };
  }
  const addresses = await resolve(target.host, signal);
  if (!isIP(target.host)) passed('dns', addresses.join(', '));
  for (const address of addresses) {
    const refused = guard(address, target.port);
    if (refused) throw refused;
  }
  let last: BrokerError | undefined;
  for (const address of addresses) {
    const attemptSignal =
      addresses.length > 1 ? AbortSignal.any([signal, AbortSignal.timeout(DIAL_ATTEMPT_MS)]) : signal;
    try {
      const where = formatHostPort(address, target.port);
      const conn = await attempt({ host: address, port: target.port }, where, attemptSignal);
      passed('tcp', `connected to ${where}`);
      return { conn, address: { host: address, port: target.port } };
    } catch (error) {
      throwIfAborted(signal);
      last = error instanceof BrokerError ? error : unreachable(formatHostPort(address, target.port), error);
    }
  }
  throw last ?? new BrokerError('upstream_unreachable', `${target.host} has no address`, { hop: 'dns' });
}

/** `host:port`, with brackets round an IPv6 address; just the path for a unix socket. */
export function formatHostPort(host: string, port: number): string {
  if (host.startsWith('/')) return host;
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

async function resolve(host: string, signal: AbortSignal): Promise<string[]> {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIP(bare)) return [bare];
  try {
    // The resolver cannot be stopped; nobody waits for it once the signal aborts.
    const found = await unlessAborted(lookup(bare, { all: true, order: 'verbatim' }), signal);
    return found.map((entry) => entry.address);
  } catch (cause) {
    throwIfAborted(signal);
    throw new BrokerError('upstream_unreachable', `the host name ${bare} cannot be resolved${reason(cause)}`, {
      hop: 'dns',
      cause,
    });
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  signal.addEventListener('abort', abort, { once: true });
  return await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', abort));
}

function attempt(
  where: { path: string } | { host: string; port: number },
  name: string,
  signal: AbortSignal,
): Promise<Conn> {
  return new Promise((resolve, reject) => {
    // autoSelectFamily off: the address is decided already. allowHalfOpen: a half-closing client must get its answer.
    const options = { ...where, allowHalfOpen: true, noDelay: true, keepAlive: true, autoSelectFamily: false };
    const socket: Socket = connect(options as TcpNetConnectOpts);
    const settle = (): void => {
      socket.off('connect', connected);
      socket.off('error', failed);
      signal.removeEventListener('abort', aborted);
    };
    const connected = (): void => {
      settle();
      resolve(new Conn(socket, 'upstream'));
    };
    const failed = (cause: Error): void => {
      settle();
      socket.destroy();
      reject(unreachable(name, cause));
    };
    const aborted = (): void => {
      settle();
      socket.on('error', () => socket.destroy());
      socket.destroy();
      reject(unreachable(name, signal.reason));
    };
    socket.once('connect', connected);
    socket.once('error', failed);
    signal.addEventListener('abort', aborted, { once: true });
  });
}

function unreachable(name: string, cause: unknown): BrokerError {
  const code = errnoOf(cause);
  const how = cause instanceof Error && cause.name === 'TimeoutError' ? ' (no answer)' : code ? ` (${code})` : '';
  return new BrokerError('upstream_unreachable', `cannot connect to ${name}${how}`, { hop: 'tcp', cause });
}

function reason(cause: unknown): string {
  const code = errnoOf(cause);
  return code ? ` (${code})` : '';
}

function errnoOf(cause: unknown): string | undefined {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
