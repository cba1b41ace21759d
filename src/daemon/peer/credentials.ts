import { readlinkSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import type { PeerIdentity } from '../caller.ts';
import type { Libc } from './libc.ts';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/**
 * Who connected to a unix socket, as of the connect call (unix(7), SO_PEERCRED): struct ucred { s32 pid; u32 uid;
 * u32 gid }. A pid of 0 is a process of another pid namespace.
 * @returns undefined when the kernel does not say.
 */
export function unixPeer(libc: Libc, fd: number): PeerIdentity | undefined {
  const ucred = Buffer.alloc(12);
  const length: [number] = [12];
  if (libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, length) !== 0 || length[0] !== 12) return undefined;
  const pid = ucred.readInt32LE(0);
  const executable = pid > 0 ? executableOf(pid) : undefined;
  return {
    uid: ucred.readUInt32LE(4),
    gid: ucred.readUInt32LE(8),
    ...(pid > 0 && { pid }),
    ...(executable !== undefined && { executable }),
  };
}

/**
 * The descriptor of an accepted socket, for `PeerLookup.unix`. Node keeps it on an undocumented handle; where that is
 * gone the peer counts as unknown, which refuses.
 */
export function descriptorOf(socket: Duplex): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/** For the audit log only: the process may have exec'ed or gone since, and another user's is not readable. */
function executableOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}
