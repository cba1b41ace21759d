import type { Command } from 'commander';
import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import { HIDDEN } from './hidden.ts';

/** What other programs call the commands of ours. Each is taken where the group has the one and not the other. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  ls: ['list'],
  get: ['show'],
  info: ['show'],
  describe: ['show'],
  remove: ['rm', 'revoke'],
  delete: ['rm', 'revoke'],
  del: ['rm', 'revoke'],
  rm: ['revoke'],
  create: ['add', 'put'],
  new: ['add', 'create'],
  update: ['set'],
  edit: ['set'],
  check: ['test'],
  log: ['query'],
  tail: ['watch', 'query'],
};

/** The words with a synonym of a group's command replaced: `service ls` is `service list`. */
export function corrected(program: Command, words: readonly string[]): readonly string[] {
  const [first, second = '', ...rest] = words;
  const group = program.commands.find((known) => known.name() === first);
  const name = group && synonym(group, second);
  return first === undefined || name === undefined ? words : [first, name, ...rest];
}

function synonym(group: Command, word: string): string | undefined {
  const names = group.commands.map((known) => known.name());
  return names.includes(word) ? undefined : SYNONYMS[word]?.find((name) => names.includes(name));
}

/** A word that is no command of `of`, with what may have been meant. @param kinds known to the daemon alone. */
export function unknownCommand(word: string, of: Command, kinds: readonly string[] = []): BrokerError {
  const isProgram = of.parent === null;
  const names = [...of.commands.map((known) => known.name()), ...kinds].filter((name) => !HIDDEN.includes(name));
  const below = of.commands.flatMap((group) => {
    const name = group.commands.some((known) => known.name() === word) ? word : synonym(group, word);
    return name === undefined ? [] : [`${group.name()} ${name}`];
  });
  const near = below.length > 0 ? inWords(below) : closest(word, names);
  const what = isProgram ? 'a command or a kind of service' : `a command of ${of.name()}`;
  return new BrokerError('invalid_argument', `"${word}" is not ${what}${near ? ` (did you mean ${near}?)` : ''}`, {
    hint: `broker ${isProgram ? '' : `${of.name()} `}--help shows what there is`,
  });
}

/** An option before the command that it is for. @returns undefined where it stands well. */
export function misplacedOption(program: Command, words: readonly string[]): BrokerError | undefined {
  const [first = ''] = words;
  const group = program.commands.find((known) => known.name() === first && known.commands.length > 0);
  const [option = '', ...behind] = group ? words.slice(1) : words;
  const owner = group ?? program;
  const isOwn =
    ['-h', '--help'].includes(option) || owner.options.some(({ short, long }) => [short, long].includes(option));
  if (!option.startsWith('-') || isOwn) return undefined;
  const path = group ? `broker ${first}` : 'broker';
  const command = behind.find((word) => owner.commands.some((known) => known.name() === word));
  return new BrokerError('invalid_argument', `${path} has no option ${option}`, {
    hint:
      command === undefined
        ? `${path} --help shows what there is`
        : `options stand behind the command: ${path} ${command} ${option}`,
  });
}

function inWords(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter(Boolean).join(' or ');
}
