import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below Linux's ephemeral range (32768 up), so that no outgoing connection takes a port between choice and use. */
const FIRST = 12_000;
const LAST = 32_000;

/** `count` different loopback ports that nothing listens on, on IPv4 and, where the machine has it, IPv6. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (!ports.has(port) && (await isFree(port, '127.0.0.1')) && (await isFree(port, '::1'))) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  server.listen({ port, host, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code !== 'EADDRINUSE'; // no IPv6 here: nothing in the way
  }
  server.close();
  await once(server, 'close');
  return true;
}
