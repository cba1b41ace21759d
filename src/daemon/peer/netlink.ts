import { addressBytes, type Tuple, unmap } from '../../core/address.ts';
import type { Libc } from './libc.ts';

/** What the kernel knows about the owner of a socket. An inode of 0 means that no process holds it any more. */
export interface SocketOwner {
  readonly uid: number;
  readonly inode: number;
}

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const MSG_DONTWAIT = 0x40;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
const REQUEST_BYTES = 72;
/** Up to and including `idiag_inode`. */
const REPLY_BYTES = 88;

/**
 * Asks the kernel who owns the socket at the `local` end of a TCP connection of this network namespace.
 * Synchronous on purpose: the kernel answers within the send call (16 us), nothing is waited for.
 * @returns undefined when there is no such connection.
 * @throws Error when the kernel does not offer sock_diag (a sandbox, a missing module).
 */
export function ownerByNetlink(libc: Libc, tuple: Tuple): SocketOwner | undefined {
  const request = encodeRequest(tuple);
  if (!request) return undefined;
  const fd = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) throw new Error('cannot open a NETLINK_SOCK_DIAG socket');
  try {
    if (libc.send(fd, request, request.length, 0) !== request.length) throw new Error('sock_diag request not accepted');
    const reply = Buffer.alloc(4_096);
    const length = libc.recv(fd, reply, reply.length, MSG_DONTWAIT);
    if (length < 20) throw new Error('no reply from sock_diag');
    return decodeReply(reply.subarray(0, length), tuple);
  } finally {
    libc.close(fd);
  }
}

/**
 * sock_diag(7): struct nlmsghdr { u32 len; u16 type; u16 flags; u32 seq; u32 pid }, then struct inet_diag_req_v2
 * { u8 family; u8 protocol; u8 ext; u8 pad; u32 states; inet_diag_sockid { be16 sport; be16 dport; be32 src[4];
 * be32 dst[4]; u32 if; u32 cookie[2] } }. A cookie of all ones matches any.
 */
export function encodeRequest(tuple: Tuple): Buffer | undefined {
  const local = addressBytes(tuple.local.address);
  const remote = addressBytes(tuple.remote.address);
  if (!local || !remote || local.length !== remote.length) return undefined;
  const request = Buffer.alloc(REQUEST_BYTES);
  request.writeUInt32LE(REQUEST_BYTES, 0);
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  request.writeUInt16LE(NLM_F_REQUEST, 6);
  request.writeUInt32LE(1, 8);
  request.writeUInt8(local.length === 4 ? AF_INET : AF_INET6, 16);
  request.writeUInt8(IPPROTO_TCP, 17);
  request.writeUInt32LE(0xffffffff, 20);
  request.writeUInt16BE(tuple.local.port, 24);
  request.writeUInt16BE(tuple.remote.port, 26);
  local.copy(request, 28);
  remote.copy(request, 44);
  request.fill(0xff, 64, 72);
  return request;
}

/**
 * struct nlmsghdr, then struct inet_diag_msg { u8 family; u8 state; u8 timer; u8 retrans; inet_diag_sockid; u32 expires;
 * u32 rqueue; u32 wqueue; u32 uid; u32 inode }. An exact request that matches no connection may be answered with a
 * listening socket instead, so the whole 4-tuple is compared.
 */
export function decodeReply(reply: Buffer, tuple: Tuple): SocketOwner | undefined {
  const type = reply.readUInt16LE(4);
  if (type !== SOCK_DIAG_BY_FAMILY) {
    const ENOENT = -2;
    if (type === 2 && reply.length >= 20 && reply.readInt32LE(16) === ENOENT) return undefined;
    throw new Error('sock_diag answered with an error');
  }
  if (reply.length < REPLY_BYTES) throw new Error('sock_diag answered with a short message');
  const size = reply.readUInt8(16) === AF_INET ? 4 : 16;
  const same =
    reply.readUInt16BE(20) === tuple.local.port &&
    reply.readUInt16BE(22) === tuple.remote.port &&
    sameAddress(reply.subarray(24, 24 + size), tuple.local.address) &&
    sameAddress(reply.subarray(40, 40 + size), tuple.remote.address);
  return same ? { uid: reply.readUInt32LE(80), inode: reply.readUInt32LE(84) } : undefined;
}

function sameAddress(bytes: Buffer, address: string): boolean {
  const wanted = addressBytes(address);
  return wanted !== undefined && unmap(bytes).equals(wanted);
}
