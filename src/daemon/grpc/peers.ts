import type { PeerIdentity } from '../caller.ts';
import { callStream, property } from './callstream.ts';

/** How a control connection reached us and who is at its other end. */
export interface ConnectionFacts {
  readonly transport: 'unix' | 'tcp' | 'http';
  /** The identity, as far as the kernel tells; looked up once per connection. Never rejects. */
  readonly peer: Promise<PeerIdentity | undefined>;
  readonly remoteAddress: string;
}

const FACTS = Symbol('facts of the connection');

/**
 * Notes on a connection who is at its other end, before the gRPC library gets it, or on a call that has no connection of
 * the library's. An AsyncLocalStorage would need less of the library's insides, and cost everything else in the daemon:
 * on Node 20 a tenth of each HTTP request.
 */
export function noteFacts(on: object, facts: ConnectionFacts): void {
  Object.defineProperty(on, FACTS, { value: facts });
}

/**
 * The facts of the connection that a call came over: to be asked as soon as the call is there. grpc-js has no API for it,
 * and the way leads through its insides and Node's (a TLS socket keeps the one below it): `proveConnections` shows at
 * start-up that it still is one with the libraries as they are.
 * @returns undefined when the connection has gone already.
 */
export function connectionFacts(call: object): ConnectionFacts | undefined {
  const socket = property(property(callStream(call), 'session'), 'socket');
  return factsOn(call) ?? factsOn(socket) ?? factsOn(property(socket, '_parent'));
}

function factsOn(value: unknown): ConnectionFacts | undefined {
  const facts = property(value, FACTS);
  return isFacts(facts) ? facts : undefined;
}

/** Nobody else has the symbol. */
function isFacts(value: unknown): value is ConnectionFacts {
  return value !== undefined;
}
