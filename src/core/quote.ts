import { formsOf, isBase64 } from './forms.ts';
import { MAX_QUOTED_BYTES } from './limits.ts';
import type { Secret } from './secret.ts';

/** A secret shorter than this many bytes would blank out parts of innocent words. */
const MIN_SCRUBBED_BYTES = 4;

/**
 * A server's own sentence as a caller may see it: no control characters, none of the secrets in any of the forms that are
 * looked for in HTTP answers (forms.ts), at most MAX_QUOTED_BYTES long.
 */
export function quoteServer(text: string, secrets: readonly (Secret | undefined)[] = []): string {
  let bytes = Buffer.from(text, 'utf8');
  for (const secret of secrets)
    if (secret && !secret.disposed && secret.length >= MIN_SCRUBBED_BYTES) bytes = without(bytes, secret);
  let shown = bytes
    .toString('utf8')
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
  while (Buffer.byteLength(shown) > MAX_QUOTED_BYTES) shown = shown.slice(0, -1);
  return shown;
}

/** Three stars where the secret was. */
function without(bytes: Buffer<ArrayBuffer>, secret: Secret): Buffer<ArrayBuffer> {
  const parts: Buffer[] = [];
  let shown = bytes;
  for (const { core, before, after } of secret.use(formsOf)) {
    let from = 0;
    for (let at = shown.indexOf(core); at >= 0; at = shown.indexOf(core, from)) {
      const end = at + core.length;
      const start = before === 1 && at > from && isBase64(shown[at - 1]) ? at - 1 : at;
      parts.push(shown.subarray(from, start), Buffer.from('***'));
      from = after === 1 && isBase64(shown[end]) ? end + 1 : end;
    }
    shown = Buffer.concat([...parts.splice(0), shown.subarray(from)]);
    core.fill(0);
  }
  return shown;
}
