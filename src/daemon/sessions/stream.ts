import { once } from 'node:events';
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

/**
 * Connects a stream to a caller that sends and receives messages. The end of `incoming` half-closes; what still comes
 * is delivered; then it resolves. Back-pressure goes both ways.
 * @throws what `incoming` or `send` failed with, or the signal's reason; the stream is then closed.
 */
export async function pumpStream(
  stream: Duplex,
  incoming: AsyncIterable<Buffer>,
  send: (data: Buffer) => void | Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const abort = (): void => void stream.destroy();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const failed = (error: unknown): void => {
    failure ??= { error };
    stream.destroy();
  };
  let failure: { readonly error: unknown } | undefined;
  // Not awaited at the end: the client may have more to say when the session is over already.
  up(stream, incoming).catch(failed);
  try {
    await down(stream, send);
  } catch (error) {
    failed(error);
  } finally {
    signal.removeEventListener('abort', abort);
    stream.destroy();
  }
  if (signal.aborted) throw signal.reason;
  if (failure) throw failure.error;
}

async function up(stream: Duplex, incoming: AsyncIterable<Buffer>): Promise<void> {
  for await (const data of incoming) {
    if (stream.destroyed || stream.writableEnded) return;
    if (stream.write(data)) continue;
    await Promise.race([once(stream, 'drain'), once(stream, 'close')]);
  }
  if (!stream.destroyed) stream.end();
}

async function down(stream: Duplex, send: (data: Buffer) => void | Promise<void>): Promise<void> {
  try {
    for await (const data of stream) if (Buffer.isBuffer(data)) await send(data);
  } catch (error) {
    // A session that was cut off closes its stream without an end, which the iterator reports as an error.
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  }
}
