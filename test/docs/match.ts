/**
 * Whether an output is what a page shows. Numbers stand for any numbers, ids, tokens and hashes for any, runs of blanks
 * for one, and `…` for any text within a line; a line of `…` alone for any lines.
 * @returns undefined when it is, else the two, line by line.
 */
export function mismatch(shown: string, output: string): string | undefined {
  const lines = (text: string): string[] => text.trimEnd().split('\n').map(neutral);
  const pattern = lines(shown).map((line) => (line === '…' ? '(?:.*\n)*?' : `${escaped(line)}\n`));
  const actual = `${lines(output).join('\n')}\n`;
  if (new RegExp(`^${pattern.join('')}$`).test(actual)) return undefined;
  return `the page shows\n${lines(shown).join('\n')}\nbut it prints\n${actual}`;
}

function neutral(line: string): string {
  return line
    .replace(/brk_[a-z2-7]+_[\w-]+/g, 'TOKEN')
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32,}\b/g, 'ID')
    .replace(/\b[a-z2-7]{10}(?= {2})/g, 'ID')
    .replace(/\d+(\.\d+)*/g, '0')
    .replace(/[─-]{3,}/g, '---')
    .replace(/\s+/g, ' ')
    .trim();
}

function escaped(line: string): string {
  return line
    .split('…')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('.*');
}
