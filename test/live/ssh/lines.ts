/** A random source that gives the same numbers for the same seed (mulberry32). */
export type Random = (below: number) => number;

export function random(seed: number): Random {
  let state = (seed * 0x9e3779b1) >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const PLAIN = [
  'a',
  'b',
  'x1',
  '/srv/a',
  '/srv/b.git',
  '/srv/../etc',
  '.',
  '..',
  '-n',
  '--long=1',
  '-',
  '--',
  'k=v',
  'a,b',
  '%s',
  '@h:/p',
  '+1',
];
/** What means something to some shell. */
const ACTIVE = [
  ...[
    '$HOME',
    '$(touch /tmp/gone)',
    '`id`',
    ';',
    '&',
    '&&',
    '|',
    '||',
    '>',
    '<',
    '>>',
    '>&2',
    '<<E',
    '(',
    ')',
    '{a,b}',
    '{',
    '}',
  ],
  ...[
    '*',
    '?',
    '[a]',
    '~',
    '~root',
    '#',
    '!',
    '!!',
    '^a^b',
    '\\',
    '\\n',
    "\\'",
    '\n',
    '\r',
    '\t',
    ' ',
    '  ',
    '\0',
    '\u001b[31m',
    '\u007f',
  ],
  ...[
    '\u00a0',
    '\u2028',
    '\u3000',
    'ü',
    '你',
    '👍',
    '\u0301',
    '\ufeff',
    '\ufffd',
    '\u0085',
    "$'x'",
    '$"x"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's, not ours
    '${IFS}',
    '$((1))',
    '=ls',
    '%1',
  ],
];
const QUOTES = ["'", '"', "''", '""', "'\\''", `'"'"'`];

/** A command line: most often well-formed with odd words in it, sometimes broken on purpose. */
export function commandLine(next: Random, program: string): string {
  const start = [program, `'${program}'`, `"${program}"`, `A=b ${program}`, `\\${program}`][next(20)] ?? program;
  const parts = [start];
  for (let count = next(5); count > 0; count--) parts.push(word(next));
  let line = parts.join([' ', ' ', ' ', '  ', '\t', ''][next(6)] ?? ' ');
  if (next(4) === 0) line = damage(line, next);
  return line;
}

function word(next: Random): string {
  let text = '';
  for (let pieces = 1 + next(3); pieces > 0; pieces--) {
    const inner = Array.from({ length: next(4) }, () => pick([...PLAIN, ...ACTIVE], next)).join('');
    switch (next(8)) {
      case 0:
      case 1:
      case 2:
        text += `'${inner.replaceAll("'", "'\\''")}'`;
        break;
      case 3:
        text += `"${inner.replaceAll(/["$`\\]/g, '')}"`;
        break;
      case 4:
        text += `"${inner.replaceAll('"', '')}"`;
        break;
      case 5:
        text += pick([...ACTIVE, ...QUOTES], next);
        break;
      default:
        text += pick(PLAIN, next);
    }
  }
  return text;
}

function damage(line: string, next: Random): string {
  const at = next(line.length + 1);
  const how = next(3);
  if (how === 0) return line.slice(0, at) + pick([...ACTIVE, ...QUOTES], next) + line.slice(at);
  if (how === 1) return line.slice(0, at) + line.slice(at + 1);
  return line.slice(0, at) + line.slice(at, at + 8).repeat(2) + line.slice(at + 8);
}

function pick(from: readonly string[], next: Random): string {
  return from[next(from.length)] ?? '';
}
