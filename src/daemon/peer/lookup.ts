import { readFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import type { Endpoint, Tuple } from '../../core/address.ts';
import type { PeerIdentity } from '../caller.ts';
import { unixPeer } from './credentials.ts';
import { type Libc, loadLibc } from './libc.ts';
import { ownerByNetlink, type SocketOwner } from './netlink.ts';
import { ownerByTable } from './table.ts';

/** Who is at the other end of a local connection, from the kernel. Undefined always means: unknown, refuse. */
export interface PeerLookup {
  /**
   * @param local this end of the accepted connection (ours).
   * @param remote the client's end.
   */
  tcp(local: Endpoint, remote: Endpoint): Promise<PeerIdentity | undefined>;
  /** @param fd of an accepted unix socket (`descriptorOf`). */
  unix(fd: number): PeerIdentity | undefined;
  readonly tcpAvailable: boolean;
  readonly unixAvailable: boolean;
  /** How TCP peers are found, for `doctor`: `sock_diag`, `/proc/net/tcp` or `none`. */
  readonly method: string;
}

type FindOwner = (tuple: Tuple) => SocketOwner | undefined | Promise<SocketOwner | undefined>;

export interface PeerLookupOptions {
  /** Ways to try, best first; for tests. Default: all. */
  readonly methods?: readonly ('sock_diag' | '/proc/net/tcp')[];
}

/** The kernel's default overflow uid (user_namespaces(7)): the owner has no number in our namespace. */
const NOBODY = 65_534;

/**
 * Finds the best way this machine offers and proves it on a connection of its own: a sandbox may answer wrongly, or
 * not at all, and that must be known before somebody relies on it.
 */
export async function createPeerLookup(options: PeerLookupOptions = {}): Promise<PeerLookup> {
  const libc = await loadLibc();
  const strangers = new Set([NOBODY, await overflowUid()]);
  const known = (owner: SocketOwner | undefined): PeerIdentity | undefined =>
    owner && owner.inode !== 0 && !strangers.has(owner.uid) ? { uid: owner.uid } : undefined;
  const { method, find } = await chooseMethod(libc, options.methods ?? ['sock_diag', '/proc/net/tcp']);
  return {
    method,
    tcpAvailable: method !== 'none',
    unixAvailable: libc !== undefined,
    async tcp(local, remote) {
      // Turned round: the row that is looked for belongs to the client, whose local end is our remote one.
      return known(await find({ local: remote, remote: local }));
    },
    unix(fd) {
      const peer = libc && unixPeer(libc, fd);
      return peer && !strangers.has(peer.uid) ? peer : undefined;
    },
  };
}

async function chooseMethod(
  libc: Libc | undefined,
  allowed: readonly string[],
): Promise<{ method: string; find: FindOwner }> {
  const ways: { method: string; find: FindOwner }[] = [];
  if (libc) ways.push({ method: 'sock_diag', find: (tuple) => ownerByNetlink(libc, tuple) });
  ways.push({ method: '/proc/net/tcp', find: ownerByTable });
  for (const way of ways.filter((way) => allowed.includes(way.method))) if (await proven(way.find)) return way;
  return { method: 'none', find: () => undefined };
}

/** True when the way finds us as the owner of a loopback connection that we make ourselves. */
async function proven(find: FindOwner): Promise<boolean> {
  const self = process.getuid?.();
  if (self === undefined) return false;
  const server = createServer();
  let client: Socket | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') return false;
    const socket = await new Promise<Socket>((resolve, reject) => {
      server.once('connection', resolve);
      client = connect(address.port, '127.0.0.1').on('error', reject);
    });
    const owner = await find({
      local: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
      remote: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
    });
    socket.destroy();
    return owner?.uid === self && owner.inode !== 0;
  } catch {
    return false;
  } finally {
    client?.destroy();
    server.close();
  }
}

async function overflowUid(): Promise<number> {
  try {
    return Number(await readFile('/proc/sys/kernel/overflowuid', 'latin1')) || NOBODY;
  } catch {
    return NOBODY;
  }
}
