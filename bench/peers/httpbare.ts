/**
 * The barest pass-through that adds a credential: node:http in front, undici's dispatch with raw header arrays behind. No
 * authentication, no policy, no scrub, no record. Argument: the upstream's port. Prints its own.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Dispatcher, Pool } from 'undici';

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`);
const DROPPED = new Set(['host', 'connection', 'x-broker-token']);

const server = createServer((request, response) => {
  const headers: string[] = ['authorization', 'Bearer secret'];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at] ?? '';
    if (!DROPPED.has(name.toLowerCase())) headers.push(name, request.rawHeaders[at + 1] ?? '');
  }
  const body = request.method === 'GET' ? null : request;
  const options = { method: request.method ?? 'GET', path: request.url ?? '/', headers, body };
  const handler = {
    onConnect: () => undefined,
    onHeaders: (status: number, raw: Buffer[], resume: () => void) => {
      const out: string[] = [];
      for (let at = 0; at < raw.length; at += 2) {
        const name = String(raw[at]);
        if (!/^(connection|keep-alive|transfer-encoding)$/i.test(name)) out.push(name, String(raw[at + 1]));
      }
      response.on('drain', resume);
      response.writeHead(status, out);
      return true;
    },
    onData: (chunk: Buffer) => response.write(chunk),
    onComplete: () => response.end(),
    onError: () => response.destroy(),
  };
  pool.dispatch(options as Dispatcher.DispatchOptions, handler as unknown as Dispatcher.DispatchHandler);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
