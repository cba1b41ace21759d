import type { Command } from 'commander';
import { BrokerError } from '../../core/errors.ts';
import { HIDDEN } from '../hidden.ts';
import { print } from '../output.ts';

/** Prints a completion script: commands, subcommands, their options, and names of services from the daemon. */
export async function completion(shell: string, program: Command): Promise<number> {
  const script = SCRIPTS.get(shell);
  if (!script) throw new BrokerError('invalid_argument', `${shell} is not one of ${[...SCRIPTS.keys()].join(', ')}`);
  print(script(linesOf(program, [])));
  return 0;
}

/** What may follow the words of `path`, e.g. `service test`. */
interface Line {
  readonly path: string;
  /** Those among them that are commands. */
  readonly subcommands: readonly string[];
  readonly words: readonly string[];
  readonly takesService: boolean;
}

const SCRIPTS: ReadonlyMap<string, (lines: readonly Line[]) => string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
]);

/** Names only, and silence where there is no daemon. */
const SERVICES = 'broker service list 2>/dev/null | sed -n "2,\\$s/ .*//p"';
/** Arguments that are the name of a service, by the commands they stand behind. */
const NAMES_SERVICE = ['service show', 'service set', 'service rm', 'service test', 'service trust'];

function linesOf(command: Command, path: readonly string[]): Line[] {
  const visible = command.commands.filter((sub) => !HIDDEN.includes(sub.name()));
  const options = command.options.filter((option) => !option.hidden).map((option) => option.long ?? option.flags);
  const subcommands = visible.map((sub) => sub.name());
  const line = {
    path: path.join(' '),
    subcommands,
    words: [...subcommands, ...options, '--help'],
    takesService: command.registeredArguments[0]?.name() === 'service' || NAMES_SERVICE.includes(path.join(' ')),
  };
  return [line, ...visible.flatMap((sub) => linesOf(sub, [...path, sub.name()]))];
}

/**
 * The words before the cursor that are no options, joined: the longest known beginning says what may follow. The script runs in
 * zsh as well, where a variable `path` would be the search path of commands, and the end of a slice must be spelt as arithmetic.
 */
function bash(lines: readonly Line[]): string {
  const cases = lines.map(
    ({ path, words, takesService }) =>
      `    '${path}') words='${words.join(' ')}'${takesService ? `; words="$words $(${SERVICES})"` : ''};;`,
  );
  return `_broker() {
  local found='' word words='' known=' ${lines.map((line) => line.path.replaceAll(' ', '/')).join(' ')} '
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do
    local next="\${found:+$found/}$word"
    case "$known" in *" $next "*) found="$next";; *) break;; esac
  done
  case "\${found//\\// }" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _broker broker`;
}

function zsh(lines: readonly Line[]): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bash(lines)}`;
}

function fish(lines: readonly Line[]): string {
  return lines
    .map(({ path, words, subcommands, takesService }) => {
      const [first, second] = path.split(' ');
      const seen = [first, second].flatMap((word) => (word ? [`__fish_seen_subcommand_from ${word}`] : []));
      if (subcommands.length > 0) seen.push(`not __fish_seen_subcommand_from ${subcommands.join(' ')}`);
      const condition = first ? seen.join('; and ') : '__fish_use_subcommand';
      const choices = `${words.join(' ')}${takesService ? ` (${SERVICES})` : ''}`.replaceAll("'", "\\'");
      return `complete -c broker -n '${condition}' -f -a '${choices}'`;
    })
    .join('\n');
}
