import { BrokerError } from '../../core/errors.ts';

/** Bytes per message of a byte stream. */
const CHUNK_BYTES = 64 * 1024;

export function* chunks(bytes: Buffer): Generator<{ data: Buffer }> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield { data: bytes.subarray(at, at + CHUNK_BYTES) };
}

/** Collects the data of a client stream. @throws BrokerError `too_large`, as soon as `maxBytes` is passed. */
export async function collect<M extends { data: Buffer }>(
  messages: AsyncIterable<M>,
  maxBytes: number,
  first: (message: M) => void,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  let isFirst = true;
  try {
    for await (const message of messages) {
      if (isFirst) first(message);
      isFirst = false;
      total += message.data.length;
      parts.push(message.data);
      if (total > maxBytes) throw new BrokerError('too_large', `more than ${maxBytes} bytes`);
    }
    return Buffer.concat(parts, total);
  } finally {
    for (const part of parts) part.fill(0);
  }
}
