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
  say(`${style('red', 'broker:')} ${error.message}`);
  if (error.hint) say(`  ${error.hint}`);
}

/** Columns padded to their widest cell; the heading in bold on a terminal. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const head = process.stdout.isTTY ? style('bold', line(heading)) : line(heading);
  return [head, ...rows.map(line)].join('\n');
}

type Style = 'dim' | 'red' | 'bold';

function style(name: Style, text: string): string {
  const plain = process.env.NO_COLOR || !process.stderr.isTTY;
  return plain ? text : styleText(name, text);
}

/** A value as one shell word: in single quotes, quotes inside them closed, escaped and opened again. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
