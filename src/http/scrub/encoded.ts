import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { BrokerError } from '../../core/errors.ts';
import { type BodyOut, type BodyScrub, QUIET_MS, type QuietClock } from './body.ts';
import type { Coding } from './encoding.ts';
import type { Hit, Matcher } from './matcher.ts';
import type { Needles } from './needles.ts';

export interface EncodedOptions {
  readonly needles: Needles;
  readonly coding: Exclude<Coding, 'identity'>;
  readonly clock: QuietClock;
  readonly out: BodyOut;
}

type Decoder = ReturnType<typeof createGunzip> | ReturnType<typeof createBrotliDecompress>;

/** Bytes that a decoder hands over at a time, and so all that a bomb can make it hold besides its window (br: 16 MB). */
const PIECE = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * A compressed body. Its bytes go on as they came, one chunk behind a decoder whose output is searched: what was hit
 * cannot be overwritten in compressed data, so the connection breaks. The encoded bytes are searched too, since
 * a gzip header has room for text, and so has what stands behind the end.
 */
export class EncodedScrub implements BodyScrub {
  readonly #letGo: () => void;
  readonly #coding: EncodedOptions['coding'];
  readonly #clock: QuietClock;
  readonly #out: BodyOut;
  readonly #raw: Searcher;
  readonly #decoded: Searcher;
  #decoder: Decoder | undefined;
  /** Searched, and waiting for the next chunk to be. */
  #behind: Buffer | undefined;
  /** Being searched. */
  #current: Buffer | undefined;
  #quiet: { cancel(): void } | undefined;
  /** The encoded data came to its end before the body did: no decoder makes anything of what follows. */
  #over = false;
  #ended = false;
  #done = false;

  /** @param matcher of `needles`. */
  constructor(matcher: Matcher, { needles, coding, clock, out }: EncodedOptions) {
    this.#letGo = needles.hold();
    this.#coding = coding;
    this.#clock = clock;
    this.#out = out;
    this.#raw = new Searcher(matcher);
    this.#decoded = new Searcher(matcher);
  }

  write(chunk: Buffer): boolean {
    if (this.#done || chunk.length === 0) return true;
    this.#quiet?.cancel();
    if (this.#raw.finds(chunk)) {
      this.#hit();
      return true;
    }
    if (this.#over) {
      this.#advance(chunk);
      return true;
    }
    this.#current = chunk;
    this.#decoder ??= this.#start(chunk);
    this.#decoder.write(chunk, () => this.#searched());
    return false;
  }

  end(): void {
    this.#ended = true;
    this.#quiet?.cancel();
    if (this.#done || this.#current !== undefined) return;
    this.#endDecoder();
  }

  [Symbol.dispose](): void {
    this.#done = true;
    this.#quiet?.cancel();
    this.#decoder?.destroy();
    this.#raw.wipe();
    this.#decoded.wipe();
    this.#letGo();
  }

  /** The decoder has taken all of the chunk, and its output was searched. */
  #searched(): void {
    const chunk = this.#current;
    if (this.#done || chunk === undefined) return;
    this.#current = undefined;
    this.#advance(chunk);
    if (this.#ended) this.#endDecoder();
    else this.#out.ready();
  }

  #advance(chunk: Buffer): void {
    this.#sendBehind();
    this.#behind = chunk;
    if (!this.#ended) this.#quiet = this.#clock.after(QUIET_MS, () => this.#sendBehind());
  }

  #endDecoder(): void {
    if (this.#decoder && !this.#over) this.#decoder.end();
    else this.#finish();
  }

  /** The decoder's output ended: with the body, or before it, and then its last input is never called back about. */
  #decoderEnded(): void {
    this.#over = true;
    if (this.#current !== undefined) this.#searched();
    else if (this.#ended) this.#finish();
  }

  #sendBehind(): void {
    const chunk = this.#behind;
    this.#behind = undefined;
    if (chunk !== undefined && !this.#done) this.#out.bytes(chunk);
  }

  #finish(): void {
    if (this.#done) return;
    this.#sendBehind();
    this[Symbol.dispose]();
    this.#out.end();
  }

  #hit(): void {
    this[Symbol.dispose]();
    this.#out.found();
    this.#out.broken(
      new BrokerError(
        'upstream_protocol',
        'the response held the credential, in compressed form: it was cut off there',
      ),
    );
  }

  #start(first: Buffer): Decoder {
    const decoder = decoderFor(this.#coding, first);
    decoder.on('data', (piece: Buffer) => {
      if (!this.#done && this.#decoded.finds(piece)) this.#hit();
    });
    decoder.on('end', () => this.#decoderEnded());
    decoder.on('error', (cause: Error) => {
      if (this.#done) return;
      this[Symbol.dispose]();
      this.#out.broken(
        new BrokerError('upstream_protocol', `the response is not the ${this.#coding} data that it is declared to be`, {
          cause,
        }),
      );
    });
    return decoder;
  }
}

/** Looks for secrets in a stream, across its pieces. Holds no more of it than one byte less than the longest form. */
class Searcher {
  readonly #matcher: Matcher;
  #last: Buffer = NOTHING;

  constructor(matcher: Matcher) {
    this.#matcher = matcher;
  }

  finds(piece: Buffer): boolean {
    const hits: Hit[] = [];
    const overlap = this.#matcher.maxBytes - 1;
    // Across the border only a short stretch; the piece itself as it is.
    if (this.#last.length > 0) this.#matcher.find(Buffer.concat([this.#last, piece.subarray(0, overlap)]), hits);
    if (hits.length === 0) this.#matcher.find(piece, hits);
    const joined = piece.length >= overlap ? piece : Buffer.concat([this.#last, piece]);
    this.#last = Buffer.from(joined.subarray(Math.max(0, joined.length - overlap)));
    return hits.length > 0;
  }

  wipe(): void {
    this.#last.fill(0);
    this.#last = NOTHING;
  }
}

/** A body that ends early is for the client to notice: what was decoded of it was searched. */
function decoderFor(coding: EncodedOptions['coding'], first: Buffer): Decoder {
  const zlib = { chunkSize: PIECE, finishFlush: constants.Z_SYNC_FLUSH };
  if (coding === 'br')
    return createBrotliDecompress({ chunkSize: PIECE, finishFlush: constants.BROTLI_OPERATION_FLUSH });
  if (coding === 'gzip') return createGunzip(zlib);
  // RFC 9110 §8.4.1.2 means the zlib format; some servers send bare deflate data. The low nibble of a zlib header is 8.
  return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate(zlib) : createInflateRaw(zlib);
}
