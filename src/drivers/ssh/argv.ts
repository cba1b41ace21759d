/** Bytes of a command as it is sent: `sh -c` gets it as one argument, and Linux takes at most 128 KiB (MAX_ARG_STRLEN). */
export const MAX_COMMAND_BYTES = 100 * 1024;
/** Words of a command. */
const MAX_WORDS = 4_096;

/** One character of a word, and whether it stood in quotes: only then is it nothing but itself. */
export interface Letter {
  readonly char: string;
  readonly quoted: boolean;
}
export type Word = readonly Letter[];

/** Thrown for a command line that is more than plain words and quotes, and for words that cannot be sent. */
export class CommandProblem extends Error {}

/** What stands for itself without quotes in every shell; `=` does so in all words but the first. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]$/;
/** POSIX 2.2.3: what double quotes do not take the meaning from. */
const LIVE_IN_DOUBLE_QUOTES = /^[$`\\]$/;

/**
 * Splits a line into words by the part of the shell's grammar (POSIX 2.2, 2.3) on which all shells agree: plain words,
 * '...', "..." and \'. Everything else (expansion, substitution, redirection, operators, globs, comments, tildes,
 * assignments, line breaks) is refused, never interpreted and never passed on.
 * @param special further characters that may stand unquoted, for patterns.
 * @throws CommandProblem
 */
export function splitWords(line: string, special = ''): Word[] {
  const words: Letter[][] = [];
  let word: Letter[] | undefined;
  const chars = [...line];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? '';
    if (char === ' ' || char === '\t') {
      word = undefined;
      continue;
    }
    if (!word) {
      word = [];
      words.push(word);
    }
    if (char === "'" || char === '"') {
      const end = chars.indexOf(char, at + 1);
      if (end < 0) throw new CommandProblem(`has an opening ${char} without its end`);
      for (const inner of chars.slice(at + 1, end)) {
        if (char === '"' && LIVE_IN_DOUBLE_QUOTES.test(inner))
          throw new CommandProblem(`has ${show(inner)} in double quotes, where a shell would act on it`);
        word.push({ char: inner, quoted: true });
      }
      at = end;
    } else if (char === '\\' && chars[at + 1] === "'") {
      word.push({ char: "'", quoted: true });
      at++;
    } else if (PLAIN.test(char) || special.includes(char)) word.push({ char, quoted: false });
    else throw new CommandProblem(`has ${show(char)} outside quotes, where a shell would or could act on it`);
  }
  if (words.length === 0) throw new CommandProblem('is empty');
  if (words[0]?.some(({ char, quoted }) => char === '=' && !quoted))
    throw new CommandProblem('begins with the assignment of a variable');
  return words;
}

/** The words of a client's command line. @throws CommandProblem */
export function parseCommandLine(line: string): string[] {
  return splitWords(line).map((word) => word.map(({ char }) => char).join(''));
}

/**
 * The one form in which a command is sent: every word in single quotes, the first one too, so that no alias, keyword or
 * assignment can be meant.
 * @param posixShell the login shell reads single quotes as POSIX says: then words may have anything in them but NUL.
 * @throws CommandProblem for words that some shell would read otherwise (fish and csh).
 */
export function quoteArgv(argv: readonly string[], posixShell: boolean): string {
  if (argv.length === 0 || argv[0] === '') throw new CommandProblem('names no command');
  if (argv.length > MAX_WORDS) throw new CommandProblem(`has more than ${MAX_WORDS} words`);
  for (const word of argv) {
    // U+FFFD is what is left of bytes that were no UTF-8: what would be sent is not what the client meant.
    if (/[\0\ufffd\p{Surrogate}]/u.test(word)) throw new CommandProblem('has a NUL or bytes that are not UTF-8 in it');
    const odd = posixShell ? undefined : /[\p{Cc}\\!]/u.exec(word)?.[0];
    if (odd !== undefined)
      throw new CommandProblem(`has ${show(odd)} in it, which not every shell reads the same (posix_shell allows it)`);
  }
  const line = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  if (Buffer.byteLength(line) > MAX_COMMAND_BYTES)
    throw new CommandProblem(`is longer than ${MAX_COMMAND_BYTES} bytes`);
  return line;
}

function show(char: string): string {
  if (/\p{Cc}/u.test(char)) return char === '\n' ? 'a line break' : 'a control character';
  return char;
}
