import type { Command } from 'commander';
import { SETTINGS } from '../../core/settings.ts';
import { type Exit, example, masterPassword } from './options.ts';

export function addVaultCommands(program: Command, exit: Exit): void {
  addDaemonCommands(program, exit);
  const load = () => import('../commands/vault.ts');
  example(
    masterPassword(program.command('init'))
      .description('create the vault of a daemon that runs already')
      .action(async (options) => exit(await (await load()).init(options))),
    'broker init',
  );
  example(
    masterPassword(program.command('unlock'))
      .description('open the vault')
      .option('--key-file <file>', 'with a key file instead')
      .action(async (options) => exit(await (await load()).unlock(options))),
    'broker unlock',
  );
  example(
    masterPassword(program.command('lock'))
      .description('end every session and close the vault')
      .option('--reason <text>', 'why, for the audit log')
      .action(async (options) => exit(await (await load()).lock(options))),
    'broker lock --reason "end of day"',
  );
  example(
    program
      .command('status')
      .description('state of daemon and vault')
      .option('--json', 'as JSON')
      .action(async (options) => exit(await (await load()).status(options))),
    'broker status',
  );
  example(
    masterPassword(program.command('passwd'))
      .description('change the master password')
      .option('--new-password-file <file>', 'read the new one from this file')
      .option('--rekey', 'also encrypt everything anew')
      .action(async (options) => exit(await (await load()).passwd(options))),
    'broker passwd',
  );
  example(
    masterPassword(program.command('backup <file>'))
      .description('write the encrypted vault to a file; - for standard output')
      .action(async (file: string, options) => exit(await (await load()).backup(file, options))),
    'broker backup vault-2026-01-31.brokervault',
  );
  example(
    masterPassword(program.command('restore <file>'))
      .description('replace the vault with a backup, which has a master password of its own; - for standard input')
      .action(async (file: string, options) => exit(await (await load()).restore(file, options))),
    'broker restore vault-2026-01-31.brokervault',
  );
  const slot = program.command('slot').description('further ways to unlock: key files');
  example(
    masterPassword(slot.command('add <label> <keyfile>'))
      .description('let a key file unlock the vault; creates the file if there is none')
      .action(async (label: string, file: string, options) => exit(await (await load()).addSlot(label, file, options))),
    'broker slot add boot /etc/broker/key',
  );
  example(
    masterPassword(slot.command('rm <label>'))
      .description('remove a key slot')
      .action(async (label: string, options) => exit(await (await load()).removeSlot(label, options))),
    'broker slot rm boot',
  );
}

function addDaemonCommands(program: Command, exit: Exit): void {
  const up = masterPassword(program.command('up'))
    .description('start the daemon in the background, create the vault on first use, unlock it')
    .action(async (options) => exit(await (await import('../commands/up.ts')).up(options)));
  const daemon = program
    .command('daemon')
    .description('run the daemon in the foreground')
    .action(async (_options, command: Command) =>
      exit(await (await import('../commands/daemon.ts')).daemon(command.opts())),
    );
  for (const setting of SETTINGS) {
    const flag = `--${setting.name} <${setting.value}>`;
    daemon.option(flag, `${setting.doc}; also ${setting.env}`);
    // up's own --password-file is a person's, not the daemon's: that one opens the vault at every start.
    if (setting.name !== 'password-file') up.option(flag, setting.doc);
  }
  example(up, 'broker up', 'broker up --home /srv/broker --grpc off');
  example(daemon, 'broker daemon --password-file /run/secrets/broker --grpc off');
  example(
    masterPassword(program.command('down'))
      .description('lock the vault, end every session and stop the daemon')
      .action(async (options) => exit(await (await import('../commands/vault.ts')).down(options))),
    'broker down',
  );
}
