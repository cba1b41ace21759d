import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { BrokerError } from '../core/errors.ts';

/** How long a request's body may be, and what to say of a longer one. */
export interface BodyLimit {
  /** 0: no limit. */
  readonly maxBytes: number;
  readonly error: () => BrokerError;
}

/**
 * A request's body on its way to the upstream: counted, bounded, at the upstream's pace. A stream of its own, since the
 * client library destroys the one that it is given, and the client's connection has to outlive that.
 */
export class Upload extends Readable {
  readonly #request: IncomingMessage;
  readonly #limit: BodyLimit;
  /** Bytes so far. */
  bytes = 0;

  constructor(request: IncomingMessage, limit: BodyLimit) {
    super();
    this.#request = request;
    this.#limit = limit;
    request.on('data', this.#data);
    request.once('end', this.#end);
    request.once('close', this.#close);
    request.pause();
  }

  override _read(): void {
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#request.off('data', this.#data);
    this.#request.off('end', this.#end);
    this.#request.off('close', this.#close);
    // What still comes is not wanted any more; unread it would stand in the way of the client's next request.
    this.#request.resume();
    done(error);
  }

  readonly #data = (chunk: Buffer): void => {
    this.bytes += chunk.length;
    if (this.#limit.maxBytes > 0 && this.bytes > this.#limit.maxBytes) this.destroy(this.#limit.error());
    else if (!this.push(chunk)) this.#request.pause();
  };

  readonly #end = (): void => {
    this.push(null);
  };

  readonly #close = (): void => {
    if (!this.#request.complete) this.destroy(new BrokerError('client_gone', 'the client went away'));
  };
}

/**
 * A whole body, for kinds that sign it or may have to send it twice.
 * @throws BrokerError `too_large`, `client_gone`.
 */
export async function wholeBody(request: IncomingMessage, limit: BodyLimit): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of new Upload(request, limit)) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Content-Length, 0 where there is no body, undefined where the length is not known before its end. */
export function bodyLength(request: IncomingMessage): number | undefined {
  const { headers } = request;
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0);
}

export function tooLarge(maxBytes: number): BrokerError {
  return new BrokerError('too_large', `the body of the request is larger than ${maxBytes} bytes`);
}
