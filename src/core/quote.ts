import { MAX_QUOTED_BYTES } from './limits.ts';
import type { Secret } from './secret.ts';

/** A secret shorter than this many bytes would blank out parts of innocent words. */
const MIN_SCRUBBED_BYTES = 4;

/**
 * A server's own sentence as a caller may see it: no control characters, none of the secrets (as they are or inside any
 * base64), at most MAX_QUOTED_BYTES long.
 */
export function quoteServer(text: string, secrets: readonly (Secret | undefined)[] = []): string {
  let shown = text;
  for (const secret of secrets) {
    if (!secret || secret.disposed || secret.length < MIN_SCRUBBED_BYTES) continue;
    for (const needle of secret.use(spellings)) shown = shown.replaceAll(needle, '***');
  }
  shown = shown.replace(/\p{Cc}+/gu, ' ').trim();
  while (Buffer.byteLength(shown) > MAX_QUOTED_BYTES) shown = shown.slice(0, -1);
  return shown;
}

/** The bytes as text, and what of them is the same in every base64 that holds them, at each of its three alignments. */
function spellings(bytes: Buffer): string[] {
  const aligned = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const whole = Math.floor(((shift + bytes.length) * 8) / 6);
    return encoded.slice(Math.ceil((shift * 8) / 6), whole);
  });
  return [bytes.toString('utf8'), ...aligned].filter((needle) => needle.length >= MIN_SCRUBBED_BYTES);
}
