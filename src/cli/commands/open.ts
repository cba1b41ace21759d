import { spawn } from 'node:child_process';
import { closest } from '../../core/config.ts';
import { BrokerError } from '../../core/errors.ts';
import type { OpenSessionRequest } from '../../core/proto/broker/v1/OpenSessionRequest.ts';
import type { Session__Output } from '../../core/proto/broker/v1/Session.ts';
import { toMillis } from '../../core/rpc.ts';
import type { BrokerClient } from '../connect.ts';
import { durationMessage } from '../duration.ts';
import { advise, print, printJson, say, shellQuote } from '../output.ts';
import { openClient } from '../place.ts';

export interface OpenFlags {
  readonly timeout?: string;
  readonly connections?: string;
  readonly lifetime?: string;
  readonly idle?: string;
  readonly port?: string;
  readonly unix?: boolean;
  readonly ticket?: boolean;
  readonly tls?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
  readonly url?: boolean;
  readonly env?: boolean;
}

/** `broker postgres NAME`: opens a session and prints its address, or runs a command with its variables set. */
export async function open(
  kind: string,
  service: string,
  command: readonly string[],
  flags: OpenFlags,
): Promise<number> {
  const request = { ...requestOf(service, flags, command.length > 0), kind };
  using client = openClient();
  const session = await openSession(client, kind, request);
  if (command.length > 0) return await runCommand(client, session, command);
  if (flags.json) printJson(shown(session));
  else if (flags.url) print(session.hint?.url ?? '');
  else if (flags.env) print(exports(session).join('\n'));
  else {
    print(session.address);
    if (session.ticket)
      say(`this session needs its one-time password: use --url, --env or --json, or run a command after --`);
    const limit =
      session.connections === 1
        ? 'one client'
        : session.connections === 0
          ? 'any number of clients'
          : `${session.connections} clients`;
    const wait = Math.round(((toMillis(session.acceptUntil) ?? 0) - Date.now()) / 1_000);
    const more = session.connections === 1 ? '; --connections 0 for pools and GUIs' : '';
    advise(`${limit}, the first within ${wait} s${more}\n  ${session.hint?.example ?? ''}`);
  }
  return 0;
}

async function openSession(client: BrokerClient, kind: string, request: OpenSessionRequest): Promise<Session__Output> {
  return await client.sessions.open(request).catch(async (error: unknown) => {
    throw await explainUnknownKind(client, kind, error);
  });
}

/** `broker psotgres app-db` is a slip of the hand, which the daemon's own list of kinds shows. */
async function explainUnknownKind(client: BrokerClient, kind: string, error: unknown): Promise<unknown> {
  if (!(error instanceof BrokerError) || error.code === 'unavailable') return error;
  const { kinds } = await client.kinds.list({});
  const names = kinds.map((known) => known.name);
  if (names.includes(kind)) return error;
  const near = closest(kind, names);
  return new BrokerError(
    'invalid_argument',
    `${kind} is neither a command nor a kind of service${near ? ` (did you mean ${near}?)` : ''}`,
    {
      hint: 'broker --help shows what there is',
    },
  );
}

function requestOf(service: string, flags: OpenFlags, forCommand: boolean): OpenSessionRequest {
  const count = (text: string | undefined, flag: string, max: number): number | undefined => {
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text) || Number(text) > max)
      throw new BrokerError('invalid_argument', `${flag} ${text} is not a number from 0 to ${max}`);
    return Number(text);
  };
  // A command may well connect more than once, and it has the session to itself.
  const connections = count(flags.connections, '--connections', 1_000_000) ?? (forCommand ? 0 : undefined);
  const port = count(flags.port, '--port', 65_535);
  const environment = ['PGAPPNAME', 'PGTZ', 'PGDATESTYLE', 'PGCLIENTENCODING', 'PGOPTIONS'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    service,
    acceptTimeout: durationMessage(flags.timeout, '--timeout'),
    idleTimeout: durationMessage(flags.idle, '--idle'),
    lifetime: durationMessage(flags.lifetime, '--lifetime'),
    check: flags.ticket ? 'CLIENT_CHECK_TICKET' : 'CLIENT_CHECK_UNSPECIFIED',
    listen: flags.unix ? 'LISTEN_UNIX' : 'LISTEN_TCP',
    tls: flags.tls ?? false,
    reason: flags.reason ?? '',
    clientEnvironment: Object.fromEntries(environment),
    ...(connections !== undefined && { connections }),
    ...(port !== undefined && { port }),
  };
}

function exports(session: Session__Output): string[] {
  const unset = session.hint?.unset ?? [];
  const set = Object.entries(session.hint?.env ?? {});
  return [
    ...(unset.length > 0 ? [`unset ${unset.join(' ')}`] : []),
    ...set.map(([name, value]) => `export ${name}=${shellQuote(value)}`),
  ];
}

/** What --json prints: stable names, times in ISO form. */
function shown(session: Session__Output): object {
  const time = (at: Parameters<typeof toMillis>[0]): string => new Date(toMillis(at) ?? 0).toISOString();
  return {
    id: session.id,
    service: session.service,
    kind: session.kind,
    address: session.address,
    ...(session.socketPath ? { socket_path: session.socketPath } : { host: session.host, port: session.port }),
    connections: session.connections,
    accept_until: time(session.acceptUntil),
    expires_at: time(session.expiresAt),
    ...(session.ticket && { ticket: session.ticket }),
    url: session.hint?.url,
    env: session.hint?.env,
    example: session.hint?.example,
  };
}

/** Runs a local command with the session's variables; passes its exit code on, 125 where it cannot be started. */
async function runCommand(client: BrokerClient, session: Session__Output, command: readonly string[]): Promise<number> {
  const env: NodeJS.ProcessEnv = { ...process.env, ...session.hint?.env };
  for (const name of session.hint?.unset ?? []) delete env[name];
  const [file = '', ...args] = command;
  try {
    return await new Promise<number>((resolve) => {
      const child = spawn(file, args, { stdio: 'inherit', env });
      const forward = (signal: NodeJS.Signals) => () => void child.kill(signal);
      // Ctrl-C reaches the child through the terminal; what is sent to us alone is passed on.
      process.on('SIGINT', () => undefined);
      process.on('SIGTERM', forward('SIGTERM'));
      process.on('SIGHUP', forward('SIGHUP'));
      child.on('error', (error: NodeJS.ErrnoException) => {
        say(`broker: cannot run ${file} (${error.code ?? 'unknown error'})`);
        resolve(error.code === 'ENOENT' ? 127 : 125);
      });
      child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
    });
  } finally {
    await client.sessions.close({ id: session.id }).catch((error: unknown) => {
      // Used up and gone already: just what was wanted.
      if (!(error instanceof BrokerError) || error.code !== 'not_found') throw error;
    });
  }
}
