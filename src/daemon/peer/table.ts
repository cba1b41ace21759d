import { readFile } from 'node:fs/promises';
import { addressBytes, type Endpoint, type Tuple, unmap } from '../../core/address.ts';
import type { SocketOwner } from './netlink.ts';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
/** The kernel walks its table while we read it: a row that moves meanwhile is missed. */
const TRIES = 3;

/**
 * The owner of the socket at the `local` end of a TCP connection, from /proc/net/tcp and tcp6. The fallback where
 * sock_diag cannot be used: milliseconds instead of microseconds, so it reads asynchronously.
 * @returns undefined when there is no such row, or when rows contradict each other.
 */
export async function ownerByTable(tuple: Tuple): Promise<SocketOwner | undefined> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const texts = await Promise.all(TABLES.map(readTable));
    const owner = findOwner(texts.join('\n'), tuple);
    if (owner) return owner === 'ambiguous' ? undefined : owner;
  }
  return undefined;
}

/**
 * Finds the connection's row. Layout (Documentation/networking/proc_net_tcp.rst): `sl local_address rem_address st
 * tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`; addresses are 32-bit words in the machine's byte order.
 * The same row may be seen twice, since the table moves while it is read; different owners are `ambiguous`.
 */
export function findOwner(table: string, tuple: Tuple): SocketOwner | 'ambiguous' | undefined {
  let found: SocketOwner | undefined;
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/);
    const [, local = '', remote = ''] = columns;
    if (!sameEndpoint(local, tuple.local) || !sameEndpoint(remote, tuple.remote)) continue;
    const owner = { uid: Number(columns[7]), inode: Number(columns[9]) };
    if (!Number.isInteger(owner.uid) || !Number.isInteger(owner.inode)) return 'ambiguous';
    if (found && (found.uid !== owner.uid || found.inode !== owner.inode)) return 'ambiguous';
    found = owner;
  }
  return found;
}

function sameEndpoint(column: string, endpoint: Endpoint): boolean {
  const [address = '', port = ''] = column.split(':');
  // The port is compared first: it settles nearly every row without touching the address.
  if (Number.parseInt(port, 16) !== endpoint.port || (address.length !== 8 && address.length !== 32)) return false;
  const bytes = Buffer.from(address, 'hex');
  const wanted = addressBytes(endpoint.address);
  return wanted !== undefined && unmap(bytes.swap32()).equals(wanted);
}

async function readTable(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (cause) {
    // A kernel without IPv6 has no tcp6.
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return '';
    throw cause;
  }
}
