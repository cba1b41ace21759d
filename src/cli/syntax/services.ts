import type { Command } from 'commander';
import { type Exit, example, masterPassword } from './options.ts';

export function addServiceCommands(program: Command, exit: Exit): void {
  const service = program.command('service').description('services that broker can log in to');
  // Their flags are the fields of a kind, which only the daemon knows: they read their words themselves, --help too.
  const free = (command: Command): Command => command.allowUnknownOption().allowExcessArguments().helpOption(false);
  free(service.command('add [words...]'))
    .usage('NAME --kind KIND [--FIELD VALUE ...]')
    .description('store a service: --kind KIND, --FIELD VALUE ...; secrets by --FIELD-stdin, -file or -env')
    .action(async (_words, _options, command: Command) =>
      exit(await (await import('../commands/put.ts')).add(command.args)),
    );
  free(service.command('set [words...]'))
    .usage('NAME [--FIELD VALUE ...]')
    .description('change the named fields; the others and the secrets stay')
    .action(async (_words, _options, command: Command) =>
      exit(await (await import('../commands/put.ts')).change(command.args)),
    );
  const load = () => import('../commands/service.ts');
  example(
    service
      .command('list')
      .description('list the services that you may use')
      .option('--json', 'as JSON')
      .action(async (options) => exit(await (await load()).list(options))),
    'broker service list --json',
  );
  example(
    service
      .command('show <name>')
      .description('show a service, without secrets')
      .option('--json', 'as JSON, which service add -f reads')
      .action(async (name: string, options) => exit(await (await load()).show(name, options))),
    'broker service show app-db',
  );
  example(
    masterPassword(service.command('rm <name>'))
      .description('delete a service and end its sessions')
      .action(async (name: string, options) => exit(await (await load()).remove(name, options))),
    'broker service rm app-db',
  );
  example(
    masterPassword(service.command('test <name>'))
      .description('log in once and report each hop: dns, tcp, tls, auth')
      .option('--json', 'as JSON')
      .action(async (name: string, options) => exit(await (await load()).test(name, options))),
    'broker service test app-db',
  );
  example(
    masterPassword(service.command('trust <name>'))
      .description("show the keys of an ssh service's server, and pin them")
      .option('--fingerprint <fingerprint...>', 'pin this one (SHA256:...), and refuse a server that has another')
      .option('--json', 'as JSON')
      .action(async (name: string, options) => exit(await (await import('../commands/trust.ts')).trust(name, options))),
    'broker service trust web',
  );
  example(
    masterPassword(service.command('cookies <name>'))
      .description('the cookies kept for an HTTP service: names and ends, never values')
      .option('--clear', 'throw them away')
      .option('--json', 'as JSON')
      .action(async (name: string, options) =>
        exit(await (await import('../commands/cookies.ts')).cookies(name, options)),
      ),
    'broker service cookies intranet --clear',
  );
  example(
    program
      .command('kinds [kind]')
      .description('the kinds of service and their fields')
      .option('--json', 'as JSON')
      .action(async (kind: string | undefined, options) =>
        exit(await (await import('../commands/kinds.ts')).kinds(kind, options)),
      ),
    'broker kinds postgres',
  );
  example(
    program
      .command('presets [name]')
      .description('providers whose API broker knows: what a service of theirs needs, and what their clients read')
      .option('--json', 'as JSON, in the form of a preset file')
      .action(async (name: string | undefined, options) =>
        exit(await (await import('../commands/presets.ts')).presets(name, options)),
      ),
    'broker presets openai',
  );
}
