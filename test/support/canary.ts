import { inspect } from 'node:util';

/** Every way in which a text could show a secret: as it is, base64 at each alignment, hex, percent-encoded, JSON-escaped. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const encoded = [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
    const own = (text: string) => text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    return [own(padded.toString('base64')), own(padded.toString('base64url'))];
  });
  const hex = bytes.toString('hex');
  const url = encodeURIComponent(secret);
  const all = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    ...new Set([secret, ...encoded, hex, hex.toUpperCase(), url, url.toLowerCase(), all, all.toUpperCase(), json]),
  ];
}

/** Collects everything that somebody could see, and says which secrets show in it. */
export class Canary {
  readonly #secrets = new Map<string, readonly string[]>();
  readonly #seen: { readonly where: string; readonly text: string }[] = [];

  /** A secret to look for. @returns it. */
  secret(name: string, value: string): string {
    this.#secrets.set(name, formsOf(value));
    return value;
  }

  /** Something that could be seen; anything but text and bytes as `inspect` shows it. */
  saw(where: string, what: unknown): void {
    const text = Buffer.isBuffer(what)
      ? what.toString('latin1')
      : typeof what === 'string'
        ? what
        : inspect(what, { depth: 9, showHidden: true, maxStringLength: null, maxArrayLength: null });
    this.#seen.push({ where, text });
  }

  get places(): ReadonlySet<string> {
    return new Set(this.#seen.map(({ where }) => where));
  }

  /** `master password in audit`, one line for each. */
  leaks(): string[] {
    const found = new Set<string>();
    for (const { where, text } of this.#seen) {
      for (const [name, forms] of this.#secrets)
        if (forms.some((form) => text.includes(form))) found.add(`${name} in ${where}`);
    }
    return [...found];
  }
}
