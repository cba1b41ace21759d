import { Command, CommanderError } from 'commander';
import { SETTINGS } from '../core/settings.ts';
import { KNOWN_KINDS } from './kinds.ts';

/**
 * Runs one command line. The modules behind the commands are loaded when a command runs, so that help is instant.
 * @returns the exit code.
 */
export async function run(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const set = (code: number | undefined): void => {
    exitCode = code ?? 0;
  };
  const program = build(set);
  const [first] = argv;
  const isKind =
    first !== undefined &&
    !first.startsWith('-') &&
    !program.commands.some((c) => c.name() === first || c.aliases().includes(first));
  try {
    await program.parseAsync(isKind && first !== 'help' ? ['open-kind', ...argv] : [...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

function build(set: (code: number | undefined) => void): Command {
  const program = new Command('broker')
    .description('Logs in for programs that must not hold credentials.')
    .helpOption('-h, --help', 'show help')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'broker: ')) })
    .exitOverride()
    .showHelpAfterError('(broker --help shows what there is)');
  program.option('--version', 'show the version').action(async (options: { version?: boolean }) => {
    if (options.version) set(await (await import('./commands/version.ts')).version());
    else program.outputHelp();
  });
  addSessionCommands(program, set);
  addServiceCommands(program, set);
  addVaultCommands(program, set);
  addAdminCommands(program, set);
  program.addHelpText('after', EXAMPLES);
  return program;
}

const EXAMPLES = `
First steps:
  broker up                                        start, create the vault on first use
  broker service add app-db --kind postgres --host db --user app --password-stdin
  broker postgres app-db                           prints 127.0.0.1:PORT for one client
  broker postgres app-db -- psql -c 'select 1'     runs a client against it

Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 daemon not reachable, 4 vault locked, 5 not found, 6 denied,
7 upstream failed; 125 broker's own failure where a command is run; 130, 143 on signals.`;

type Set = (code: number | undefined) => void;
const PASSWORD_FILE = ['--password-file <file>', 'read the master password from this file'] as const;

function openOptions(command: Command): Command {
  return command
    .option('--timeout <duration>', 'how long to wait for the first client (30s; at most 5m)')
    .option('--connections <n>', 'clients served in total; 0: any number (1)')
    .option('--lifetime <duration>', 'end the session after this (8h)')
    .option('--idle <duration>', 'end a connection on which nothing moved for so long (no limit)')
    .option('--port <port>', 'a fixed local port')
    .option('--unix', 'listen on a unix socket instead of 127.0.0.1')
    .option('--ticket', 'the client must send a one-time password (shown by --url, --env and --json)')
    .option('--tls', "answer the client's TLS request, with a certificate of broker's own CA")
    .option('--reason <text>', 'why, for the audit log')
    .option('--json', 'print everything as JSON')
    .option('--url', 'print a connection URL')
    .option('--env', 'print export lines for the shell');
}

function addSessionCommands(program: Command, set: Set): void {
  for (const [kind, title] of KNOWN_KINDS) {
    openOptions(program.command(`${kind} <service> [command...]`))
      .description(`open a ${title} session; prints its address, or runs a command after --`)
      .passThroughOptions(false)
      .action(async (service: string, command: string[], options: object) =>
        set(await (await import('./commands/open.ts')).open(kind, service, command, options)),
      );
  }
  openOptions(program.command('open-kind <kind> <service> [command...]', { hidden: true })).action(
    async (kind: string, service: string, command: string[], options: object) =>
      set(await (await import('./commands/open.ts')).open(kind, service, command, options)),
  );
  program
    .command('connect <service>')
    .description('one session on standard input and output')
    .option('--reason <text>', 'why, for the audit log')
    .action(async (service: string, options: { reason?: string }) =>
      set(await (await import('./commands/connect.ts')).connectStdio(service, options)),
    );
  const session = program.command('session').description('sessions that are open');
  session
    .command('list')
    .option('--json', 'as JSON')
    .description('list sessions')
    .action(async (options) => set(await (await import('./commands/session.ts')).list(options)));
  session
    .command('watch')
    .option('--json', 'as JSON lines')
    .description('show changes until interrupted')
    .action(async (options) => set(await (await import('./commands/session.ts')).watch(options)));
  session
    .command('close <id>')
    .description('end a session at once')
    .action(async (id: string) => set(await (await import('./commands/session.ts')).close(id)));
}

function addServiceCommands(program: Command, set: Set): void {
  const service = program.command('service').description('services that broker can log in to');
  const fields = (command: Command): Command =>
    command
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption(false)
      .option('-h, --help', 'show help, with the fields of the kind');
  fields(service.command('add <name>'))
    .description('store a service: --kind KIND, --FIELD VALUE ...; secrets by --FIELD-stdin, -file or -env')
    .action(async (_name, _options, command: Command) =>
      set(await (await import('./commands/service.ts')).add(command.args)),
    );
  fields(service.command('set <name>'))
    .description('change the named fields; the others and the secrets stay')
    .action(async (_name, _options, command: Command) =>
      set(await (await import('./commands/service.ts')).change(command.args)),
    );
  service
    .command('list')
    .description('list services')
    .option('--json', 'as JSON')
    .action(async (options) => set(await (await import('./commands/service.ts')).list(options)));
  service
    .command('show <name>')
    .description('show a service, without secrets')
    .option('--json', 'as JSON')
    .action(async (name: string, options) => set(await (await import('./commands/service.ts')).show(name, options)));
  service
    .command('rm <name>')
    .description('delete a service and end its sessions')
    .option(...PASSWORD_FILE)
    .action(async (name: string, options) => set(await (await import('./commands/service.ts')).remove(name, options)));
  service
    .command('test <name>')
    .description('log in once and report each hop')
    .option(...PASSWORD_FILE)
    .option('--json', 'as JSON')
    .action(async (name: string, options) => set(await (await import('./commands/service.ts')).test(name, options)));
  program
    .command('kinds [kind]')
    .description('the kinds of service and their fields')
    .option('--json', 'as JSON')
    .action(async (kind: string | undefined, options) =>
      set(await (await import('./commands/kinds.ts')).kinds(kind, options)),
    );
}

function addVaultCommands(program: Command, set: Set): void {
  const up = program
    .command('up')
    .description('start the daemon in the background, create the vault on first use, unlock it')
    .option(...PASSWORD_FILE);
  const daemon = program.command('daemon').description('run the daemon in the foreground');
  for (const setting of SETTINGS) {
    for (const command of [up, daemon]) {
      if (setting.name !== 'password-file' || command === daemon)
        command.option(`--${setting.name} <${setting.value}>`, setting.doc);
    }
  }
  up.action(async (options) => set(await (await import('./commands/up.ts')).up(options)));
  daemon.action(async (_options, command: Command) =>
    set(await (await import('./commands/daemon.ts')).daemon(command.opts())),
  );
  const vault = async () => await import('./commands/vault.ts');
  program
    .command('down')
    .description('lock the vault and stop the daemon')
    .action(async () => set(await (await vault()).down()));
  program
    .command('init')
    .description('create the vault')
    .option(...PASSWORD_FILE)
    .action(async (options) => set(await (await vault()).init(options)));
  program
    .command('unlock')
    .description('open the vault')
    .option(...PASSWORD_FILE)
    .option('--key-file <file>', 'with a key file instead')
    .action(async (options) => set(await (await vault()).unlock(options)));
  program
    .command('lock')
    .description('end every session and close the vault')
    .option(...PASSWORD_FILE)
    .option('--reason <text>', 'why')
    .action(async (options) => set(await (await vault()).lock(options)));
  program
    .command('status')
    .description('state of daemon and vault')
    .option('--json', 'as JSON')
    .action(async (options) => set(await (await vault()).status(options)));
  program
    .command('passwd')
    .description('change the master password')
    .option(...PASSWORD_FILE)
    .option('--new-password-file <file>', 'read the new one from this file')
    .option('--rekey', 'also encrypt everything anew')
    .action(async (options) => set(await (await vault()).passwd(options)));
  program
    .command('backup <file>')
    .description('write the encrypted vault to a file; - for standard output')
    .option(...PASSWORD_FILE)
    .action(async (file: string, options) => set(await (await vault()).backup(file, options)));
  program
    .command('restore <file>')
    .description('replace the vault with a backup')
    .option(...PASSWORD_FILE)
    .action(async (file: string, options) => set(await (await vault()).restore(file, options)));
  const slot = program.command('slot').description('further ways to unlock: key files');
  slot
    .command('add <label> <keyfile>')
    .description('let a key file unlock the vault; creates the file if there is none')
    .option(...PASSWORD_FILE)
    .action(async (label: string, file: string, options) => set(await (await vault()).addSlot(label, file, options)));
  slot
    .command('rm <label>')
    .description('remove a key slot')
    .option(...PASSWORD_FILE)
    .action(async (label: string, options) => set(await (await vault()).removeSlot(label, options)));
}

function addAdminCommands(program: Command, set: Set): void {
  const token = program.command('token').description('tokens for programs and people');
  token
    .command('create')
    .description('make a token; its text is shown once')
    .requiredOption('--name <name>', 'a name for lists and the audit log')
    .option('--scope <scope>', 'admin or proxy', 'proxy')
    .option('--service <glob...>', 'services it may use; * as wildcard')
    .option('--action <action...>', 'what for: open, http, exec, copy', ['open'])
    .option('--ttl <duration>', 'how long it is good', '24h')
    .option('--any-uid', 'accept it from any user over TCP')
    .option('--json', 'as JSON')
    .option(...PASSWORD_FILE)
    .action(async (options) => set(await (await import('./commands/token.ts')).create(options)));
  token
    .command('list')
    .description('list tokens')
    .option('--json', 'as JSON')
    .option(...PASSWORD_FILE)
    .action(async (options) => set(await (await import('./commands/token.ts')).list(options)));
  token
    .command('revoke <token>')
    .description('by id, unique prefix of it, or name')
    .option(...PASSWORD_FILE)
    .action(async (id: string, options) => set(await (await import('./commands/token.ts')).revoke(id, options)));
  const file = program.command('file').description('credential files that services refer to');
  file
    .command('put <name> <path>')
    .description('store a file; - for standard input')
    .option(...PASSWORD_FILE)
    .action(async (name: string, path: string, options) =>
      set(await (await import('./commands/file.ts')).put(name, path, options)),
    );
  file
    .command('get <name> <path>')
    .description('read one back, which is put on record; - for standard output')
    .option(...PASSWORD_FILE)
    .action(async (name: string, path: string, options) =>
      set(await (await import('./commands/file.ts')).get(name, path, options)),
    );
  file
    .command('list')
    .description('list files')
    .option('--json', 'as JSON')
    .option(...PASSWORD_FILE)
    .action(async (options) => set(await (await import('./commands/file.ts')).list(options)));
  file
    .command('rm <name>')
    .description('delete a file')
    .option(...PASSWORD_FILE)
    .action(async (name: string, options) => set(await (await import('./commands/file.ts')).remove(name, options)));
  const audit = program.command('audit').description('who did what, and what was refused');
  audit
    .command('query')
    .description('print records, oldest first')
    .option('--since <time>', 'a time (2026-01-31T10:00Z) or a duration ago (2h)')
    .option('--until <time>', 'likewise')
    .option('--service <name>', 'of one service')
    .option('--action <name>', 'such as session.open')
    .option('--outcome <name>', 'intent, ok, denied or failed')
    .option('--limit <n>', 'the newest n')
    .option('--follow', 'go on with new ones')
    .option('--json', 'the records as they stand in the log')
    .option(...PASSWORD_FILE)
    .action(async (options) => set(await (await import('./commands/audit.ts')).query(options)));
  audit
    .command('verify')
    .description('prove that no record was changed, removed or cut off')
    .option('--json', 'as JSON')
    .option(...PASSWORD_FILE)
    .action(async (options) => set(await (await import('./commands/audit.ts')).verify(options)));
  program
    .command('doctor [service]')
    .description('check the installation, or one service hop by hop')
    .option(...PASSWORD_FILE)
    .action(async (name: string | undefined, options) =>
      set(await (await import('./commands/doctor.ts')).doctor(name, options)),
    );
  program
    .command('login <address>')
    .description('use a daemon elsewhere: unix:PATH, HOST:PORT or https://HOST:PORT')
    .option('--token-stdin', 'read the token from standard input')
    .option('--ca-file <file>', "CA of the daemon's certificate")
    .option('--cert-file <file>', 'client certificate')
    .option('--key-file <file>', 'its private key')
    .action(async (address: string, options) =>
      set(await (await import('./commands/login.ts')).login(address, options)),
    );
  program
    .command('completion <shell>')
    .description('print a completion script for bash, zsh or fish')
    .action(async (shell: string) => set(await (await import('./commands/completion.ts')).completion(shell, program)));
}
