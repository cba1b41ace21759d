import type { IncomingMessage } from 'node:http';
import { BrokerError } from '../../../core/errors.ts';
import type { JsonValue } from '../../../core/json.ts';
import { HttpRefusal } from '../answers.ts';

/** Bytes of a JSON body (PEERS §8). */
const MAX_JSON_BYTES = 1024 * 1024;
/** Milliseconds for all of it to come. */
const BODY_MS = 30_000;

/**
 * Reads a JSON body; an empty one is `{}`. What type it is said to be does not matter (`curl -d` says a form): pages of other
 * origins, which could send only such types, are kept out by their Origin.
 * @throws BrokerError `too_large`, `client_timeout`, `client_gone`, `invalid_argument` for what is no JSON in UTF-8.
 */
export async function readJson(request: IncomingMessage): Promise<JsonValue> {
  const { 'content-encoding': encoding } = request.headers;
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new HttpRefusal(415, 'the body must not be encoded');
  const bytes = await collect(request);
  try {
    if (bytes.length === 0) return {};
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Without the parser's words, which quote the body, and there may be a secret in it.
    throw new BrokerError('invalid_argument', 'the body is not JSON in UTF-8');
  } finally {
    bytes.fill(0);
  }
}

function collect(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let total = 0;
    const settle = (error?: BrokerError): void => {
      clearTimeout(late);
      request.off('data', data).off('end', end).off('close', gone);
      if (!error) resolve(Buffer.concat(chunks, total));
      for (const chunk of chunks) chunk.fill(0);
      if (error) reject(error);
    };
    const data = (chunk: Buffer): void => {
      chunks.push(chunk);
      total += chunk.length;
      if (total > MAX_JSON_BYTES)
        settle(new BrokerError('too_large', `the body is larger than ${MAX_JSON_BYTES} bytes`));
    };
    const end = (): void => settle();
    const gone = (): void => settle(new BrokerError('client_gone', 'the body broke off'));
    const late = setTimeout(() => settle(new BrokerError('client_timeout', 'the body did not come in time')), BODY_MS);
    request.on('data', data).once('end', end).once('close', gone);
  });
}
