import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** A fenced block of a Markdown page. */
export interface Block {
  /** From the project's folder: `docs/agent.md`. */
  readonly page: string;
  /** Of the fence, counted from 1. */
  readonly line: number;
  /** What stands behind the fence: `sh`, `text`, `sh exit=5`. */
  readonly info: string;
  readonly text: string;
  /** The block in between which and this one nothing but white space stands. */
  readonly follows: Block | undefined;
}

/** The project's pages, sorted: those at the top, and those in `docs`. */
export function pages(): string[] {
  const within = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  return [...top, ...within('docs')].sort();
}

export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

export function blocksOf(page: string, text = readPage(page)): Block[] {
  const blocks: Block[] = [];
  let end = 0;
  for (const match of text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const [whole, info = '', body = ''] = match;
    const between = text.slice(end, match.index);
    const line = text.slice(0, match.index).split('\n').length;
    const last = blocks.at(-1);
    const follows = last && between.trim() === '' ? last : undefined;
    blocks.push({ page, line, info: info.trim(), text: body, follows });
    end = match.index + whole.length;
  }
  return blocks;
}
