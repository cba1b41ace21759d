import type { BodyOut, BodyScrub, QuietClock } from './body.ts';
import { EncodedScrub } from './encoded.ts';
import type { Coding } from './encoding.ts';
import { type HoldBack, IdentityScrub } from './identity.ts';
import type { Needles } from './needles.ts';

export interface ScrubOptions {
  readonly needles: Needles;
  readonly coding: Coding;
  /** Content-Type; undefined without one. */
  readonly contentType: string | undefined;
  /** Content-Length; undefined without one. */
  readonly length: number | undefined;
  readonly clock: QuietClock;
  readonly out: BodyOut;
}

/** Media types that are read line by line while they arrive. */
const LINES = /^\s*(text\/event-stream|application\/(x-)?(ndjson|jsonl|jsonlines|json-seq|stream\+json))\s*(;|$)/i;

/**
 * The scrubber for a response body; undefined where there is nothing to look for, and the body can go as it comes.
 * Give the declared media type and coding as the upstream sent them: they decide, never the bytes.
 */
export function scrubBody({ needles, coding, contentType, length, clock, out }: ScrubOptions): BodyScrub | undefined {
  const matcher = needles.body;
  if (!matcher) return undefined;
  if (coding !== 'identity') return new EncodedScrub(matcher, { needles, coding, clock, out });
  return new IdentityScrub(matcher, { needles, holdBack: holdBackOf(contentType), clock, out, length });
}

export function holdBackOf(contentType: string | undefined): HoldBack {
  return contentType !== undefined && LINES.test(contentType) ? 'lines' : 'tail';
}
