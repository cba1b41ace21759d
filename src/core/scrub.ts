import type { Secret } from './secret.ts';

const STAND_IN = '***';
/** Characters of a form that is looked for. A shorter one would blank out letters of innocent words. */
const MIN_FORM_CHARS = 4;

/**
 * `text` with every form of the secrets replaced: as they are, percent-encoded, JSON-escaped, in hex, and in base64 or
 * base64url at each of the three alignments. It guards against a server that quotes what it was sent, not against one
 * that hides it on purpose.
 */
export function scrub(text: string, secrets: Iterable<Secret | undefined>): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret === undefined || secret.disposed) continue;
    const forms = secret.use((bytes) => formsOf(bytes));
    if (forms.length > 0) clean = clean.replace(new RegExp(forms.join('|'), 'gu'), STAND_IN);
  }
  return clean;
}

/** Patterns, the longest forms first. */
function formsOf(bytes: Buffer): string[] {
  if (bytes.length < MIN_FORM_CHARS) return [];
  const hex = anyCase(bytes.toString('hex'));
  const base64 = [0, 1, 2].flatMap((shift) => {
    // What stands before and after shares the outermost characters: only those that are all the secret's own count.
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const own = encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    return own.length < MIN_FORM_CHARS ? [] : [own.replace(/\+/g, '[-+]').replace(/\//g, '[_/]')];
  });
  return [[...bytes.toString('utf8')].map(character).join(''), hex, ...base64];
}

/** One character as it is, percent-encoded (RFC 3986 §2.1; `+` for a space in forms) or JSON-escaped (RFC 8259 §7). */
function character(char: string): string {
  const percent = [...Buffer.from(char)].map((byte) => `%${anyCase(byte.toString(16).padStart(2, '0'))}`).join('');
  const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at).toString(16).padStart(4, '0'));
  const escaped = units.map((unit) => `\\\\u${anyCase(unit)}`).join('');
  const short = JSON.stringify(char).slice(1, -1);
  const forms = [literal(char), percent, escaped, ...(short === char ? [] : [literal(short)])];
  return `(?:${[...forms, ...(char === ' ' ? ['\\+'] : [])].join('|')})`;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function anyCase(hex: string): string {
  return hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}
