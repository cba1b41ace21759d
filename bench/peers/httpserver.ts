/** An upstream: /x answers 100 bytes, /down/N sends N bytes, and whatever is sent to /up is read. Prints its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const SMALL = Buffer.alloc(100, 'x');
const CHUNK = Buffer.alloc(64 * 1024, 'x');

const server = createServer((request, response) => {
  const size = Number(/^\/down\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0);
  if (request.method === 'POST') {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => response.end(String(bytes)));
  } else if (size === 0) {
    response.setHeader('Content-Length', SMALL.length);
    response.end(SMALL);
  } else {
    response.setHeader('Content-Length', size);
    let left = size;
    const more = (): void => {
      while (left > 0) {
        const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
        left -= chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  }
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
