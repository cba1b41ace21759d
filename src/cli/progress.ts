import { printable } from './output.ts';

/** Milliseconds between two looks. */
const EVERY_MS = 200;
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** How far a copy is, on one line of a terminal's standard error; silent elsewhere. Standard output is never touched. */
export class Progress implements Disposable {
  readonly #name: string;
  readonly #total: number | undefined;
  readonly #began = performance.now();
  readonly #out: NodeJS.WriteStream | undefined;
  #bytes = 0;
  #shown = 0;

  /** @param total bytes, where they are known. */
  constructor(name: string, total: number | undefined, quiet: boolean, out: NodeJS.WriteStream = process.stderr) {
    this.#name = printable(name);
    this.#total = total;
    this.#out = out.isTTY && !quiet ? out : undefined;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    const now = performance.now();
    if (now - this.#shown < EVERY_MS) return;
    this.#shown = now;
    this.#show();
  }

  /** The last line stays. */
  [Symbol.dispose](): void {
    this.#show();
    this.#out?.write('\n');
  }

  #show(): void {
    if (!this.#out) return;
    const seconds = (performance.now() - this.#began) / 1_000;
    const share = this.#total ? `  ${Math.min(100, Math.floor((this.#bytes / this.#total) * 100))}%` : '';
    const line = `${this.#name}  ${amount(this.#bytes)}${share}  ${amount(this.#bytes / Math.max(seconds, 0.001))}/s`;
    const columns = this.#out.columns || 80;
    this.#out.write(`\r${line.slice(0, columns - 1)}\u001b[K`);
  }
}

/** `12.3 MB`. */
export function amount(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
