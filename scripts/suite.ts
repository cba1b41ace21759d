import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ROOT } from './command.ts';

/**
 * The test files below a folder of the project, sorted.
 * @param patterns parts of their paths; a file is in if any occurs in its path. None means all.
 */
export async function testFiles(patterns: readonly string[], root = ROOT, folder = 'test'): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
  if (patterns.length === 0) return files;
  return files.filter((file) => patterns.some((pattern) => file.includes(pattern.replace(/^\.\//, ''))));
}

/** The counts with which Node's spec reporter closes a run. */
export type Summary = Readonly<Record<'tests' | 'pass' | 'fail' | 'cancelled' | 'skipped' | 'todo', number>>;

/** The last summary in a reporter's output, colours or not; undefined if the run never came to one. */
export function summaryOf(output: string): Summary | undefined {
  const counts: Record<string, number> = {};
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the terminal's colour codes
  const plain = output.replace(/\u001b\[[0-9;]*m/g, '');
  for (const [, name, count] of plain.matchAll(/^(?:ℹ|#) (tests|pass|fail|cancelled|skipped|todo) (\d+)$/gm)) {
    if (name !== undefined) counts[name] = Number(count);
  }
  const { tests, pass, fail, cancelled, skipped, todo } = counts;
  if (tests === undefined || pass === undefined || fail === undefined) return undefined;
  if (cancelled === undefined || skipped === undefined || todo === undefined) return undefined;
  return { tests, pass, fail, cancelled, skipped, todo };
}

/** Why a run whose runner was content is a failure all the same; undefined if it is none. */
export function objection(summary: Summary | undefined): string | undefined {
  if (summary === undefined) return 'the test runner ended without a summary';
  if (summary.pass === 0) return 'no test ran';
  if (summary.skipped > 0) return `${summary.skipped} tests were skipped; every test has to run`;
  if (summary.todo > 0) return `${summary.todo} tests are marked todo; every test has to count`;
  return undefined;
}
