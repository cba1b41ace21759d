import { styleText } from 'node:util';
import type { BrokerError } from '../core/errors.ts';

/** The result, on standard output. Nothing else may write there. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** Everything that is not the result, on standard error. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Help for a person at a terminal; silent in scripts. */
export function advise(text: string): void {
  if (process.stderr.isTTY) say(style('dim', text));
}

export function sayError(error: BrokerError): void {
  say(`${style('red', 'broker:')} ${printable(error.message)}`);
  if (error.hint) say(`  ${printable(error.hint)}`);
}

/**
 * Text that somebody else chose (a reason, an executable's path, a server's sentence) with everything escaped that could
 * steer a terminal: control characters, C1 among them, and marks that turn the reading direction (CVE-2021-42574).
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** Columns padded to their widest cell; the heading in bold on a terminal. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const head = process.stdout.isTTY ? style('bold', line(heading), process.stdout) : line(heading);
  return [head, ...cells.map(line)].join('\n');
}

type Style = 'dim' | 'red' | 'bold';

/** Colour only where a terminal shows it and nobody asked for none (no-color.org). */
function style(name: Style, text: string, stream: { isTTY?: boolean } = process.stderr): string {
  return process.env.NO_COLOR || !stream.isTTY ? text : styleText(name, text, { validateStream: false });
}
