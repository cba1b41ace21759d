import { chmodSync, chownSync, lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { BrokerError } from '../../core/errors.ts';
import { MAX_SOCKET_PATH } from '../../core/limits.ts';

export interface UnixBind {
  readonly path: string;
  /** 0600 unless a group may use it. */
  readonly mode: number;
  readonly gid?: number;
}

export interface TcpBind {
  /** The setting that it comes from, for messages. */
  readonly setting: 'grpc' | 'http';
  readonly host: string;
  readonly port: number;
  /** Paths of PEM files; demanded for anything but loopback. `clientCa` also demands client certificates. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
}

/** Control connections at a time and listener: whoever holds them open must not use up our descriptors. */
const MAX_CONNECTIONS = 512;

/**
 * Listens on a unix socket. A folder that is missing is made, for the owner (and the group) alone.
 * @throws BrokerError `invalid_argument` for a path that is too long or that the group cannot reach; `conflict` when another
 *   daemon listens there, or something that is no socket is in the way.
 */
export async function listenUnix(bind: UnixBind, onConnection: (socket: Socket) => void): Promise<Server> {
  const listener = createServer(onConnection);
  listener.maxConnections = MAX_CONNECTIONS;
  await bindUnix(listener, bind);
  return listener;
}

/** As `listenUnix`, for a server that is there already. */
export async function bindUnix(listener: Server, bind: UnixBind): Promise<void> {
  if (Buffer.byteLength(bind.path) > MAX_SOCKET_PATH) {
    throw new BrokerError('invalid_argument', `socket path is longer than ${MAX_SOCKET_PATH} bytes: ${bind.path}`);
  }
  ensureFolder(bind);
  await removeStaleSocket(bind.path);
  // The umask decides the mode the socket is born with: no moment at which others could connect. Node binds within listen().
  const before = process.umask(0o177);
  let bound: Promise<void>;
  try {
    bound = listening(listener, { path: bind.path });
  } finally {
    process.umask(before);
  }
  await bound;
  if (bind.gid !== undefined) chownSync(bind.path, -1, bind.gid);
  if (bind.mode !== 0o600) chmodSync(bind.path, bind.mode);
}

/** Listens on TCP. @throws BrokerError `invalid_argument` beyond loopback without TLS; `conflict` for a port in use. */
export async function listenTcp(bind: TcpBind, onConnection: (socket: Socket) => void): Promise<Server> {
  const listener = createServer(onConnection);
  listener.maxConnections = MAX_CONNECTIONS;
  await bindTcp(listener, bind);
  return listener;
}

/** As `listenTcp`, for a server that is there already. @returns the port. */
export async function bindTcp(listener: Server, bind: TcpBind): Promise<number | undefined> {
  if (!isLoopback(bind.host) && !bind.tls) {
    throw new BrokerError(
      'invalid_argument',
      `--${bind.setting} ${bind.host} is not loopback and would carry tokens in the clear`,
      { hint: 'give --tls-cert and --tls-key, or bind 127.0.0.1' },
    );
  }
  await listening(listener, { host: bind.host, port: bind.port }, bind.setting);
  const address = listener.address();
  return typeof address === 'object' ? address?.port : undefined;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(host);
}

function listening(
  server: Server,
  where: { path: string } | { host: string; port: number },
  setting?: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const name = 'path' in where ? where.path : `${where.host}:${where.port}`;
      const code = cause.code === 'EADDRINUSE' ? 'conflict' : 'invalid_argument';
      const hint =
        setting && code === 'conflict' ? { hint: `another address: --${setting} ADDR; none: --${setting} off` } : {};
      reject(new BrokerError(code, `cannot listen on ${name} (${cause.code ?? 'unknown error'})`, { cause, ...hint }));
    };
    server.once('error', failed);
    server.listen(where, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function ensureFolder({ path, gid, mode }: UnixBind): void {
  const folder = dirname(path);
  try {
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined;
    if (made && gid !== undefined) {
      chownSync(folder, -1, gid);
      chmodSync(folder, 0o750);
    }
  } catch (cause) {
    throw new BrokerError('invalid_argument', `cannot make the socket's folder ${folder}`, { cause });
  }
  if (gid === undefined || (mode & 0o070) === 0) return;
  const found = statSync(folder);
  const reachable = (found.mode & 0o001) !== 0 || (found.gid === gid && (found.mode & 0o010) !== 0);
  if (reachable) return;
  throw new BrokerError('invalid_argument', `the group of --socket-group cannot enter ${folder}`, {
    hint: 'give --socket a path in a folder that the group may enter, such as /run/broker/broker.sock',
  });
}

/**
 * Removes the socket that a killed daemon left behind. Only for the holder of the home's lock; and another home's daemon
 * may be given the same path, so it is asked first.
 */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new BrokerError('conflict', `${path} exists and is not a socket`);
  if (await answers(path)) {
    throw new BrokerError('conflict', `another daemon listens on ${path}`, {
      hint: 'stop that one, or give this one a path of its own with --socket',
    });
  }
  unlinkSync(path);
}

/** Whether somebody listens on a socket: only a refusal proves that nobody does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
