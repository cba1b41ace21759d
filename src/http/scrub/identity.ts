import type { BodyOut, BodyScrub, QuietClock } from './body.ts';
import { QUIET_MS } from './body.ts';
import type { Hit, Matcher } from './matcher.ts';
import { type Needles, STAND_IN } from './needles.ts';

/**
 * How much is held back, so that a secret that comes in pieces is seen whole. Never by what the held bytes are: whoever has
 * guesses echoed could tell from it how much of a guess is right (MECHANISMS §6).
 * `tail`: always one byte less than the longest form, until nothing came for 20 ms. `lines`: what follows the last line
 * feed; every line goes out as soon as it is complete.
 */
export type HoldBack = 'tail' | 'lines';

/** A line this long is not waited for any more; its tail is held back instead. */
const LONGEST_LINE = 64 * 1024;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

export interface IdentityOptions {
  readonly needles: Needles;
  readonly holdBack: HoldBack;
  readonly clock: QuietClock;
  readonly out: BodyOut;
  /** Content-Length, where there is one: with its last byte nothing needs to be held back. */
  readonly length?: number | undefined;
}

/** A body that is not encoded: secrets are overwritten with `*`, and its length stays. */
export class IdentityScrub implements BodyScrub {
  readonly #matcher: Matcher;
  readonly #letGo: () => void;
  readonly #holdBack: HoldBack;
  readonly #clock: QuietClock;
  readonly #out: BodyOut;
  readonly #overlap: number;
  #left: number;
  /** The last bytes as they came: some are out already, which later ones may turn out to belong to; the last `held` are not. */
  #recent: Buffer = NOTHING;
  #held = 0;
  #quiet: { cancel(): void } | undefined;
  #found = false;
  #done = false;

  /** @param matcher of `needles`. */
  constructor(matcher: Matcher, { needles, holdBack, clock, out, length }: IdentityOptions) {
    this.#matcher = matcher;
    this.#letGo = needles.hold();
    this.#holdBack = holdBack;
    this.#clock = clock;
    this.#out = out;
    this.#overlap = matcher.maxBytes - 1;
    this.#left = length ?? Number.POSITIVE_INFINITY;
  }

  write(chunk: Buffer): boolean {
    if (this.#done || chunk.length === 0) return true;
    this.#quiet?.cancel();
    this.#quiet = undefined;
    this.#left -= chunk.length;
    this.#release(chunk, this.#left <= 0 ? chunk.length : this.#releasable(chunk));
    if (this.#held > 0 && this.#holdBack === 'tail') {
      this.#quiet = this.#clock.after(QUIET_MS, () => this.#release(NOTHING, 0));
    }
    return true;
  }

  end(): void {
    if (this.#done) return;
    if (this.#held > 0) this.#release(NOTHING, 0);
    this[Symbol.dispose]();
    this.#out.end();
  }

  [Symbol.dispose](): void {
    this.#done = true;
    this.#quiet?.cancel();
    this.#recent.fill(0);
    this.#letGo();
  }

  /** Up to where the new chunk can go out, whatever comes next; below zero: up to there of what is held. */
  #releasable(chunk: Buffer): number {
    const tail = Math.max(-this.#held, chunk.length - this.#overlap);
    if (this.#holdBack === 'tail') return tail;
    const line = chunk.lastIndexOf(LF);
    const lines = line < 0 ? -this.#held : line + 1;
    return chunk.length - lines > Math.max(LONGEST_LINE, this.#overlap) ? tail : lines;
  }

  /** Sends what is held and the new chunk up to `until`, and remembers what a later chunk needs. Offsets are the chunk's. */
  #release(chunk: Buffer, until: number): void {
    const recent = this.#recent;
    const held = this.#held;
    const hits = this.#search(recent, chunk);
    const keep = until - this.#overlap;
    const kept =
      keep < 0 ? Buffer.concat([recent.subarray(Math.max(0, recent.length + keep)), chunk]) : chunk.subarray(keep);
    this.#recent = keep < 0 ? kept : Buffer.from(kept);
    this.#held = chunk.length - until;
    if (until > -held && held > 0)
      this.#send(recent, recent.length - held, recent.length + Math.min(0, until), hits, recent.length);
    if (until > 0) this.#send(chunk, 0, until, hits, 0);
  }

  /** All hits, by the chunk's offsets. The chunk is searched where it lies: only its border with what came before is copied. */
  #search(recent: Buffer, chunk: Buffer): Hit[] {
    const hits: Hit[] = [];
    if (recent.length > 0) {
      const border: Hit[] = [];
      this.#matcher.find(Buffer.concat([recent, chunk.subarray(0, this.#overlap)]), border);
      for (const { start, end } of border) hits.push({ start: start - recent.length, end: end - recent.length });
    }
    this.#matcher.find(chunk, hits);
    return hits;
  }

  /** Sends part of `bytes`, whose first byte has the offset `-base`. */
  #send(bytes: Buffer, from: number, until: number, hits: readonly Hit[], base: number): void {
    const ours = hits.filter((hit) => hit.start + base < until && hit.end + base > from);
    if (ours.length === 0) {
      this.#out.bytes(bytes.subarray(from, until));
      return;
    }
    const clean = Buffer.from(bytes);
    for (const { start, end } of ours) clean.fill(STAND_IN, Math.max(from, start + base), Math.min(until, end + base));
    this.#out.bytes(clean.subarray(from, until));
    if (this.#found) return;
    this.#found = true;
    this.#out.found();
  }
}
