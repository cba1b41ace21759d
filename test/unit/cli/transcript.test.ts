import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { parseTranscript, playTranscript } from '../../cli/transcript.ts';

const ENV = { PATH: process.env.PATH ?? '', NAME: 'world' };
const play = (...lines: string[]) => playTranscript(parseTranscript(lines.join('\n')), tmpdir(), ENV);

test('a transcript that tells the truth passes', async () => {
  assert.deepEqual(
    await play(
      '# a comment',
      'env GREETING="hello $NAME"',
      '$ echo $GREETING; \\',
      '  echo no >&2; exit 3',
      '> hello $NAME',
      '! no',
      '[3]',
    ),
    [],
  );
});

test('... is any text, and a line of it any lines', async () => {
  assert.deepEqual(await play('$ seq 1 5; echo took 12 ms', '> 1', '> ...', '> took ... ms'), []);
});

for (const [what, lines] of [
  ['another line', ['$ echo a', '> b']],
  ['a line too many', ['$ echo a']],
  ['a line too few', ['$ echo a', '> a', '> b']],
  ['output on the other stream', ['$ echo a >&2', '> a']],
  ['another exit code', ['$ exit 2', '[3]']],
  ['an exit code that is not shown', ['$ exit 2']],
  ['what a pattern would match', ['$ echo axb', '> a.b']],
  ['a variable that cannot be set', ['env X=$(exit 1)']],
] as const) {
  test(`a transcript that is wrong about ${what} fails`, async () => assert.equal((await play(...lines)).length, 1));
}

test('a line that means nothing is refused', () => {
  assert.throws(() => parseTranscript('$ true\nstray'), /line 2 of the transcript is nothing that is known: stray/);
});

test('a command has no terminal that it could ask on', async () => {
  assert.deepEqual(await play('$ (exec < /dev/tty) 2> /dev/null', '[1]'), []);
});
