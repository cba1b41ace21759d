import type { ServerResponse } from 'node:http';
import { BrokerError } from '../core/errors.ts';
import { isFieldValue } from './fieldlines.ts';
import { firstOf, valuesOf } from './headers.ts';
import { withLocation } from './location.ts';
import type { BodyScrub, QuietClock } from './scrub/body.ts';
import { codingOf } from './scrub/encoding.ts';
import { scrubFields } from './scrub/fields.ts';
import type { Needles } from './scrub/needles.ts';
import { scrubBody } from './scrub/scrub.ts';
import type { HttpService } from './service.ts';

export interface AnswerParts {
  readonly service: HttpService;
  readonly response: ServerResponse;
  readonly needles: Needles;
  readonly clock: QuietClock;
  /** As it was sent. */
  readonly path: string;
  /** The part of it that is the service's own. */
  readonly basePath: string;
  readonly mount: string;
  /** Told of the cookies that the server sets. */
  readonly setCookie?: (values: readonly string[]) => void;
}

/** Informational answers to one request; a server that has more to say is not going to answer. */
const MAX_INFORMATIONAL = 100;
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;
/** Bytes of a body that are copied to go out in one text with the head. */
const ONE_PIECE = 16 * 1024;
const NOW = Promise.resolve();

/** What the upstream answers, on its way to the client: raw, at the client's pace, with the secrets looked for. */
export class Answer {
  readonly #parts: AnswerParts;
  status = 0;
  bytes = 0;
  scrubbed = false;
  /** It has no body, and so is over with its head: the library misses the bytes that a 304 only announces. */
  ended = false;
  error: BrokerError | undefined;
  #scrub: BodyScrub | undefined;
  #scrubFull = false;
  #resume: (() => void) | undefined;
  readonly #release: () => void;
  #trailers: readonly string[] = [];
  #draining = false;
  #flushed = false;
  /** Content-Length. */
  #length: number | undefined;
  /** The body, where it is small and came in one piece. */
  #whole: Buffer | undefined;
  #informed = 0;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
    // From now on: another request may have the credential renewed before this one is answered.
    this.#release = parts.needles.hold();
  }

  /** @returns false to have the body wait. @throws BrokerError `upstream_protocol` for a redirect into broker. */
  head(
    status: number,
    received: readonly string[],
    resume: () => void,
    phrase: string,
    fail: (error: BrokerError) => void,
  ): boolean {
    const { response, needles, service } = this.#parts;
    const [reason = '', ...headers] = this.#clean([phrase, ...this.#located(service.headers.response(received))]);
    if (status < 100 || !isFieldValue(phrase)) {
      fail(new BrokerError('upstream_protocol', 'the status line of the answer is not as HTTP demands'));
      return true;
    }
    if (status < 200) {
      this.#informed += 1;
      if (this.#informed > MAX_INFORMATIONAL)
        fail(
          new BrokerError('upstream_protocol', `more than ${MAX_INFORMATIONAL} informational answers to one request`),
        );
      else this.#informational(status, reason, headers);
      return true;
    }
    this.status = status;
    this.#resume = resume;
    this.#parts.setCookie?.(valuesOf(received, 'set-cookie'));
    const hasBody = response.req.method !== 'HEAD' && status !== NO_CONTENT && status !== NOT_MODIFIED;
    const encodings = valuesOf(received, 'content-encoding');
    const coding = encodings.length === 0 ? 'identity' : codingOf(encodings.join(','));
    if (coding === undefined && hasBody && needles.body) {
      fail(new BrokerError('upstream_protocol', 'the answer has an encoding that cannot be looked into'));
      return true;
    }
    const declared = firstOf(received, 'content-length');
    // Node refuses to announce them to a client that cannot get chunks.
    const announces = hasBody && declared === undefined && response.req.httpVersionMinor > 0;
    const trailer = announces ? valuesOf(received, 'trailer').join(', ') : '';
    response.sendDate = false;
    if (trailer !== '') headers.push('Trailer', trailer);
    response.writeHead(status, reason, headers);
    if (!hasBody) {
      this.ended = true;
      response.end();
      return true;
    }
    // The client may want the head long before there is a body; what comes with it goes with it.
    void NOW.then(this.#flush);
    this.#length = declared === undefined ? undefined : Number(declared);
    this.#scrub = scrubBody({
      needles,
      coding: coding ?? 'identity',
      contentType: firstOf(received, 'content-type'),
      length: this.#length,
      clock: this.#parts.clock,
      out: {
        bytes: (chunk) => this.#write(chunk),
        ready: () => {
          this.#scrubFull = false;
          this.#drained();
        },
        end: () => this.#end(),
        broken: (error) => fail(error),
        found: () => {
          this.scrubbed = true;
        },
      },
    });
    return true;
  }

  /** @returns false until `resume` was called. */
  data(chunk: Buffer): boolean {
    if (this.ended) return true;
    if (this.#scrub) this.#scrubFull = !this.#scrub.write(chunk);
    else this.#write(chunk);
    if (!this.#parts.response.writableNeedDrain) return !this.#scrubFull;
    this.#awaitDrain();
    return false;
  }

  complete(trailers: readonly string[]): void {
    if (this.ended) return;
    this.#trailers = trailers;
    if (this.#scrub) this.#scrub.end();
    else this.#end();
  }

  readonly #drained = (): void => {
    this.#draining = false;
    if (this.#scrubFull) return;
    if (this.#parts.response.writableNeedDrain) this.#awaitDrain();
    else this.#resume?.();
  };

  #awaitDrain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#parts.response.once('drain', this.#drained);
  }

  #write(chunk: Buffer): void {
    const first = this.bytes === 0;
    this.bytes += chunk.length;
    // All of a small body at once: its end is about to be told, and all goes out with one call of the kernel.
    if (first && !this.#flushed && this.bytes === this.#length && chunk.length <= ONE_PIECE) this.#whole = chunk;
    else this.#parts.response.write(chunk);
  }

  readonly #flush = (): void => {
    const { response } = this.#parts;
    this.#flushed = true;
    if (response.writableEnded || response.destroyed) return;
    if (this.#whole) response.write(this.#whole);
    else if (this.bytes === 0) response.flushHeaders();
    this.#whole = undefined;
  };

  #end(): void {
    const { response, service } = this.#parts;
    if (this.#trailers.length > 0 && response.chunkedEncoding) {
      const clean = this.#clean(service.headers.response(this.#trailers));
      const pairs: [string, string][] = [];
      for (let at = 0; at < clean.length; at += 2) pairs.push([clean[at] ?? '', clean[at + 1] ?? '']);
      response.addTrailers(pairs);
    }
    if (this.#whole) writeInOne(response, this.#whole);
    response.end();
  }

  /** A 1xx goes out by hand: Node knows two of them, and those not whole. */
  #informational(status: number, text: string, headers: readonly string[]): void {
    const { response } = this.#parts;
    if (response.headersSent || !response.socket || response.req.httpVersionMinor === 0) return;
    let head = `HTTP/1.1 ${status} ${text}\r\n`;
    for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
    response.socket.write(`${head}\r\n`, 'latin1');
  }

  /** Without secrets. */
  #clean(fields: readonly string[]): readonly string[] {
    const clean = scrubFields(this.#parts.needles, fields);
    if (clean !== fields) this.scrubbed = true;
    return clean;
  }

  #located(headers: string[]): string[] {
    const { path, basePath, mount, service, response } = this.#parts;
    const { base, guard } = service.upstream;
    return withLocation(headers, { path, base, mount, basePath, host: response.req.headers.host ?? '', guard });
  }

  /** The response was closed, in whatever way. */
  over(): void {
    if (this.#draining) this.#parts.response.off('drain', this.#drained);
    this.#scrub?.[Symbol.dispose]();
    this.#release();
  }
}

/**
 * Head and body by one write of one text: node:http joins a text to the head, and has nothing left for `end` to send behind
 * it. A list of pieces, one of them empty, for the kernel to gather takes longer.
 */
function writeInOne(response: ServerResponse, body: Buffer): void {
  const { socket } = response;
  // While it is corked, node:http does not do so on its own, which would last until the next turn.
  socket?.cork();
  response.write(body.toString('latin1'), 'latin1');
  socket?.uncork();
}
