import { CommandProblem, type Letter, splitWords } from './argv.ts';

/** Thrown for a pattern that cannot be meant; the message follows the pattern. */
export class PatternProblem extends Error {}

/** Patterns that one text may stand for by its alternatives. */
const MAX_ALTERNATIVES = 1_000;

/** A text in which `undefined` is the wildcard. */
type Glob = readonly (string | undefined)[];

type Argument =
  | { readonly type: 'any' } // *
  | { readonly type: 'literal'; readonly text: string }
  /** Between slashes each; `deep`: the last one is ** and stands for one or more. */
  | { readonly type: 'path'; readonly segments: readonly Glob[]; readonly deep: boolean; readonly dashes: number };

/** One command pattern, its alternatives written out. */
export interface Pattern {
  readonly source: string;
  readonly forms: readonly {
    readonly words: readonly Argument[];
    /** What may follow the words: nothing, arguments (`**`), or arguments and options (`-**`). */
    readonly rest: 'none' | 'arguments' | 'anything';
  }[];
}

/**
 * Reads a pattern of words (MECHANISMS §5): fixed words, `*` for one argument, `**` at the end for the rest, `{a,b}` for
 * alternatives; quotes make their characters plain. No wildcard stands for an argument that begins with `-`, unless the
 * `-` (for long options, both) is written: `-*`, `--*`, `-**`. Inside a word `*` stands for no `/`, and for no `.` or
 * `..` between slashes; a last `/**` stands for any such path below.
 * @throws PatternProblem
 */
export function parsePattern(source: string): Pattern {
  let words: (readonly Letter[])[];
  try {
    words = splitWords(source, '*{}');
  } catch (error) {
    if (error instanceof CommandProblem) throw new PatternProblem(error.message);
    throw error;
  }
  let forms: Letter[][][] = [[]];
  for (const word of words) {
    const choices = alternatives(word);
    if (forms.length * choices.length > MAX_ALTERNATIVES)
      throw new PatternProblem(`stands for more than ${MAX_ALTERNATIVES} commands`);
    forms = forms.flatMap((form) => choices.map((choice) => [...form, choice]));
  }
  return { source, forms: forms.map(readForm) };
}

/** True when `argv`, all of it, is what the pattern describes. */
export function matches(pattern: Pattern, argv: readonly string[]): boolean {
  return pattern.forms.some(({ words, rest }) => {
    if (argv.length < words.length || (rest === 'none' && argv.length > words.length)) return false;
    if (!words.every((word, index) => matchesArgument(word, argv[index] ?? ''))) return false;
    return rest === 'anything' || argv.slice(words.length).every((argument) => !argument.startsWith('-'));
  });
}

function readForm(form: readonly (readonly Letter[])[]): Pattern['forms'][number] {
  const last = form.at(-1);
  const tail = last?.every(({ quoted }) => !quoted) ? textOf(last) : '';
  const rest = tail === '**' ? 'arguments' : tail === '-**' ? 'anything' : 'none';
  const words = (rest === 'none' ? form : form.slice(0, -1)).map(readArgument);
  const first = words[0];
  if (!first) throw new PatternProblem('names no command; to allow every command say allow_any_command');
  if (first.type === 'any')
    throw new PatternProblem('must not begin with *; to allow every command say allow_any_command');
  return { words, rest };
}

function readArgument(word: readonly Letter[]): Argument {
  if (word.length === 0) return { type: 'literal', text: '' };
  if (word.length === 1 && isStar(word[0])) return { type: 'any' };
  if (!word.some(isStar)) return { type: 'literal', text: textOf(word) };
  const segments: (string | undefined)[][] = [[]];
  for (const letter of word) {
    if (letter.char === '/') segments.push([]);
    else segments.at(-1)?.push(isStar(letter) ? undefined : letter.char);
  }
  const isDeep = (segment: readonly (string | undefined)[]): boolean =>
    segment.length === 2 && segment.every((char) => char === undefined);
  const deep = segments.length > 1 && isDeep(segments.at(-1) ?? []);
  const fixed = deep ? segments.slice(0, -1) : segments;
  if (
    fixed.some((segment) =>
      segment.some(
        (char, index) => char === undefined && segment[index + 1] === undefined && index + 1 < segment.length,
      ),
    )
  )
    throw new PatternProblem(
      'has ** inside a word; it stands alone at the end, or behind the last / of the last segment',
    );
  const dashes = /^-{0,2}/.exec(word.map((letter) => (isStar(letter) ? '*' : letter.char)).join(''))?.[0].length ?? 0;
  return { type: 'path', segments: fixed, deep, dashes };
}

function matchesArgument(word: Argument, value: string): boolean {
  if (word.type === 'literal') return value === word.text;
  if (word.type === 'any') return !value.startsWith('-');
  const dashes = /^-{0,2}/.exec(value)?.[0].length ?? 0;
  if (dashes > word.dashes) return false;
  const segments = value.split('/');
  const { segments: wanted, deep } = word;
  if (deep ? segments.length <= wanted.length : segments.length !== wanted.length) return false;
  if (!wanted.every((glob, index) => matchesSegment(glob, segments[index] ?? ''))) return false;
  const below = segments.slice(wanted.length);
  // A slash at the end of a path names the same folder.
  if (below.length > 1 && below.at(-1) === '') below.pop();
  return below.every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

function matchesSegment(glob: Glob, value: string): boolean {
  if (!glob.includes(undefined)) return glob.join('') === value;
  if (value === '' || value === '.' || value === '..') return false;
  return matchesGlob(glob, [...value]);
}

/** Linear in the product of both lengths whatever the pattern: no backtracking that a caller could make expensive. */
function matchesGlob(glob: Glob, value: readonly string[]): boolean {
  let reachable = new Set([0]);
  for (const part of glob) {
    const next = new Set<number>();
    if (part === undefined) for (let at = Math.min(...reachable); at <= value.length; at++) next.add(at);
    else for (const at of reachable) if (value[at] === part) next.add(at + 1);
    if (next.size === 0) return false;
    reachable = next;
  }
  return reachable.has(value.length);
}

/** Writes out `{a,b}`; braces in braces, empty alternatives and single ones are slips rather than patterns. */
function alternatives(word: readonly Letter[]): Letter[][] {
  let built: Letter[][] = [[]];
  let inside: Letter[][] | undefined;
  for (const letter of word) {
    const special = letter.quoted ? '' : letter.char;
    if (special === '{') {
      if (inside) throw new PatternProblem('has { inside {}');
      inside = [[]];
    } else if (special === '}') {
      if (!inside || inside.length < 2 || inside.some((choice) => choice.length === 0))
        throw new PatternProblem('has {} without two or more alternatives in it');
      const choices = inside;
      built = built.flatMap((start) => choices.map((choice) => [...start, ...choice]));
      if (built.length > MAX_ALTERNATIVES)
        throw new PatternProblem(`stands for more than ${MAX_ALTERNATIVES} commands`);
      inside = undefined;
    } else if (special === ',' && inside) inside.push([]);
    else if (inside) inside.at(-1)?.push(letter);
    else built = built.map((start) => [...start, letter]);
  }
  if (inside) throw new PatternProblem('has { without its }');
  return built;
}

function isStar(letter: Letter | undefined): boolean {
  return letter?.char === '*' && !letter.quoted;
}

function textOf(word: readonly Letter[]): string {
  return word.map(({ char }) => char).join('');
}
