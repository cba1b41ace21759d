import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A listener that passes everything on to a port and keeps a copy of it. */
export interface Tap extends AsyncDisposable {
  readonly port: number;
  /** From the client to the port. */
  readonly up: Buffer[];
  /** From the port to the client. */
  readonly down: Buffer[];
}

/** Listens on a free loopback port in front of `port`. */
export async function tap(host: string, port: number): Promise<Tap> {
  const up: Buffer[] = [];
  const down: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const far = connect({ host, port, allowHalfOpen: true });
    for (const socket of [client, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('error', () => far.destroy()); // a broken side ends the other; both ends report their own error
    far.on('error', () => client.destroy());
    client.on('data', (chunk: Buffer) => up.push(Buffer.from(chunk)));
    far.on('data', (chunk: Buffer) => down.push(Buffer.from(chunk)));
    client.pipe(far);
    far.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    up,
    down,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
