import { type Duplex, duplexPair } from 'node:stream';

/** Two ends of a connection in memory. As with sockets, when one is destroyed the other closes too. */
export function streamPair(): [Duplex, Duplex] {
  const [a, b] = duplexPair();
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    one.once('close', () => other.destroy());
    // Without a listener an error would end the process; whoever reads the stream sees the close.
    one.on('error', () => other.destroy());
  }
  return [a, b];
}
