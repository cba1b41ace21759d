/** Shorter ones are words; the daemon does not look at them either. */
const MIN_CHARS = 8;
const DELIMITERS = /[\s:;,&|?=@"'`<>()[\]{}/\\#]+/;
const BASE64 = /^[A-Za-z0-9+/_-]{8,}={0,2}$/;

/**
 * What of a text could be a credential by itself: all of it, its parts between the usual delimiters, the user and password
 * of a URL, and what base64 in it says. The daemon compares whole values (Vault.Scan), so cutting is done here.
 */
export function candidates(text: string): string[] {
  const found = new Set<string>();
  const add = (part: string | undefined): void => {
    if (part !== undefined && part.length >= MIN_CHARS) found.add(part);
  };
  add(text);
  for (const part of text.split(DELIMITERS)) {
    add(part);
    add(decoded(part));
    add(fromBase64(part));
  }
  for (const [, value] of text.matchAll(/=([^\s&;]+)/g)) add(value);
  for (const [, authority] of text.matchAll(/\/\/([^/\s?#]*)@/g)) {
    const [user, ...password] = (authority ?? '').split(':');
    for (const half of [user, password.join(':')]) {
      add(half);
      add(decoded(half));
    }
  }
  for (const [, credentials] of text.matchAll(/\b(?:basic|bearer) +(\S+)/gi)) {
    add(credentials);
    const pair = fromBase64(credentials ?? '');
    add(pair);
    add(pair?.slice(pair.indexOf(':') + 1));
  }
  return [...found];
}

function decoded(text: string | undefined): string | undefined {
  if (!text?.includes('%')) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a percent sign that is just one
  }
}

function fromBase64(text: string): string | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  const said = bytes.toString('utf8');
  return Buffer.from(said).equals(bytes) ? said : undefined;
}
