import { type Command, Option } from 'commander';
import type { EnvFlags } from '../commands/env.ts';
import type { ExecFlags } from '../commands/exec.ts';
import type { OpenFlags } from '../commands/open.ts';
import type { RunFlags } from '../commands/run.ts';
import { HOLD, OPEN_KIND } from '../hidden.ts';
import { KNOWN_KINDS } from '../kinds.ts';
import { type Exit, example, masterPassword } from './options.ts';

export function addSessionCommands(program: Command, exit: Exit): void {
  for (const [kind, title] of KNOWN_KINDS) {
    const command = program
      .command(`${kind} <service> [command...]`)
      .description(`${title}: open a session; prints its address, or runs a command after --`)
      .action(async (service: string, words: string[], flags: OpenFlags) =>
        exit(await (await import('../commands/open.ts')).open(kind, service, words, flags)),
      );
    example(
      openOptions(command),
      `broker ${kind} NAME                     prints 127.0.0.1:PORT, for one client`,
      `eval "$(broker ${kind} NAME --env)"     sets the variables that clients read`,
      `broker ${kind} NAME -- COMMAND ...      runs a command with them, and passes its exit code on`,
    );
  }
  openOptions(program.command(`${OPEN_KIND} <kind> <service> [command...]`, { hidden: true })).action(
    async (kind: string, service: string, words: string[], flags: OpenFlags) =>
      exit(await (await import('../commands/open.ts')).open(kind, service, words, flags)),
  );
  program.command(HOLD, { hidden: true }).action(async () => exit(await (await import('../remote.ts')).hold()));
  const connect = program
    .command('connect <service>')
    .description('one session on standard input and output')
    .option('--reason <text>', 'why, for the audit log')
    .action(async (service: string, options: { reason?: string }) =>
      exit(await (await import('../commands/connect.ts')).connectStdio(service, options)),
    );
  example(connect, 'ssh -o ProxyCommand="broker connect NAME" HOST');
  const exec = program
    .command('exec <service> [command...]')
    .description('run a command on the server of an ssh service')
    .option('--timeout <duration>', 'end the command after this (no limit)')
    .option('--tty', 'ask for a terminal')
    .option('--reason <text>', 'why, for the audit log')
    .action(async (service: string, words: string[], flags: ExecFlags) =>
      exit(await (await import('../commands/exec.ts')).exec(service, words, flags)),
    );
  example(exec, 'broker exec NAME -- docker logs web    passes the streams and the exit code on');
  addRunCommands(program, exit);
  const session = program.command('session').description('sessions that are open');
  example(
    session
      .command('list')
      .option('--json', 'as JSON')
      .description('list your sessions; an admin sees all')
      .action(async (options) => exit(await (await import('../commands/session.ts')).list(options))),
    'broker session list',
  );
  example(
    session
      .command('watch')
      .option('--json', 'as JSON lines')
      .description('your sessions as they are, then every change, until interrupted')
      .action(async (options) => exit(await (await import('../commands/session.ts')).watch(options))),
    "broker session watch --json | jq -c '[.service, .state]'",
  );
  example(
    session
      .command('close <id>')
      .description('end a session at once; the beginning of its id is enough')
      .action(async (id: string) => exit(await (await import('../commands/session.ts')).close(id))),
    'broker session close 3f2a',
  );
}

function openOptions(command: Command): Command {
  return command
    .option('--timeout <duration>', 'how long to wait for the first client (30s; at most 5m)')
    .option('--connections <n>', 'clients served in total; 0: any number (1; with a command: 0)')
    .option('--lifetime <duration>', 'end the session after this (8h)')
    .option('--idle <duration>', 'end a connection on which nothing moved for so long (no limit)')
    .option('--port <port>', 'a fixed local port')
    .option('--unix', 'listen on a unix socket instead of 127.0.0.1')
    .option('--ticket', 'the client must send a one-time password (shown by --url, --env and --json)')
    .option('--tls', "answer the client's TLS request, with a certificate of broker's own CA")
    .option('--reason <text>', 'why, for the audit log')
    .addOption(new Option('--json', 'print everything as JSON').conflicts(['url', 'env']))
    .addOption(new Option('--url', 'print a connection URL').conflicts(['env']))
    .option('--env', 'print export lines for the shell');
}

function addRunCommands(program: Command, exit: Exit): void {
  const environment = masterPassword(program.command('env <service>'))
    .description('print what clients of a service need in their environment: an HTTP service gets a token of its own')
    .option('--ttl <duration>', 'how long it is good (a token 24h, a session 8h)')
    .option('--json', 'as JSON')
    .action(async (service: string, flags: EnvFlags) =>
      exit(await (await import('../commands/env.ts')).env(service, flags)),
    );
  example(environment, 'eval "$(broker env openai)"');
  const run = masterPassword(program.command('run [command...]'))
    .description('run a command in a clean environment that leads to services, and holds no credential')
    .option('--service <name...>', 'a service that it may use')
    .option('--preset <name...>', 'a provider whose key is in the environment, without a vault')
    .option('--keep <variable...>', 'a variable that it gets although it looks like a credential')
    .option('--ttl <duration>', 'how long its tokens are good at most', '24h')
    .option('--reason <text>', 'why, for the audit log')
    .option('--print-instructions', 'print a text for the instructions of an agent instead')
    .action(async (words: string[], flags: RunFlags) =>
      exit(await (await import('../commands/run.ts')).run(words, flags)),
    );
  example(
    run,
    'broker run --service app-db --service openai -- my-agent',
    'OPENAI_API_KEY=sk-... broker run --preset openai -- my-agent',
    'broker run --service app-db --print-instructions >> AGENTS.md',
  );
}
