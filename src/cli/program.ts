import { Command, CommanderError } from 'commander';
import { BrokerError, EXIT_CODE, toBrokerError } from '../core/errors.ts';
import { CANCELLED, OWN_FAILURE } from './exitcode.ts';
import { OPEN_KIND } from './hidden.ts';
import { KNOWN_KINDS } from './kinds.ts';
import { sayError } from './output.ts';
import { endPassing } from './passing.ts';
import { corrected, misplacedOption, unknownCommand } from './slips.ts';
import type { Exit } from './syntax/options.ts';
import { addRecordCommands } from './syntax/records.ts';
import { addRunCommands } from './syntax/run.ts';
import { addServiceCommands } from './syntax/services.ts';
import { addSessionCommands } from './syntax/sessions.ts';
import { addVaultCommands } from './syntax/vault.ts';

/** Milliseconds that the daemon has to say whether an unknown word is a kind. */
const KINDS_TIMEOUT_MS = 3_000;

/**
 * Runs one command line. The modules behind the commands are loaded when a command runs, so that help is instant.
 * @returns the exit code. Never rejects: what went wrong is told on standard error.
 */
export async function run(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = build((code) => {
    exitCode = code ?? 0;
  });
  let runsCommand = false;
  try {
    const words = await resolve(program, argv);
    runsCommand = takesCommand(words[0]) && argv.includes('--');
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : runsCommand ? OWN_FAILURE : 2;
    return failed(thrown, runsCommand);
  } finally {
    await endPassing();
  }
}

function failed(thrown: unknown, runsCommand: boolean): number {
  const known = toBrokerError(thrown);
  // What was not made a BrokerError went wrong here: the daemon's log would be searched in vain.
  const isOurs = known.code === 'internal' && known !== thrown;
  const error = isOurs ? internalError(thrown) : known;
  sayError(error);
  if (error.code === 'internal' && process.env.BROKER_DEBUG) console.error(error.cause);
  if (error.code === 'cancelled') return CANCELLED;
  if ('exitCode' in error && typeof error.exitCode === 'number') return error.exitCode;
  return runsCommand ? OWN_FAILURE : EXIT_CODE[error.code];
}

function internalError(cause: unknown): BrokerError {
  return new BrokerError('internal', 'internal error of the command line', {
    hint: 'BROKER_DEBUG=1 shows the details',
    cause,
  });
}

function build(exit: Exit): Command {
  const program = new Command('broker')
    .description('Logs in for programs that must not hold credentials.')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'broker: ')) })
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .showHelpAfterError('(broker --help shows what there is)');
  program.option('-V, --version', 'show the version').action(async (options: { version?: boolean }) => {
    if (options.version) exit(await (await import('./commands/version.ts')).version());
    else program.outputHelp();
  });
  addSessionCommands(program, exit);
  addRunCommands(program, exit);
  addServiceCommands(program, exit);
  addVaultCommands(program, exit);
  addRecordCommands(program, exit);
  program
    .command('help [command...]')
    .description('show help for a command')
    .action(async (words: string[]) => {
      await program.parseAsync([...named(program, words), '--help'], { from: 'user' });
    });
  program.addHelpText('after', EXAMPLES);
  for (const command of program.commands) adviseOnSlips(command, 'broker');
  return program;
}

/** What stands below an error of the parser: how the command is used, or which commands a group has. */
function adviseOnSlips(command: Command, above: string): void {
  const path = `${above} ${command.name()}`;
  const isGroup = command.commands.length > 0;
  const usage = `${path} ${command.usage()}`.trim();
  command.showHelpAfterError(isGroup ? `(${path} --help shows what there is)` : `(usage: ${usage}; --help says more)`);
  for (const below of command.commands) adviseOnSlips(below, path);
}

const EXAMPLES = `
First steps:
  broker up                                        start, create the vault on first use
  broker service add app-db --kind postgres --host db --user app --password-stdin
  broker postgres app-db                           prints 127.0.0.1:PORT for one client
  broker postgres app-db -- psql -c 'select 1'     runs a client against it

Environment: BROKER_ADDR and BROKER_TOKEN (else what broker up or broker login stored), BROKER_HOME,
BROKER_PASSWORD_FILE, NO_COLOR.

Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 daemon not reachable, 4 vault locked, 5 not found, 6 denied,
7 upstream failed; 125 broker's own failure where a command is run; 130, 143 on signals.`;

/**
 * The words for the parser: a first word that is no command may be a kind that this daemon knows and this program does
 * not; else it is a slip.
 * @throws BrokerError `invalid_argument` with the closest command.
 */
async function resolve(program: Command, argv: readonly string[]): Promise<string[]> {
  const [first] = argv;
  const misplaced = misplacedOption(program, argv);
  if (misplaced) throw misplaced;
  if (first === undefined || first.startsWith('-')) return [...argv];
  if (program.commands.some((known) => known.name() === first)) return [...corrected(program, argv)];
  if (first === 'version') return ['--version'];
  const kinds = await kindsOfDaemon();
  if (kinds.includes(first)) return [OPEN_KIND, ...argv];
  throw unknownCommand(first, program, kinds);
}

/** The commands that `broker help` was asked about, each checked. */
function named(program: Command, asked: readonly string[]): readonly string[] {
  const words = corrected(program, asked);
  let at = program;
  for (const word of words) {
    const next = at.commands.find((known) => known.name() === word);
    if (!next) throw unknownCommand(word, at);
    at = next;
  }
  return words;
}

function takesCommand(word: string | undefined): boolean {
  return word === OPEN_KIND || word === 'run' || word === 'exec' || KNOWN_KINDS.some(([kind]) => kind === word);
}

async function kindsOfDaemon(): Promise<readonly string[]> {
  const { openClient } = await import('./place.ts');
  using client = openClient();
  try {
    return (await client.kinds.list({}, { timeoutMs: KINDS_TIMEOUT_MS })).kinds.map((kind) => kind.name);
  } catch (error) {
    if (error instanceof BrokerError) return []; // not there to ask: what this program knows has to do
    throw error;
  }
}
