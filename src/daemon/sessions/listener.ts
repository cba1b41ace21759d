import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { BrokerError } from '../../core/errors.ts';
import { MAX_SOCKET_PATH } from '../../core/limits.ts';
import type { PortRest } from './ports.ts';

/** Where a lease's clients come in. Always loopback or a file: a lease is never reachable from another machine. */
export interface Listener extends AsyncDisposable {
  readonly host: string;
  /** 0 for a unix socket. */
  readonly port: number;
  readonly path?: string;
}

/** For sessions whose clients come as streams: what they see is a port of the caller's own machine. */
export function listenNowhere(port: number): Listener {
  return { host: LOOPBACK, port, [Symbol.asyncDispose]: () => Promise.resolve() };
}

type OnSocket = (socket: Socket) => void;

const LOOPBACK = '127.0.0.1';
/** Free ports that may turn out to be resting before we give up; 28,000 are to be had. */
const PORT_TRIES = 50;

/**
 * @param port 0 for a free one that is not resting; else exactly this one.
 * @throws BrokerError `conflict` when the port is taken, `denied` when it may not be bound, `exhausted`.
 */
export async function listenTcp(port: number, rest: PortRest, onSocket: OnSocket): Promise<Listener> {
  const rejected: Server[] = [];
  try {
    for (let attempt = 0; attempt < PORT_TRIES; attempt++) {
      const server = await listening({ host: LOOPBACK, port, exclusive: true }, onSocket, `port ${port}`);
      const address = server.address();
      const bound = address !== null && typeof address === 'object' ? address.port : port;
      if (port === 0 && rest.isResting(bound)) {
        // Kept open until another is found, or the kernel would offer the same one again.
        rejected.push(server);
        continue;
      }
      return {
        host: LOOPBACK,
        port: bound,
        async [Symbol.asyncDispose]() {
          await closed(server);
          rest.release(bound);
        },
      };
    }
    throw new BrokerError('exhausted', 'every free local port was in use a moment ago; try again in a minute');
  } finally {
    await Promise.all(rejected.map(closed));
  }
}

/**
 * A socket file in a folder of its own. The folder's name cannot be guessed and it cannot be listed (0711); the socket
 * lets everybody connect (0666), since who may pass is decided by the kernel's word about the peer, or a ticket.
 * @param base an existing folder, or one that can be made.
 * @throws BrokerError `invalid_argument` when the path would be too long or the folder cannot be used.
 */
export async function listenUnix(base: string, socketName: string, onSocket: OnSocket): Promise<Listener> {
  const folder = join(base, randomBytes(16).toString('hex'));
  const path = join(folder, socketName);
  // A longer path would be cut silently, and the client would look elsewhere.
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH)
    throw new BrokerError('invalid_argument', `the socket path would be over ${MAX_SOCKET_PATH} bytes: ${path}`, {
      hint: 'choose a folder with a shorter path',
    });
  try {
    // mkdir's mode is cut by the umask. A folder that was there already is the operator's, and stays as it is.
    if (await mkdir(base, { recursive: true, mode: 0o711 })) await chmod(base, 0o711);
    await mkdir(folder, { mode: 0o711 });
    await chmod(folder, 0o711);
  } catch (cause) {
    throw new BrokerError('invalid_argument', `cannot make a folder for the socket in ${base}`, { cause });
  }
  try {
    const server = await listening({ path }, onSocket, path);
    await chmod(path, 0o666);
    return {
      host: folder,
      port: 0,
      path,
      async [Symbol.asyncDispose]() {
        await closed(server);
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function listening(where: ListenOptions, onSocket: OnSocket, name: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    // allowHalfOpen: a client that has finished talking must still get its answer.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, onSocket);
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(name, cause)));
    server.listen(where, () => {
      // From here on errors are about a single accept (EMFILE, ECONNABORTED) and must not end the listener.
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve(server);
    });
  });
}

function cannotListen(name: string, cause: NodeJS.ErrnoException): BrokerError {
  if (cause.code === 'EADDRINUSE') return new BrokerError('conflict', `${name} is in use already`, { cause });
  if (cause.code === 'EACCES')
    return new BrokerError('denied', `the daemon's user may not listen on ${name}`, { cause });
  return new BrokerError('internal', `cannot listen on ${name}`, { cause });
}

/** Stops accepting. Connections that were accepted live on: they are their lease's. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => undefined);
    // 'close' waits for every accepted connection; the descriptor itself is gone once close() returned.
    resolve();
  });
}
