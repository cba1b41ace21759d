import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTINGS } from '../../src/core/settings.ts';
import { drivers } from '../../src/drivers/registry.ts';
import { httpKinds } from '../../src/http/registry.ts';
import { blocksOf, pages, readPage } from './blocks.ts';

const reference = 'docs/commands.md';

/** Help by command: `service add` and so on; the page is generated, and checked by `npm run check`. */
const helps = new Map(
  readPage(reference)
    .split(/^## broker ?/m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')).trim(), part] as const),
);

/** Flags that no help lists: the kinds' fields, and their sources. */
const fieldFlags = new Set(
  [...drivers.values(), ...httpKinds.values()].flatMap(({ config }) =>
    config.fields.flatMap(({ name }) =>
      ['', '-stdin', '-file', '-file-ref', '-env'].map((source) => `--${name.replaceAll('_', '-')}${source}`),
    ),
  ),
);

test('commands that are named in prose, or shown and not run, are ones that there are, with flags that they have', () => {
  const wrong = pages()
    .filter((page) => page !== reference)
    .flatMap((page) =>
      [...inline(page), ...shown(page)].flatMap((line) => faultsOf(line).map((fault) => `${page}: ${fault}`)),
    );
  assert.deepEqual(wrong, []);
});

test('flags that are named by themselves in prose are flags of some command, setting or field', () => {
  const known = [...helps.values()].join('\n');
  const others = ['--check']; // of npm scripts
  const unknown = pages().flatMap((page) =>
    [...prose(page).matchAll(/`(--[a-z][a-z-]+)[^`]*`/g)].flatMap(([, flag = '']) => {
      const isKnown = known.includes(`${flag} `) || fieldFlags.has(flag) || others.includes(flag);
      return isKnown || SETTINGS.some(({ name }) => `--${name}` === flag) ? [] : [`${page}: ${flag}`];
    }),
  );
  assert.deepEqual(unknown, []);
});

test('variables that are named are read by the daemon or the client, or set for a session', () => {
  const known: string[] = [
    ...SETTINGS.map(({ env }) => env),
    'BROKER_ADDR',
    'BROKER_TOKEN',
    'BROKER_DEBUG',
    'BROKER_SSH_KEY_FILE',
  ];
  const unknown = pages().flatMap((page) =>
    [...readPage(page).matchAll(/\bBROKER_[A-Z_]+\b/g)].flatMap(([name]) =>
      known.includes(name) ? [] : [`${page}: ${name}`],
    ),
  );
  assert.deepEqual(unknown, []);
});

function prose(page: string): string {
  return readPage(page).replace(/^```[\s\S]*?^```$/gm, '');
}

function inline(page: string): string[] {
  return [...prose(page).matchAll(/`(broker [^`]+)`/g)].map(([, command = '']) => command.replace(/\s+/g, ' '));
}

/** Command lines of broker in blocks that are not run. */
function shown(page: string): string[] {
  return blocksOf(page)
    .filter((block) => block.info === 'shell')
    .flatMap((block) => block.text.replaceAll('\\\n', ' ').split('\n'))
    .flatMap((line) => /(?:^|sudo (?:[A-Z_]+=\S+ )*)(broker .*)$/.exec(line)?.[1] ?? []);
}

function faultsOf(line: string): string[] {
  const [own = ''] = line.split(' -- ');
  const words = own.split(' ').slice(1);
  const [first = '', second = ''] = words;
  const hasParts = [...helps.keys()].some((known) => known.startsWith(`${first} `));
  const wanted = hasParts && second !== '' ? `${first} ${second}` : first;
  const name = helps.has(wanted) ? wanted : undefined;
  const placeholder = /^[A-Z]+$/.test(first) || first.startsWith('-');
  if (name === undefined) return placeholder ? [] : [`there is no command ${line}`];
  const help = helps.get(name) ?? '';
  return words
    .flatMap((word) => /^--[a-z-]+/.exec(word)?.[0] ?? [])
    .filter(
      (flag) => flag !== '--help' && !help.includes(flag) && !(name.startsWith('service ') && fieldFlags.has(flag)),
    )
    .map((flag) => `${line}: ${name} has no ${flag}`);
}
