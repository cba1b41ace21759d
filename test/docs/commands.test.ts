import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Block, blocksOf, pages } from './blocks.ts';
import { mismatch } from './match.ts';
import { reader } from './reader.ts';

/**
 * Blocks with the info string `sh` are run, page by page and from the top, against a daemon and a home of their own and
 * the rig's real servers. `sh exit=5` must end with that code. A `text` block right behind is what it prints.
 * Commands that cannot be run here stand in blocks with the info string `shell`, each of them listed below.
 */
const NOT_RUN: readonly (readonly [page: string, starts: string, why: string])[] = [
  ['README.md', 'npm install && npm run demo', 'a test of its own runs the demo'],
  ['README.md', 'npm install && npm test', 'this is what runs this test'],
  ['README.md', 'npm pack', 'a test of its own packs and installs the package'],
  ['docs/team.md', 'sudo useradd', 'changes users of the machine'],
  ['docs/team.md', 'sudo install', 'writes to /etc; test/docs/deploy.test.ts runs what the unit runs'],
  ['docs/team.md', 'sudo broker', 'needs the system-wide daemon of that page'],
  ['docs/team.md', 'sudo usermod', 'changes users of the machine'],
  ['docs/team.md', 'broker login', 'needs the system-wide daemon of that page'],
  ['docs/team.md', 'broker login https', 'needs a certificate and a second machine'],
  ['docs/kinds/imap.md', 'broker service add work-imap', 'needs an account at Google; test/live/oauth.test.ts does it'],
  ['docs/kinds/smtp.md', 'broker service add work-smtp', 'needs an account at Google; test/live/oauth.test.ts does it'],
  [
    'docs/kinds/ssh.md',
    'broker file put deploy-key',
    'needs a key and a server; test/live/api/fileref.test.ts does it',
  ],
  ['docs/oauth.md', 'broker', 'needs an issuer and a user; test/live/login.test.ts has both'],
  ['docs/containers.md', 'docker', 'no container engine is here; nothing of it is tested'],
  ['docs/audit.md', 'broker audit query --follow', 'runs until it is interrupted'],
  ['docs/audit.md', 'broker session watch', 'runs until it is interrupted'],
];

/** Languages that are shown and not run by this test: output, files, and source that tests of their own run. */
const SHOWN = ['text', 'json', 'ini', 'yaml', 'dockerfile', 'python', 'ts', 'go', 'proto'];

const all = pages().flatMap((page) => blocksOf(page));
const isRun = (block: Block): boolean => /^sh( exit=\d+)?$/.test(block.info);

test('every block of every page is run, shown, or listed with the reason why not', () => {
  const strange = all.filter((block) => !isRun(block) && block.info !== 'shell' && !SHOWN.includes(block.info));
  assert.deepEqual(strange.map(where), []);
  const skipped = all.filter((block) => block.info === 'shell');
  const unlisted = skipped.filter((block) => !NOT_RUN.some((row) => isListed(block, row)));
  assert.deepEqual(unlisted.map(where), []);
  const stale = NOT_RUN.filter((row) => !skipped.some((block) => isListed(block, row)));
  assert.deepEqual(stale, [], 'rows of NOT_RUN that no block needs any more');
});

test('every page with a command of broker is one whose commands are run', () => {
  const runnable = new Set(all.filter(isRun).map((block) => block.page));
  const outside = all.filter((block) => /^\$ ?broker /m.test(block.text) && !isRun(block) && block.info !== 'text');
  assert.deepEqual(outside.map(where), []);
  for (const page of ['README.md', 'docs/agent.md', 'docs/rotate.md', 'docs/backup.md', 'docs/audit.md'])
    assert.ok(runnable.has(page), `${page} has no command that is run`);
});

describe('what the pages say to type works, and prints what they show', { concurrency: 2 }, () => {
  for (const page of pages()) {
    const blocks = all.filter((block) => block.page === page);
    if (!blocks.some(isRun)) continue;
    test(page, async () => {
      await using someone = await reader();
      for (const block of blocks.filter(isRun)) {
        const { code, output } = await someone.run(block.text);
        const expected = Number(/exit=(\d+)/.exec(block.info)?.[1] ?? 0);
        assert.equal(code, expected, `${where(block)} ended with ${code}:\n${block.text}\n${output}`);
        const shown = blocks.find((other) => other.follows === block && other.info === 'text');
        const wrong = shown && mismatch(shown.text, someone.asPrinted(output));
        assert.equal(wrong, undefined, shown && `${where(shown)}: ${wrong}`);
      }
    });
  }
});

function isListed(block: Block, [page, starts]: (typeof NOT_RUN)[number]): boolean {
  return block.page === page && block.text.startsWith(starts);
}

function where({ page, line, info }: Block): string {
  return `${page}:${line} (${info})`;
}
