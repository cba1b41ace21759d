import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Two ends of one real TCP connection on loopback, both paused and half-open, as broker's own are. */
export async function socketPair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
  const far = connect({ host: '127.0.0.1', port: address.port, allowHalfOpen: true, noDelay: true });
  const [near] = (await once(server, 'connection')) as [Socket];
  if (far.connecting) await once(far, 'connect');
  server.close();
  return { near, far };
}

/** All that a socket delivers until its peer ends; rejects when the connection breaks. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Resolves when the peer has closed or broken the connection. */
export async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => undefined);
  if (!socket.closed && !socket.readableEnded) {
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve()).once('end', () => resolve());
      socket.resume();
    });
  }
  socket.destroy();
}
