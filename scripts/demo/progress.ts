const started = Date.now();

/** A line of progress, with the seconds since the start in front. */
export function say(text: string): void {
  print(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s   ${text}`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** By default as far as the text of `say`. */
export function indent(text: string, by = 10): string {
  return text.trimEnd().replace(/^/gm, ' '.repeat(by));
}
