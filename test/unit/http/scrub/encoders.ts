/** How servers, proxies and libraries write a secret down, each in its own words; not made from the code under test. */
export interface Encoder {
  readonly name: string;
  readonly encode: (secret: string) => string;
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
const hex = (text: string): string => Buffer.from(text).toString('hex');
const units = (text: string, which: RegExp, digits: (code: string) => string): string =>
  text.replace(which, (char) =>
    [...Array(char.length).keys()]
      .map((at) => `\\u${digits(char.charCodeAt(at).toString(16).padStart(4, '0'))}`)
      .join(''),
  );
const json = (text: string): string => JSON.stringify(text).slice(1, -1);

const escapes: readonly Encoder[] = [
  { name: 'raw', encode: utf8 },
  { name: 'encodeURIComponent', encode: encodeURIComponent },
  {
    name: 'encodeURIComponent, lower case',
    encode: (s) => encodeURIComponent(s).replace(/%../g, (c) => c.toLowerCase()),
  },
  { name: 'encodeURI', encode: encodeURI },
  { name: 'an HTML form', encode: (s) => new URLSearchParams({ k: s }).toString().slice(2) },
  { name: 'percent for every byte', encode: (s) => hex(s).replace(/../g, '%$&') },
  { name: 'percent for every byte, upper case', encode: (s) => hex(s).toUpperCase().replace(/../g, '%$&') },
  { name: 'JSON', encode: (s) => utf8(json(s)) },
  { name: 'JSON of PHP', encode: (s) => units(json(s).replaceAll('/', '\\/'), /[\u0080-\uffff]/g, (c) => c) },
  { name: 'JSON of Python', encode: (s) => units(json(s), /[\u0080-\uffff]/g, (c) => c) },
  { name: 'JSON of Go', encode: (s) => utf8(units(json(s), /[<>&]/g, (c) => c)) },
  { name: 'hex', encode: hex },
  { name: 'hex, upper case', encode: (s) => hex(s).toUpperCase() },
];

/** Base64 with `shift` bytes in front of the secret and `behind` bytes behind it. */
const encoded = (alphabet: 'base64' | 'base64url', shift: number, behind: number): Encoder => ({
  name: `${alphabet}, ${shift} bytes in front and ${behind} behind`,
  encode: (s) =>
    Buffer.concat([
      Buffer.from('\x00\xff\xa5'.slice(0, shift), 'latin1'),
      Buffer.from(s),
      Buffer.alloc(behind, 0x5a),
    ]).toString(alphabet),
});

export const ENCODERS: readonly Encoder[] = [
  ...escapes,
  ...(['base64', 'base64url'] as const).flatMap((alphabet) =>
    [0, 1, 2].flatMap((shift) => [0, 1, 2].map((behind) => encoded(alphabet, shift, behind))),
  ),
];
