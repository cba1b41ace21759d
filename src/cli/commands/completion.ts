import type { Command } from 'commander';
import { BrokerError } from '../../core/errors.ts';
import { print } from '../output.ts';

/** Prints a completion script: commands, subcommands and their options, and names of services from the daemon. */
export async function completion(shell: string, program: Command): Promise<number> {
  const visible = (command: Command): Command[] => command.commands.filter((sub) => sub.name() !== 'open-kind');
  const lines = visible(program).map((command) => ({
    name: command.name(),
    words: [...visible(command).map((sub) => sub.name()), ...command.options.map((option) => option.long ?? '')].filter(
      Boolean,
    ),
    takesService: command.registeredArguments[0]?.name() === 'service',
  }));
  const script = { bash, zsh, fish }[shell];
  if (!script) throw new BrokerError('invalid_argument', `${shell} is not one of bash, zsh, fish`);
  print(script(lines));
  return 0;
}

interface Line {
  readonly name: string;
  readonly words: readonly string[];
  readonly takesService: boolean;
}

const SERVICES = 'broker service list --json 2>/dev/null | sed -n \'s/^    "name": "\\(.*\\)",$/\\1/p\'';

function bash(lines: readonly Line[]): string {
  const cases = lines.map(
    ({ name, words, takesService }) =>
      `    ${name}) words="${words.join(' ')}${takesService ? ` $(${SERVICES})` : ''}";;`,
  );
  return `_broker() {
  local words
  if [ "$COMP_CWORD" -eq 1 ]; then words="${lines.map((line) => line.name).join(' ')}"
  else case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _broker broker`;
}

function zsh(lines: readonly Line[]): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bash(lines)}`;
}

function fish(lines: readonly Line[]): string {
  const first = `complete -c broker -n __fish_use_subcommand -f -a "${lines.map((line) => line.name).join(' ')}"`;
  const rest = lines.map(({ name, words, takesService }) => {
    const choices = `${words.join(' ')}${takesService ? ` (${SERVICES})` : ''}`;
    return `complete -c broker -n "__fish_seen_subcommand_from ${name}" -f -a '${choices.replaceAll("'", "\\'")}'`;
  });
  return [first, ...rest].join('\n');
}
