import type { Socket } from 'node:net';
import type { PeerIdentity } from '../caller.ts';
import { isLoopback } from '../grpc/listen.ts';
import { descriptorOf } from './credentials.ts';
import type { PeerLookup } from './lookup.ts';

/** Who is at the other end of an accepted connection. */
export interface OtherEnd {
  /** Never rejects; undefined is: not known, which grants nothing. */
  readonly peer: Promise<PeerIdentity | undefined>;
  /** `local` for a unix socket. */
  readonly remoteAddress: string;
}

/**
 * Begins the lookup of a connection's other end. Call it at accept: a client that sends and leaves has no owner any more a
 * moment later.
 */
export function otherEnd(socket: Socket, through: 'unix' | 'tcp', peers: PeerLookup): OtherEnd {
  if (through === 'unix') {
    const fd = descriptorOf(socket);
    return { peer: Promise.resolve(fd === undefined ? undefined : peers.unix(fd)), remoteAddress: 'local' };
  }
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (!localAddress || !localPort || !remoteAddress || !remotePort) {
    // Gone already: whoever it was, it gets no answer.
    socket.destroy();
    return { peer: Promise.resolve(undefined), remoteAddress: 'unknown' };
  }
  const found = isLoopback(remoteAddress)
    ? peers.tcp({ address: localAddress, port: localPort }, { address: remoteAddress, port: remotePort })
    : Promise.resolve(undefined);
  return { peer: found.catch(() => undefined), remoteAddress };
}
