import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** One thing measured in two or more ways, all in the same run. */
export interface Row {
  readonly what: string;
  /** What `ratio` is relative to. */
  readonly versus: string;
  /** Median over rounds of broker ÷ the other, each from the same round; undefined for absolute rows. */
  readonly ratio?: number;
  readonly target: string;
  readonly met?: boolean;
  /** Shown beside it: medians, p50, p99, peers. */
  readonly detail: string;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * Runs every candidate once per round, in turn, so that a slow moment of the machine hits all of them alike.
 * @returns the results by candidate, in order of rounds; the first round warms up and is dropped.
 */
export async function rounds<K extends string, T>(
  count: number,
  candidates: Record<K, () => Promise<T>>,
): Promise<Record<K, T[]>> {
  const names = Object.keys(candidates) as K[];
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<K, T[]>;
  for (let round = 0; round <= count; round++) {
    // Turned round every other time: whoever comes first is not always the same.
    for (const name of round % 2 ? names : [...names].reverse()) {
      const result = await candidates[name]();
      if (round > 0) results[name].push(result);
    }
  }
  return results;
}

/** Median of a[i] / b[i]. */
export function ratioOf(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, i) => value / (b[i] ?? Number.NaN)));
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Runs a program to its end. @returns its standard output. @throws Error with its standard error when it fails. */
export async function program(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (out.length < 1_000_000) out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${err}`);
  return out;
}

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
