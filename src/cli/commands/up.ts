import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError } from '../../core/errors.ts';
import { EVERYDAY_ACTIONS } from '../../core/grant.ts';
import { fromMillis } from '../../core/rpc.ts';
import type { Secret } from '../../core/secret.ts';
import { SETTINGS } from '../../core/settings.ts';
import { endWithCommand, passwordFromFile } from '../admin.ts';
import { type BrokerClient, connect } from '../connect.ts';
import { advise, say } from '../output.ts';
import { brokerHome, findDaemon, findToken, storePlace, storeToken } from '../place.ts';
import { canPrompt, promptNewSecret, promptSecret } from '../prompt.ts';

type Options = Readonly<Record<string, string | undefined>>;

/** The token that lies around lives this long; `broker up` makes a new one then. */
const AMBIENT_TTL_MS = 90 * 86_400_000;

/** `broker up`: starts the daemon in the background, creates the vault on first use, unlocks it, leaves a proxy token. */
export async function up(options: Options): Promise<number> {
  const home = options.home ?? brokerHome();
  const socket = options.socket ?? process.env.BROKER_SOCKET ?? join(home, 'broker.sock');
  const address = `unix:${socket}`;
  const settings = SETTINGS.filter(({ name }) => name !== 'password-file' && options[camel(name)] !== undefined);
  if (await isRunning(address)) {
    say('broker is running already');
    const late = settings.filter(({ name }) => name !== 'home' && name !== 'socket');
    if (late.length > 0)
      say(`${late.map(({ name }) => `--${name}`).join(', ')} takes effect at the next start: broker down, broker up`);
  } else await startDaemon(home, options);
  using client = connect({ address });
  const { state } = await client.vault.status({});
  if (state !== 'STATE_UNLOCKED') {
    using password = await passwordFor(state === 'STATE_ABSENT', options.passwordFile);
    const bytes = password.use((held) => Buffer.from(held));
    if (state === 'STATE_ABSENT') {
      await client.vault.initialize({ password: bytes });
      say(`made a vault in ${home}`);
    } else await client.vault.unlock({ password: bytes });
    await leaveToken(client, address, password, socket !== join(home, 'broker.sock') || !process.env.BROKER_HOME);
  } else if (!process.env.BROKER_TOKEN && !(await isTokenGood(address))) {
    const given = passwordFromFile(options.passwordFile);
    if (given || canPrompt()) {
      using password = given ?? (await promptSecret('Master password, for a new token'));
      await leaveToken(client, address, password, socket !== join(home, 'broker.sock') || !process.env.BROKER_HOME);
      say('left a new token for this user');
    } else say('there is no token for this user: broker login, or broker up with --password-file');
  }
  say('broker is up');
  advise('next: broker service add NAME --kind postgres --host HOST --user USER --password-stdin');
  return 0;
}

async function isRunning(address: string): Promise<boolean> {
  using client = connect({ address });
  try {
    await client.vault.status({}, { timeoutMs: 5_000 });
    return true;
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'unavailable') return false;
    throw error;
  }
}

async function passwordFor(isNew: boolean, file: string | undefined): Promise<Secret> {
  const given = passwordFromFile(file);
  if (given) return given;
  if (!isNew) return await promptSecret('Master password');
  say('This creates the vault. The master password opens it; nobody can recover it for you.');
  return await promptNewSecret('New master password');
}

/** Starts the daemon detached, with its log in the home, and waits until it says that it is ready. */
async function startDaemon(home: string, options: Options): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const logPath = join(home, 'daemon.log');
  const log = openSync(logPath, 'a', 0o600);
  const logStart = statSync(logPath).size;
  const flags = SETTINGS.filter(({ name }) => name !== 'home' && name !== 'password-file').flatMap(({ name }) => {
    const value = options[camel(name)];
    return value === undefined ? [] : [`--${name}`, value];
  });
  const child = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1] ?? '', 'daemon', '--home', home, ...flags],
    {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: cleanEnvironment(),
    },
  );
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('error', (cause) => reject(new BrokerError('internal', 'the daemon could not be started', { cause })));
    child.once('exit', () => {
      const why = lastError(logPath, logStart);
      reject(
        new BrokerError('conflict', `the daemon did not start${why ? `: ${why}` : ''}`, {
          hint: `its log: ${logPath}`,
        }),
      );
    });
  });
  child.removeAllListeners('exit');
  child.disconnect();
  child.unref();
}

/** What could open the daemon to others (inspector, preloads, TLS key log) does not get into it (MECHANISMS §7). */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const dropped = (name: string): boolean =>
    name.startsWith('NODE_') || name === 'SSLKEYLOGFILE' || name === 'BROKER_TOKEN';
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !dropped(name)));
}

function lastError(path: string, from: number): string | undefined {
  const text = readFileSync(path).subarray(from).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line.startsWith('broker: '))
    .at(-1)
    ?.slice('broker: '.length);
}

/** Makes the ambient proxy token, unless the one that lies there is still good for this daemon. */
async function leaveToken(
  client: BrokerClient,
  address: string,
  password: Secret,
  storesPlace: boolean,
): Promise<void> {
  if (process.env.BROKER_TOKEN || (await isTokenGood(address))) return;
  const { token } = await client.vault.elevate({ password: password.use((held) => Buffer.from(held)) });
  endWithCommand({ address, token });
  using admin = connect({ address, token });
  const made = await admin.tokens.create({
    name: 'cli',
    scope: 'proxy',
    grants: [{ services: '*', actions: [...EVERYDAY_ACTIONS] }],
    ttl: fromMillis(AMBIENT_TTL_MS),
  });
  storeToken(made.text);
  if (storesPlace && findDaemon().address !== address) storePlace({ address });
}

/** Whether the token that lies around is one that this daemon knows. */
async function isTokenGood(address: string): Promise<boolean> {
  using known = findToken();
  if (!known) return false;
  using holder = connect({ address, token: known });
  return (await holder.vault.status({})).caller !== null;
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
