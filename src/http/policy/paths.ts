import { globMatches } from '../../core/glob.ts';

/**
 * Patterns of paths. A pattern is a path as it reads when decoded, cut at its slashes: `*` in a segment stands for any run of
 * characters that has no slash (alone, for a segment that is not empty), and `**` as a segment for any number of
 * segments, none included. `/v1/*` is /v1/models but not /v1/models/x; `/v1/**` is both, and /v1.
 *
 * How a server will read an encoded path is not for us to know. So a path matches only if all ways to read it do: with
 * encoded slashes within their segment and as separators, decoded up to three times, with `\` taken for a slash, with and without
 * `;...` at the end of segments, with and without empty segments. What this must not see (dots, control characters) is
 * refused before (path.ts).
 */
export interface PathPattern {
  readonly text: string;
  readonly segments: readonly string[];
}

/** Layers of percent-encoding that are taken off (MECHANISMS §6). */
const DECODINGS = 3;
const MAX_PATTERN_CHARS = 1_000;

/** @returns what is wrong with a pattern, as the end of a sentence; undefined when nothing is. */
export function patternProblem(text: string): string | undefined {
  if (!text.startsWith('/')) return 'does not start with a slash';
  if (text.length > MAX_PATTERN_CHARS) return `is longer than ${MAX_PATTERN_CHARS} characters`;
  if (/[%\\;?#]/.test(text)) return 'has one of % \\ ; ? #: write the path as it reads when decoded';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  if (/[\0-\x1f\x7f]/.test(text)) return 'has control characters';
  const segments = text.slice(1).split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'has a segment of dots';
  if (segments.slice(0, -1).includes('')) return 'has an empty segment';
  if (segments.some((segment) => segment.includes('**') && segment !== '**')) return 'has ** beside other characters';
  return undefined;
}

/** @param text one without a problem. */
export function pathPattern(text: string): PathPattern {
  return { text, segments: Buffer.from(text.slice(1), 'utf8').toString('latin1').split('/') };
}

/** Whether every reading of a raw path (no query; one character for one byte) matches one of the patterns. */
export function pathAllowed(patterns: readonly PathPattern[], rawPath: string): boolean {
  for (const reading of readings(rawPath)) {
    if (!patterns.some(({ segments }) => matches(segments, reading, segmentMatches))) return false;
  }
  return true;
}

/** Whether everything that `inner` matches is matched by `outer`; in doubt not. */
export function patternContains(outer: PathPattern, inner: PathPattern): boolean {
  return matches(outer.segments, inner.segments, (pattern, segment) => {
    return segment !== '**' && segmentMatches(pattern, segment);
  });
}

function* readings(rawPath: string): Generator<readonly string[]> {
  const path = rawPath.startsWith('/') ? rawPath.slice(1) : rawPath;
  if (!/[%\\;]|\/\/|^\//.test(path)) {
    yield path.split('/');
    return;
  }
  yield path.split('/').map(decoded);
  let text = path;
  for (let round = 0; round <= DECODINGS; round++) {
    const segments = text.replaceAll('\\', '/').split('/');
    // As it came, an encoded character is not what a pattern is written in: the first reading stands for that.
    if (round > 0 || !text.includes('%')) {
      for (const cut of [segments, segments.map((segment) => segment.split(';', 1)[0] ?? '')]) {
        yield cut;
        yield cut.filter((segment, at) => segment !== '' || at === cut.length - 1);
      }
    }
    const next = decoded(text);
    if (round > 0 && next === text) return;
    text = next;
  }
}

/** One layer of percent-encoding off, as bytes. */
function decoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function segmentMatches(pattern: string, segment: string): boolean {
  return pattern === '*' ? segment !== '' : globMatches(pattern, segment);
}

/** Segments against segments, `**` being any number of them. Looks back to the last `**` only, which is enough. */
function matches(
  pattern: readonly string[],
  segments: readonly string[],
  fits: (pattern: string, segment: string) => boolean,
): boolean {
  let at = 0;
  let seen = 0;
  let star = -1;
  let resume = 0;
  while (seen < segments.length) {
    const wanted = pattern[at];
    if (wanted === '**') {
      star = at++;
      resume = seen;
    } else if (wanted !== undefined && fits(wanted, segments[seen] ?? '')) {
      at += 1;
      seen += 1;
    } else if (star >= 0) {
      at = star + 1;
      seen = ++resume;
    } else return false;
  }
  while (pattern[at] === '**') at += 1;
  return at === pattern.length;
}
