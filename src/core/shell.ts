/** Words as a POSIX shell and a URL take them, for what clients are told to type. */

/** Between quotes where the shell would read anything into it. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : shellQuote(text);
}

export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Also what encodeURIComponent leaves alone but a shell or a reader might not. */
export function urlWord(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
