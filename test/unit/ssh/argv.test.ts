import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandProblem, MAX_COMMAND_BYTES, parseCommandLine, quoteArgv } from '../../../src/drivers/ssh/argv.ts';

test('plain words and quotes become the words that a shell would make of them', () => {
  for (const [line, argv] of [
    ['ls', ['ls']],
    ['  ls\t-l  /srv ', ['ls', '-l', '/srv']],
    ["git-upload-pack '/srv/my repo.git'", ['git-upload-pack', '/srv/my repo.git']],
    [`a'b'"c"d`, ['abcd']],
    [`echo '' ""`, ['echo', '', '']],
    [`echo "it's" 'say "hi"'`, ['echo', "it's", 'say "hi"']],
    ["echo 'it'\\''s'", ['echo', "it's"]],
    [`echo '$(id)' '\`id\`' ';' '*' '~' '#' '{a,b}'`, ['echo', '$(id)', '`id`', ';', '*', '~', '#', '{a,b}']],
    ['echo a=b', ['echo', 'a=b']],
    ["'A=b' c", ['A=b', 'c']],
    ["echo 'grüße 你'", ['echo', 'grüße 你']],
    [
      'rsync --server --sender -vlogDtpre.iLsfxCIvu . /srv/x',
      'rsync --server --sender -vlogDtpre.iLsfxCIvu . /srv/x'.split(' '),
    ],
  ] as const) {
    assert.deepEqual(parseCommandLine(line), argv, line);
  }
});

test('whatever a shell would act on is refused', () => {
  const active = [
    'a;b',
    'a|b',
    'a&b',
    'a&&b',
    'a>b',
    'a<b',
    'a>&2',
    '(a)',
    'a$b',
    'a $(b)',
    'a `b`',
    'a *',
    'a ?',
    'a [b]',
  ];
  const more = [
    'a {b,c}',
    '~/a',
    'a ~b',
    '#a',
    'a #b',
    'a\nb',
    'a\rb',
    'A=b c',
    'a\\b',
    'a\\ b',
    'a\\',
    '!a',
    'a ^b',
    'a \u00a0b',
  ];
  const quotes = [`a "b$c"`, 'a "b`c`"', 'a "b\\c"', "a 'b", 'a "b', `a '"`, "a \\'b'"];
  for (const line of [...active, ...more, ...quotes, '', ' ', '\0', 'a \u2028 b', 'a\u000bb'])
    assert.throws(() => parseCommandLine(line), CommandProblem, JSON.stringify(line));
});

test('what is sent is every word in single quotes, the first one too', () => {
  assert.equal(quoteArgv(['ls', "it's", '', '$x'], false), `'ls' 'it'\\''s' '' '$x'`);
});

test('words that shells read differently need posix_shell', () => {
  for (const word of ['a\nb', 'a\\b', 'a!', '\u001b[0m', '\u0085']) {
    assert.throws(() => quoteArgv(['echo', word], false), /posix_shell/, JSON.stringify(word));
    assert.equal(quoteArgv(['echo', word], true), `'echo' '${word}'`);
  }
});

test('words that cannot be sent are refused in any case', () => {
  for (const argv of [[], [''], ['a', 'b\0'], ['a', '\ufffd'], ['a', '\ud800'], ['a', 'x'.repeat(MAX_COMMAND_BYTES)]])
    assert.throws(() => quoteArgv(argv, true), CommandProblem);
});
