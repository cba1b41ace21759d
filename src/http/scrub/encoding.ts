/** What a response's Content-Encoding means for scrubbing. */
export type Coding = 'identity' | 'gzip' | 'deflate' | 'br';

const CODINGS: readonly string[] = ['identity', 'gzip', 'deflate', 'br'];
/** Older names of the same (RFC 9110 §8.4.1.3). */
const ALIASES: Readonly<Record<string, string>> = { 'x-gzip': 'gzip' };

/**
 * A client's Accept-Encoding cut to what can be looked into: gzip, deflate, br and identity, their weights kept (RFC 9110
 * §12.5.3). `*` could mean any other and goes.
 * @returns `identity` when nothing is left.
 */
export function acceptEncoding(value: string): string {
  const kept = value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => {
      const name = part.split(';', 1)[0]?.trim().toLowerCase() ?? '';
      return CODINGS.includes(ALIASES[name] ?? name);
    });
  return kept.length === 0 ? 'identity' : kept.join(', ');
}

/**
 * The one coding of a response; undefined for one that cannot be looked into, or for several on top of each other: then the
 * answer is 502.
 * @param value all Content-Encoding fields, joined by commas; undefined without one.
 */
export function codingOf(value: string | undefined): Coding | undefined {
  const names = (value ?? '')
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity')
    .map((name) => ALIASES[name] ?? name);
  const [only, second] = names;
  if (only === undefined) return 'identity';
  if (second !== undefined) return undefined;
  return only === 'gzip' || only === 'deflate' || only === 'br' ? only : undefined;
}
