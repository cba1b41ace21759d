import { type Command, Option } from 'commander';

/** Hands a command's exit code to whoever runs the program. */
export type Exit = (code: number | undefined) => void;

/** The master password, for commands that need an admin. Its longer name is the one that `service add` and `set` know. */
export function masterPassword(command: Command): Command {
  return command
    .option(
      '--password-file <file>',
      'read the master password from this file (also BROKER_PASSWORD_FILE, --master-password-file)',
    )
    .addOption(new Option('--master-password-file <file>').hideHelp())
    .hook('preAction', (_program, running) => {
      const { masterPasswordFile } = running.opts<{ masterPasswordFile?: string }>();
      if (masterPasswordFile !== undefined) running.setOptionValue('passwordFile', masterPasswordFile);
    });
}

export function example(command: Command, ...lines: string[]): Command {
  const shown = lines.map((line) => `  ${line}`).join('\n');
  return command.addHelpText('after', `\n${lines.length > 1 ? 'Examples' : 'Example'}:\n${shown}`);
}
