import type { Command } from 'commander';
import type { EnvFlags } from '../commands/env.ts';
import type { RunFlags } from '../commands/run.ts';
import { type Exit, example, masterPassword } from './options.ts';

export function addRunCommands(program: Command, exit: Exit): void {
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
