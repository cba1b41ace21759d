/** A request target, cut at its first question mark. */
export interface RawTarget {
  /** Starts with a slash, or is empty. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

export function splitQuery(target: string): RawTarget {
  const at = target.indexOf('?');
  return at < 0 ? { path: target, query: '' } : { path: target.slice(0, at), query: target.slice(at) };
}

/** Most paths need no look at their segments: without one of these in it, none of the rules below can apply. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const SUSPECT = /[%\\#\0-\x1f\x7f]|\/\.|^\./;
/** How often a server behind a proxy behind a proxy may decode what it gets. */
const DECODINGS = 3;

/**
 * Why a raw path is refused; undefined where it may pass, unchanged. Never normalised: what the checks looked at is what
 * is sent. After decoding it 0 to 3 times, with `\` taken for `/` and `;...` cut from each segment, no segment may be
 * `.` or `..`, and there may be no control characters: the path would then leave the base path in the eyes of some
 * server (MECHANISMS §6).
 */
export function badPath(path: string): string | undefined {
  if (!SUSPECT.test(path)) return undefined;
  if (path.includes('#')) return 'a fragment has no place in a request';
  let decoded = path;
  for (let round = 0; ; round++) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    if (/[\0-\x1f\x7f]/.test(decoded)) return 'control characters';
    for (const segment of decoded.replaceAll('\\', '/').split('/')) {
      const name = segment.split(';', 1)[0];
      if (name === '.' || name === '..') return 'a segment of one or two dots';
    }
    if (round === DECODINGS) return undefined;
    const next = decoded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (next === decoded) return undefined;
    decoded = next;
  }
}
