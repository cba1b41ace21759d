import { type Command, Option } from 'commander';
import { type Exit, example, masterPassword } from './options.ts';

/** Tokens, files, the audit log, and what a client needs to find its daemon. */
export function addRecordCommands(program: Command, exit: Exit): void {
  addTokenCommands(program, exit);
  addFileCommands(program, exit);
  addAuditCommands(program, exit);
  const oauth = program.command('oauth').description('logins of users at OAuth2 issuers');
  example(
    masterPassword(oauth.command('login <service>'))
      .description('get a refresh token for a service: prints where to log in, and waits')
      .option('--device', 'with a code that is typed in on another device')
      .option('--open', 'also open the address in a browser')
      .option('--redirect-uri <url>', 'where the browser comes back to, as it is registered with the issuer')
      .option('--json', 'as JSON')
      .action(async (service: string, options) =>
        exit(await (await import('../commands/oauth.ts')).login(service, options)),
      ),
    'broker oauth login work-mail',
  );
  example(
    masterPassword(program.command('doctor [service]'))
      .description('check the installation, or one service hop by hop')
      .action(async (name: string | undefined, options) =>
        exit(await (await import('../commands/doctor.ts')).doctor(name, options)),
      ),
    'broker doctor app-db',
  );
  example(
    program
      .command('login <address>')
      .description('use a daemon elsewhere: unix:PATH, HOST:PORT or https://HOST:PORT')
      .option('--token-stdin', 'read the token from standard input')
      .option('--ca-file <file>', "CA of the daemon's certificate")
      .option('--cert-file <file>', 'client certificate')
      .option('--key-file <file>', 'its private key')
      .action(async (address: string, options) =>
        exit(await (await import('../commands/login.ts')).login(address, options)),
      ),
    'broker login https://broker.example:8392 --ca-file ca.pem',
  );
  example(
    program
      .command('completion <shell>')
      .description('print a completion script for bash, zsh or fish')
      .action(async (shell: string) =>
        exit(await (await import('../commands/completion.ts')).completion(shell, program)),
      ),
    'source <(broker completion bash)',
  );
}

function addTokenCommands(program: Command, exit: Exit): void {
  const token = program.command('token').description('tokens for programs and people');
  const load = () => import('../commands/token.ts');
  example(
    masterPassword(token.command('create'))
      .description('make a token; its text is shown once')
      .requiredOption('--name <name>', 'a name for lists and the audit log')
      .addOption(new Option('--scope <scope>', 'what for').choices(['admin', 'proxy']).default('proxy'))
      .option('--service <glob...>', 'services it may use; * as wildcard')
      .option('--action <action...>', 'what it may do with them: open, http, exec, copy (all)')
      .option('--method <method...>', 'HTTP methods it may use: GET, POST ...')
      .option('--path <pattern...>', 'paths it may ask for over HTTP: * within a segment, ** across them')
      .option('--max-body <bytes>', 'largest request body over HTTP')
      .option('--rate <requests>', 'most requests in a minute over HTTP')
      .option('--concurrency <requests>', 'most requests at a time over HTTP')
      .option('--ttl <duration>', 'how long it is good; never: without end', '24h')
      .option('--any-uid', 'accept it from any user over TCP')
      .option('--json', 'as JSON')
      .action(async (options) => exit(await (await load()).create(options))),
    "broker token create --name ci --service 'app-*' --ttl 1h",
  );
  example(
    masterPassword(token.command('list'))
      .description('list tokens: all for an admin, else yours and those made with it')
      .option('--json', 'as JSON')
      .action(async (options) => exit(await (await load()).list(options))),
    'broker token list',
  );
  example(
    masterPassword(token.command('revoke <token>'))
      .description('by id, unique prefix of it, or name; ends what it opened')
      .action(async (id: string, options) => exit(await (await load()).revoke(id, options))),
    'broker token revoke ci',
  );
}

function addFileCommands(program: Command, exit: Exit): void {
  const file = program.command('file').description('credential files that services refer to');
  const load = () => import('../commands/file.ts');
  example(
    masterPassword(file.command('put <name> <path>'))
      .description('store a file; - for standard input')
      .action(async (name: string, path: string, options) => exit(await (await load()).put(name, path, options))),
    'broker file put deploy-key ~/.ssh/id_deploy',
  );
  example(
    masterPassword(file.command('get <name> <path>'))
      .description('read one back, which is put on record; - for standard output')
      .action(async (name: string, path: string, options) => exit(await (await load()).get(name, path, options))),
    'broker file get deploy-key ./id_deploy',
  );
  example(
    masterPassword(file.command('list'))
      .description('list files')
      .option('--json', 'as JSON')
      .action(async (options) => exit(await (await load()).list(options))),
    'broker file list',
  );
  example(
    masterPassword(file.command('rm <name>'))
      .description('delete a file')
      .action(async (name: string, options) => exit(await (await load()).remove(name, options))),
    'broker file rm deploy-key',
  );
}

function addAuditCommands(program: Command, exit: Exit): void {
  const audit = program.command('audit').description('who did what, and what was refused');
  const load = () => import('../commands/audit.ts');
  example(
    masterPassword(audit.command('query'))
      .description('print records, oldest first')
      .option('--since <time>', 'a time (2026-01-31T10:00Z) or a duration ago (2h)')
      .option('--until <time>', 'likewise')
      .option('--service <name>', 'of one service')
      .option('--action <name>', 'such as session.open')
      .addOption(new Option('--outcome <name>', 'of one outcome').choices(['intent', 'ok', 'denied', 'failed']))
      .option('--limit <n>', 'the newest n')
      .option('--follow', 'go on with new ones')
      .option('--json', 'the records as they stand in the log')
      .action(async (options) => exit(await (await load()).query(options))),
    'broker audit query --since 1h --outcome denied',
  );
  example(
    masterPassword(audit.command('verify'))
      .description('prove that no record was changed, removed or cut off')
      .option('--json', 'as JSON')
      .action(async (options) => exit(await (await load()).verify(options))),
    'broker audit verify',
  );
}
