import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, tool } from './command.ts';

/** A file that is longer holds more than one idea. */
const MAX_LINES = 350;
const CODE = /\.(?:[cm]?[jt]s|proto|py|go|sh)$/;

/** The files of code that are too long, as `path: lines`, in a git checkout. @throws Error when git does not list any. */
export async function tooLong(root = ROOT): Promise<readonly string[]> {
  const { code, output } = await tool('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const files = output.split('\n').filter((path) => CODE.test(path));
  if (code !== 0 || files.length === 0) throw new Error(`git lists no files: ${output}`);
  const found = await Promise.all(files.map(async (path) => ({ path, lines: await linesOf(join(root, path)) })));
  return found.filter(({ lines }) => lines > MAX_LINES).map(({ path, lines }) => `${path}: ${lines} lines`);
}

/** @returns 0 for a file that was removed since git listed it. */
async function linesOf(path: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '';
  });
  return text.split('\n').length - 1;
}
