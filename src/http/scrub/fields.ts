import type { Hit } from './matcher.ts';
import { type Needles, overwrite } from './needles.ts';

/**
 * Header or trailer fields without the secrets: names too, since some server may have put one there.
 * @param fields flat and raw: name, value, name, value; one character stands for one byte.
 * @returns `fields` itself when nothing was found, which is how a caller tells.
 */
export function scrubFields(needles: Needles, fields: readonly string[]): readonly string[] {
  const matcher = needles.fields;
  if (!matcher || fields.length === 0) return fields;
  // In one piece, so that there is one search. No field holds the line feed between them.
  const bytes = Buffer.from(fields.join('\n'), 'latin1');
  const hits: Hit[] = [];
  matcher.find(bytes, hits);
  if (hits.length === 0) return fields;
  overwrite(bytes, hits);
  let at = 0;
  return fields.map((field) => {
    const clean = bytes.toString('latin1', at, at + field.length);
    at += field.length + 1;
    return clean;
  });
}

/** One text of the head, such as the reason phrase, without the secrets. */
export function scrubText(needles: Needles, text: string): string {
  return scrubFields(needles, [text])[0] ?? '';
}
