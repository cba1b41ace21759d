/** The floor of what Node can do: `node pipe.ts PORT` pipes a free loopback port to that one and prints which. */
import { connect, createServer } from 'node:net';

const port = Number(process.argv[2]);
const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const upstream = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  client.pipe(upstream);
  upstream.pipe(client);
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(address?.port);
});
