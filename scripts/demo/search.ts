/** A thing that was looked through. */
export interface Place {
  readonly name: string;
  /** What it consists of: `31 variables`, `2 files`. */
  readonly extent: string;
  readonly bytes: Buffer;
}

export interface Found {
  readonly place: Place;
  /** The forms in which the secret stands there; none is good. */
  readonly forms: readonly string[];
}

/** Looks for a secret in all places, in every form that somebody could have given it. */
export function search(secret: string, places: readonly Place[]): Found[] {
  const forms = formsOf(secret);
  checkSearch(secret, forms);
  return places.map((place) => ({
    place,
    forms: [...new Set(forms.filter(([, needle]) => place.bytes.includes(needle)).map(([form]) => form))],
  }));
}

type Form = readonly [name: string, needle: Buffer];

/** The forms, as bytes. Base64 depends on where the secret begins within its text, hence three of each. */
export function formsOf(secret: string): Form[] {
  const bytes = Buffer.from(secret);
  const half = Math.floor(secret.length / 2);
  const hex = bytes.toString('hex');
  const every = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const forms: [string, string][] = [
    ['as it is', secret],
    ['its first half', secret.slice(0, half)],
    ['its second half', secret.slice(half)],
    ['as hex', hex],
    ['as hex', hex.toUpperCase()],
    ['URL-encoded', encodeURIComponent(secret)],
    ['URL-encoded', every],
    ['URL-encoded', every.toUpperCase()],
    ...[0, 1, 2].flatMap((before): [string, string][] => {
      const text = base64Within(bytes, before);
      return [
        ['as base64', text],
        ['as base64', text.replaceAll('+', '-').replaceAll('/', '_')],
      ];
    }),
  ];
  return [
    ...forms.map(([name, text]) => [name, Buffer.from(text)] as const),
    ['as UTF-16', Buffer.from(secret, 'utf16le')],
  ];
}

/** The part of the base64 text that depends on the secret alone, where `before` bytes (0 to 2) precede it. */
function base64Within(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replaceAll('=', '');
  return text.slice([0, 2, 3][before], (before + bytes.length) % 3 === 0 ? undefined : -1);
}

/** A search that finds nothing proves something only if it would have found it. */
function checkSearch(secret: string, forms: readonly Form[]): void {
  const planted = [
    ...[secret, encodeURIComponent(secret)].map((text) => Buffer.from(text)),
    ...['', 'x', 'xy'].map((before) => Buffer.from(Buffer.from(`${before}${secret}:z`).toString('base64'))),
    ...['', 'x', 'xy'].map((before) => Buffer.from(Buffer.from(`${before}${secret}:z`).toString('base64url'))),
    Buffer.from(Buffer.from(secret).toString('hex')),
    Buffer.from(`\0${secret}\0`, 'utf16le'),
  ];
  for (const bytes of planted) {
    const around = Buffer.concat([Buffer.from('before '), bytes, Buffer.from(' after')]);
    if (!forms.some(([, needle]) => around.includes(needle)))
      throw new Error('the search does not find what it should');
  }
}
