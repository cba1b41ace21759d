/** Shorter ones are words; the daemon does not look at them either. */
const MIN_CHARS = 8;
const DELIMITER = /([\s:;,&|?=@"'`<>()[\]{}/\\#])/;
const BASE64 = /^[A-Za-z0-9+/_-]{8,}={0,2}$/;
/** Parts of a text of which neighbours are also taken together: a password may have delimiters in it. */
const MAX_PARTS = 40;
const MAX_NEIGHBOURS = 8;

/**
 * What of a text could be a credential by itself: all of it, its parts between the usual delimiters, neighbouring parts
 * with the delimiters between them, what is percent-encoded in it, and what base64 in it says. The daemon compares whole
 * values (Vault.Scan), so cutting is done here.
 */
export function candidates(text: string): string[] {
  const found = new Set<string>();
  const add = (part: string): void => {
    if (part.length >= MIN_CHARS) found.add(part);
  };
  for (const part of [text, ...partsOf(text)]) {
    add(part);
    const plain = decoded(part);
    if (plain !== undefined) add(plain);
    const said = fromBase64(part);
    if (said === undefined) continue;
    add(said);
    // USER:PASSWORD of a Basic header.
    add(said.slice(said.indexOf(':') + 1));
  }
  return [...found];
}

function partsOf(text: string): string[] {
  // Parts and the delimiters between them, in turn.
  const pieces = text.split(DELIMITER);
  const neighbours = pieces.length > 2 * MAX_PARTS ? 1 : MAX_NEIGHBOURS;
  return pieces.flatMap((piece, at) => {
    if (at % 2 === 1 || piece === '') return [];
    return Array.from({ length: neighbours }, (_, more) => at + 2 * more + 1)
      .filter((end) => end <= pieces.length && pieces[end - 1] !== '')
      .map((end) => pieces.slice(at, end).join(''));
  });
}

function decoded(text: string): string | undefined {
  if (!text.includes('%')) return undefined;
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
