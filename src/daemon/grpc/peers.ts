import type { Socket } from 'node:net';
import type { PeerIdentity } from '../caller.ts';

/** How a control connection reached us and who is at its other end. */
export interface ConnectionFacts {
  readonly transport: 'unix' | 'tcp';
  /** The identity, as far as the kernel tells; looked up once per connection. */
  readonly peer: Promise<PeerIdentity | undefined>;
  readonly remoteAddress: string;
}

const FACTS = Symbol('broker connection facts');
type Tagged = { [FACTS]?: ConnectionFacts };

/**
 * Remembers facts on the socket itself, not in a WeakMap: http2 shows handlers a proxy of the socket, which passes
 * property reads through but is another object.
 */
export function tagConnection(socket: Socket, facts: ConnectionFacts): void {
  (socket as Socket & Tagged)[FACTS] = facts;
}

/**
 * The facts of the connection that a gRPC call came in on. grpc-js has no API for it: the http2 stream hangs off the
 * innermost intercepting call. `selfCheck` in server.ts proves at start-up that this still holds.
 */
export function connectionOf(call: object): ConnectionFacts | undefined {
  let at: unknown = property(call, 'call');
  for (let depth = 0; depth < 6 && at !== undefined; depth++) {
    const stream = property(at, 'stream');
    if (stream !== undefined)
      return property(property(property(stream, 'session'), 'socket'), FACTS) as ConnectionFacts | undefined;
    at = property(at, 'nextCall');
  }
  return undefined;
}

function property(of: unknown, name: string | symbol): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string | symbol, unknown>)[name] : undefined;
}
