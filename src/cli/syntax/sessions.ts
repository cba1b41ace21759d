import { type Command, Option } from 'commander';
import type { CopyFlags } from '../commands/cp.ts';
import type { ExecFlags } from '../commands/exec.ts';
import type { OpenFlags } from '../commands/open.ts';
import { HOLD, OPEN_KIND } from '../hidden.ts';
import { KNOWN_KINDS } from '../kinds.ts';
import { type Exit, example } from './options.ts';

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
  example(
    program
      .command('ssh-config [service...]')
      .description('Host entries for ~/.ssh/config: ssh, scp, sftp, rsync and git then reach NAME.broker')
      .action(async (services: string[]) => exit(await (await import('../commands/sshconfig.ts')).sshConfig(services))),
    'broker ssh-config > ~/.ssh/broker.conf     and at the top of ~/.ssh/config: Include broker.conf',
  );
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
  const cp = program
    .command('cp <source> <target>')
    .description('copy a file to or from the server of an ssh service; one of the two is NAME:PATH')
    .option('-q, --quiet', 'show no progress')
    .option('-r, --recursive', 'refused: folders are not copied')
    .option('--reason <text>', 'why, for the audit log')
    .action(async (source: string, target: string, flags: CopyFlags) =>
      exit(await (await import('../commands/cp.ts')).cp(source, target, flags)),
    );
  example(
    cp,
    'broker cp report.pdf NAME:/srv/in/      keeps the mode; the file is there whole or not at all',
    'broker cp NAME:/srv/out/report.pdf .',
    'pg_dump app | broker cp - NAME:/srv/in/app.sql',
  );
  const http = program
    .command('http <service> <method> <path> [body]')
    .description('send a request to an HTTP service; its body from the line, @FILE or - for standard input')
    .option('-H, --header <line>', 'NAME: VALUE (may be repeated)', (line: string, lines: string[] = []) => [
      ...lines,
      line,
    ])
    .option('-i, --include', 'print status and headers too')
    .option('--fail', 'exit 7 when the server answers 400 or more')
    .action(async (name: string, method: string, path: string, body: string | undefined, flags) =>
      exit(await (await import('../commands/http.ts')).http(name, method, path, body, flags)),
    );
  example(
    http,
    'broker http openai GET /models',
    'broker http github POST /repos/me/it/issues \'{"title":"hello"}\' -H "Content-Type: application/json"',
    'broker http bucket PUT /backup.tar @backup.tar -i',
  );
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
