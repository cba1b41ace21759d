/**
 * `npm run demo [-- --keep]`: a stock client queries a password-protected PostgreSQL through broker, and everything that
 * the client can see is searched for the password. Needs nothing but what npm installed. `--keep` stays up afterwards.
 */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.ts';
import { type Broker, startBroker } from './demo/broker.ts';
import { refusal, type Server, startServer } from './demo/postgres.ts';
import { indent, print, say } from './demo/progress.ts';
import { everythingVisible, prove } from './demo/proof.ts';
import { type Planted, type Seen, stockClients, throughBroker } from './demo/session.ts';

const QUERY =
  'select current_user as role, count(*)::int as orders, ' +
  '(select version from pg_stat_ssl where pid = pg_backend_pid()) as tls from orders';

const NEXT = `
What to type next:
  npm run demo -- --keep      the same, and it stays up for you to try

For a vault of your own:
  npm pack && npm install -g ./authbroker-*.tgz
  broker up
  broker service add NAME --kind postgres --host HOST --user USER --database DB --password-stdin
  broker postgres NAME -- psql
`;

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal));

// Whoever reads along may go (`| head`); what was started is stopped all the same.
process.stdout.on('error', () => stop.abort('the end of its output'));

try {
  print('A program queries PostgreSQL through broker, and never has the password.\n');
  await demo();
  say('stopped, and everything removed');
  print(NEXT);
} catch (error) {
  const ended = stop.signal.aborted;
  const words = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    ended ? `demo: ended by ${stop.signal.reason}; everything is removed\n` : `demo: FAILED: ${words}\n`,
  );
  process.exitCode = ended ? 130 : 1;
}

async function demo(): Promise<void> {
  await using folder = await temporaryFolder();
  say('building broker, and starting the PostgreSQL that npm installed ...');
  const building = build({ check: false });
  building.catch(() => undefined); // awaited below, after the server, which has to be stopped in any case
  await using server = await startServer(join(folder.path, 'postgres'));
  say(
    `PostgreSQL ${server.version} listens on ${server.host}:${server.port}, run by ${server.runsAs}: TLS, SCRAM-SHA-256`,
  );
  const sqlstate = await refusal(server, await readFile(server.caFile, 'utf8'));
  say(`its role ${server.user} has a random password; a client with another one is refused (SQLSTATE ${sqlstate})`);
  if (!(await building)) throw new Error('the build failed');
  say('built');
  stop.signal.throwIfAborted();

  await using broker = await startBroker(folder.path);
  say('broker up: a daemon of its own, a new vault with a random master password');
  const add = serviceAdd(server);
  await broker.admin(add, `${server.password}\n`);
  say(`broker ${add.join(' ')}\n${indent('the password went in by standard input; nobody is told it from here on')}`);
  const clients: Seen[] = [];
  for (const client of stockClients()) {
    stop.signal.throwIfAborted();
    const seen = await throughBroker(broker, client, QUERY, planted(server.password));
    clients.push(seen);
    say(`broker postgres app-db, then ${client.name} there: ${seen.answer}`);
  }
  stop.signal.throwIfAborted();
  prove(server.password, await everythingVisible(broker, clients));
  say('broker audit query --service app-db:');
  print(indent(await broker.admin(['audit', 'query', '--service', 'app-db'])));
  say(`broker audit verify: ${(await broker.admin(['audit', 'verify'])).trim()}`);
  stop.signal.throwIfAborted();
  if (values.keep) await keep(broker);
}

function serviceAdd({ host, port, user, database, caFile }: Server): string[] {
  const where = ['--host', host, '--port', String(port), '--user', user, '--database', database];
  return ['service', 'add', 'app-db', '--kind', 'postgres', ...where, '--ca-file', caFile, '--password-stdin'];
}

/** DEMO_PLANT_LEAK, a list, is for the test of the demo: it must fail then, and name every place. */
function planted(password: string): Planted {
  const forms: Readonly<Record<string, Planted>> = {
    env: { environment: { NOTE: Buffer.from(`app:${password}`).toString('base64') } },
    argv: { word: password },
    bytes: { comment: Buffer.from(password).toString('hex') },
    audit: { reason: `with ${encodeURIComponent(password)}` },
  };
  const wanted = process.env.DEMO_PLANT_LEAK?.split(',') ?? [];
  const unknown = wanted.find((name) => !Object.hasOwn(forms, name));
  if (unknown !== undefined) throw new Error(`DEMO_PLANT_LEAK: ${unknown} is none of ${Object.keys(forms).join(', ')}`);
  return Object.assign({}, ...wanted.map((name) => forms[name]));
}

/** Until a signal comes. */
async function keep(broker: Broker): Promise<void> {
  const lines = [
    ...Object.entries(broker.variables).map(([name, value]) => `export ${name}="${value}"`),
    'broker status',
    'broker postgres app-db',
    `broker postgres app-db -- psql -c 'select * from orders limit 3'`,
    `broker audit query --follow --password-file "${broker.passwordFile}"`,
  ];
  print(
    `\nIt stays up until you press Ctrl-C. To try it, paste into another terminal:\n\n${indent(lines.join('\n'), 2)}\n`,
  );
  const awake = setInterval(() => undefined, 60_000); // a signal handler alone does not keep Node running
  await new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve();
    stop.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  clearInterval(awake);
}

async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'broker-demo-'));
  await chmod(path, 0o711); // the server runs as another user, in a folder of its own below
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
    },
  };
}
