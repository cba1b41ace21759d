import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { printable, table } from '../../../src/cli/output.ts';
import { shellQuote } from '../../../src/core/shell.ts';

test('columns are as wide as their widest cell, without blanks at the end', () => {
  assert.equal(
    table(
      ['NAME', 'KIND'],
      [
        ['app-database', 'postgres'],
        ['x', ''],
      ],
    ),
    'NAME          KIND\napp-database  postgres\nx',
  );
});

test('a table without rows is its heading', () => assert.equal(table(['NAME', 'KIND'], []), 'NAME  KIND'));

test('nothing in a cell steers the terminal', () => {
  assert.equal(table(['REASON'], [['\u001b]0;owned\u0007']]), 'REASON\n\\u{1b}]0;owned\\u{7}');
});

for (const [text, shown] of [
  ['plain, with ümläuts and 漢字', 'plain, with ümläuts and 漢字'],
  ['a\nb', 'a\\u{a}b'],
  ['\u009b2J', '\\u{9b}2J'],
  ['user\u202etxt.exe', 'user\\u{202e}txt.exe'],
  ['\u2066x\u2069', '\\u{2066}x\\u{2069}'],
] as const) {
  test(`${JSON.stringify(text)} is shown as ${shown}`, () => assert.equal(printable(text), shown));
}

test('a quoted word comes out of a shell as it went in', () => {
  const word = `it's "$HOME" \`id\` \\ ; * \n end`;
  assert.equal(execFileSync('sh', ['-c', `printf %s ${shellQuote(word)}`]).toString(), word);
});
