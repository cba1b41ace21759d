import { AsyncLocalStorage } from 'node:async_hooks';
import { ResponderBuilder, ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder } from '@grpc/grpc-js';
import type { PeerIdentity } from '../caller.ts';

/** How a control connection reached us and who is at its other end. */
export interface ConnectionFacts {
  readonly transport: 'unix' | 'tcp' | 'http';
  /** The identity, as far as the kernel tells; looked up once per connection. Never rejects. */
  readonly peer: Promise<PeerIdentity | undefined>;
  readonly remoteAddress: string;
}

const current = new AsyncLocalStorage<ConnectionFacts>();

/**
 * Hands a connection to the gRPC library so that every handler it runs for it can tell which connection that was.
 * grpc-js has no API for it; but the http2 session, and TLS before it, are made inside `inject`, and Node tells of a new
 * stream in the asynchronous context that its session was made in. `connectionInterceptor` takes it from there.
 */
export function underFacts(facts: ConnectionFacts, inject: () => void): void {
  current.run(facts, inject);
}

/** Carries the facts from the beginning of a call, where Node still knows them, to its handler, where it does not. */
export const connectionInterceptor: ServerInterceptor = (_method, call) => {
  const facts = current.getStore();
  if (facts === undefined) return new ServerInterceptingCall(call);
  const responder = new ResponderBuilder().withStart((next) =>
    next(
      new ServerListenerBuilder()
        .withOnReceiveMetadata((metadata, pass) => current.run(facts, () => pass(metadata)))
        .withOnReceiveMessage((message, pass) => current.run(facts, () => pass(message)))
        .withOnReceiveHalfClose((pass) => current.run(facts, pass))
        .build(),
    ),
  );
  return new ServerInterceptingCall(call, responder.build());
};

/**
 * The facts of the connection that the running gRPC handler was called over; undefined outside of one. `proveConnections`
 * shows at start-up that this still holds with the libraries as they are.
 */
export function connectionFacts(): ConnectionFacts | undefined {
  return current.getStore();
}
