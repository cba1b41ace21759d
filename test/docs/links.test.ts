import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { pages, ROOT, readPage } from './blocks.ts';

test('every link from page to page leads to a file, and to a heading that it has', () => {
  const broken = pages().flatMap((page) =>
    linksOf(page)
      .filter((link) => !leadsSomewhere(page, link))
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('every page below docs can be reached from the README', () => {
  const seen = new Set<string>();
  const visit = (page: string): void => {
    if (seen.has(page)) return;
    seen.add(page);
    for (const link of linksOf(page)) {
      const target = normalize(join(dirname(page), link.split('#', 1)[0] ?? ''));
      if (target.endsWith('.md') && existsSync(join(ROOT, target))) visit(target);
    }
  };
  visit('README.md');
  assert.deepEqual(
    pages().filter((page) => page.startsWith('docs/') && !seen.has(page)),
    [],
  );
});

/** Targets of inline links that are not on the web; code is not looked at. */
function linksOf(page: string): string[] {
  const prose = readPage(page)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) =>
    target && !/^[a-z]+:/.test(target) ? [target] : [],
  );
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(ROOT, target))) return false;
  return heading === undefined || anchorsOf(target).includes(heading);
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...readPage(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}
