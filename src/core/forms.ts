/**
 * One way in which secret bytes can come back. `core` is what is looked for; the `before` bytes in front of it and the
 * `after` bytes behind it hold bits of the secret too, mixed with a neighbour's, and are overwritten with it.
 */
export interface Form {
  readonly core: Buffer;
  readonly before: 0 | 1;
  readonly after: 0 | 1;
}

/** Fewer bytes than this would be found in innocent text: they are not looked for at all. */
export const MIN_FORM_BYTES = 4;

type Escape = (char: string) => string;

const UNRESERVED = /[A-Za-z0-9._~-]/;
/** Which characters percent-encoders leave alone: RFC 3986 §2.3, encodeURIComponent, HTML forms, path segments, encodeURI. */
const PERCENT: readonly RegExp[] = [
  UNRESERVED,
  /[A-Za-z0-9._~!*'()-]/,
  /[A-Za-z0-9._~!$&'()*+,;=:@-]/,
  /[A-Za-z0-9._~!$&'()*+,;=:@/?#-]/,
];
/** What no encoder touches: most tokens are of this. */
const PLAIN = /^[A-Za-z0-9._-]*$/;
const FORM = /[A-Za-z0-9._*-]/;
const SHORT: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
};
/**
 * What JSON writers escape beyond the need (RFC 8259 §7): nothing; PHP's slash; everything that is not ASCII (Python);
 * `<>&` (Go, Rails); those and `='` (Gson); those and `"+` and a backtick (.NET).
 */
const JSON_WRITERS: readonly { readonly unicode: RegExp; readonly slash: boolean; readonly shortQuote: boolean }[] = [
  { unicode: /[^\s\S]/, slash: false, shortQuote: true },
  { unicode: /[^\s\S]/, slash: true, shortQuote: true },
  { unicode: /[^\0-\x7e]/, slash: false, shortQuote: true },
  { unicode: /[^\0-\x7e]/, slash: true, shortQuote: true },
  { unicode: /[<>&\u2028\u2029]/, slash: false, shortQuote: true },
  { unicode: /[<>&='\u2028\u2029]/, slash: false, shortQuote: true },
  { unicode: /[<>&'"+`]|[^\0-\x7e]/, slash: false, shortQuote: false },
];

/**
 * Every form of `secret` that is looked for: raw, percent-encoded, JSON-escaped (upper and lower case hex digits each), hex,
 * and base64 and base64url at the three alignments (MECHANISMS §6). A form that holds a shorter one of the list is
 * left out: where it stands, the shorter one is found. The buffers are the caller's to wipe.
 */
export function formsOf(secret: Buffer): Form[] {
  const whole = (core: Buffer): Form => ({ core, before: 0, after: 0 });
  const escaped = PLAIN.test(secret.toString('latin1')) ? [] : escapedTexts(secret);
  const texts = new Set([...escaped, ...byteTexts(secret)]);
  const forms = [whole(Buffer.from(secret)), ...[...texts].map((text) => whole(Buffer.from(text, 'latin1')))];
  return withoutHolders([...forms, ...base64Forms(secret)].filter(({ core }) => core.length >= MIN_FORM_BYTES));
}

/** The forms that do not hold another one of the list. */
export function withoutHolders(forms: readonly Form[]): Form[] {
  const kept: Form[] = [];
  for (const form of [...forms].sort((a, b) => a.core.length - b.core.length)) {
    if (kept.some((shorter) => form.core.includes(shorter.core))) form.core.fill(0);
    else kept.push(form);
  }
  return kept;
}

/** Every byte of it encoded: hex and percent, in both cases. */
function byteTexts(secret: Buffer): string[] {
  const hex = secret.toString('hex');
  return [hex, hex.toUpperCase()].flatMap((digits) => [digits, digits.replace(/../g, '%$&')]);
}

/** Percent and JSON forms, as latin1 text of the bytes on the wire. */
function* escapedTexts(secret: Buffer): Generator<string> {
  const bytes = secret.toString('latin1');
  const percents = [...PERCENT.map((kept) => percent(kept)), percent(FORM, '+')];
  for (const encode of percents) {
    const upper = mapped(bytes, encode);
    yield upper;
    yield upper.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  }
  const text = secret.toString('utf8');
  for (const writer of JSON_WRITERS) {
    const upper = mapped(text, jsonEscape(writer));
    yield latin1(upper);
    yield latin1(upper.replace(/\\u[0-9A-F]{4}/g, (code) => code.toLowerCase()));
  }
}

/** UTF-16 units or bytes, one by one: what is escaped is so by itself. */
function mapped(text: string, encode: Escape): string {
  let out = '';
  for (let at = 0; at < text.length; at++) out += encode(text.charAt(at));
  return out;
}

function percent(kept: RegExp, space = '%20'): Escape {
  return (char) => {
    if (char === ' ') return space;
    if (kept.test(char)) return char;
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  };
}

function jsonEscape({ unicode, slash, shortQuote }: (typeof JSON_WRITERS)[number]): Escape {
  return (char) => {
    if (char === '/' && slash) return '\\/';
    const short = SHORT[char];
    if (short !== undefined && (shortQuote || char !== '"')) return short;
    if (char < ' ' || unicode.test(char)) {
      return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    }
    return char;
  };
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/**
 * RFC 4648 §4 and §5. What stands before and behind the secret in the encoded data shares the outermost characters: the
 * core is what the secret alone decides, and the shared ones lie beside it.
 */
function base64Forms(secret: Buffer): Form[] {
  return [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), secret]);
    const from = Math.ceil((shift * 8) / 6);
    const to = Math.floor((padded.length * 8) / 6);
    const edges = { before: shift === 0 ? 0 : 1, after: padded.length % 3 === 0 ? 0 : 1 } as const;
    const forms = (['base64', 'base64url'] as const).map((alphabet) => {
      return { core: Buffer.from(padded.toString(alphabet).slice(from, to), 'latin1'), ...edges };
    });
    padded.fill(0);
    return forms;
  });
}

/** Whether it is a character of either alphabet (RFC 4648 §4, §5): else it is a neighbour that shares nothing. */
export function isBase64(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z0-9+/_-]/.test(String.fromCharCode(byte));
}
