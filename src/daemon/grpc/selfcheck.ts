import { once } from 'node:events';
import { createServer } from 'node:net';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { type ConnectionFacts, connectionFacts, noteFacts } from './peers.ts';

const PATH = '/broker.SelfCheck/WhoCalls';
/** Milliseconds; a call to ourselves takes a few. */
const PATIENCE_MS = 5_000;
const same = (bytes: Buffer): Buffer => bytes;

/**
 * Proves, by one call to a server of its own on loopback, that a handler learns over which connection it was called:
 * all that is said about callers stands on it, and a new version of the gRPC library or of Node could change it.
 * @returns false when it does not hold here: then no caller has a uid, and sessions need tickets.
 */
export async function proveConnections(): Promise<boolean> {
  const server = new Server();
  let seen: ConnectionFacts | undefined;
  const method = { path: PATH, requestStream: false, responseStream: false } as const;
  const codec = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { WhoCalls: { ...method, ...codec } },
    {
      WhoCalls: (call: object, callback: (error: null, value: Buffer) => void) => {
        seen = connectionFacts(call);
        callback(null, Buffer.alloc(0));
      },
    },
  );
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const facts: ConnectionFacts = { transport: 'tcp', peer: Promise.resolve(undefined), remoteAddress: 'self' };
  const listener = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    noteFacts(socket, facts);
    injector.injectConnection(socket);
  });
  let client: Client | undefined;
  try {
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    if (address === null || typeof address === 'string') return false;
    client = new Client(`127.0.0.1:${address.port}`, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
    await call(client);
    return seen === facts;
  } catch {
    // A sandbox without loopback: nothing is proven.
    return false;
  } finally {
    client?.close();
    listener.close();
    server.forceShutdown();
  }
}

function call(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + PATIENCE_MS;
    client.makeUnaryRequest(PATH, same, same, Buffer.alloc(0), { deadline }, (error) =>
      error ? reject(error) : resolve(),
    );
  });
}
