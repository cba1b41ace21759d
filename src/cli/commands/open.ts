import { BrokerError } from '../../core/errors.ts';
import type { OpenSessionRequest } from '../../core/proto/broker/v1/OpenSessionRequest.ts';
import type { Session__Output } from '../../core/proto/broker/v1/Session.ts';
import { toMillis } from '../../core/rpc.ts';
import { runChild } from '../child.ts';
import type { BrokerClient } from '../connect.ts';
import { durationMessage } from '../duration.ts';
import { advise, print, printJson, say, sayError } from '../output.ts';
import { findDaemon, isLocal, openClient } from '../place.ts';
import { PrivateFiles } from '../privatefile.ts';
import { holdInBackground, holdSession } from '../remote.ts';
import { exportLines, fileLines } from '../variables.ts';

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
  if (command.length > 0 && !process.argv.includes('--')) {
    throw new BrokerError('invalid_argument', `put -- before the command: broker ${kind} ${service} -- ${command[0]}`);
  }
  const request = { ...requestOf(service, flags, command.length > 0), kind };
  using client = openClient();
  const isHere = isLocal(findDaemon().address);
  if (command.length > 0) {
    const session = isHere ? await client.sessions.open(request) : (await holdSession(client, request)).session;
    return await runCommand(client, session, command);
  }
  show(isHere ? await client.sessions.open(request) : await holdInBackground(request), flags);
  return 0;
}

function show(session: Session__Output, flags: OpenFlags): void {
  if (flags.json) printJson(shown(session));
  else if (flags.url) print(session.hint?.url ?? '');
  else if (flags.env) print(exports(session).join('\n'));
  else {
    print(session.address);
    if (session.ticket)
      say('this session needs its one-time password: use --url, --env or --json, or run a command after --');
    advise(`${terms(session)}\n  ${session.hint?.example ?? ''}`);
  }
}

/** How many may come, and until when. */
function terms({ connections, acceptUntil }: Session__Output): string {
  const wait = Math.max(0, Math.round(((toMillis(acceptUntil) ?? 0) - Date.now()) / 1_000));
  if (connections === 1) return `one client, within ${wait} s; --connections 0 for pools and GUIs`;
  return `${connections === 0 ? 'any number of' : connections} clients, the first within ${wait} s`;
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
  const { env = {}, unset = [], files = [] } = session.hint ?? {};
  return [...exportLines(env, unset), ...fileLines(files)];
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
    ...(session.hint?.files.length && { files: session.hint.files }),
    example: session.hint?.example,
  };
}

/** Runs a local command with the session's variables, passes its exit code on, and ends the session. */
async function runCommand(client: BrokerClient, session: Session__Output, command: readonly string[]): Promise<number> {
  try {
    await using files = await PrivateFiles.write(session.hint?.files ?? []);
    const env: NodeJS.ProcessEnv = { ...process.env, ...session.hint?.env, ...files.env };
    for (const name of session.hint?.unset ?? []) delete env[name];
    return await runChild(command, env);
  } finally {
    await client.sessions.close({ id: session.id }).catch((error: unknown) => {
      if (!(error instanceof BrokerError)) throw error;
      // Used up and gone already is just what was wanted; the rest is told, but the command's own outcome stands.
      if (error.code !== 'not_found') sayError(error);
    });
  }
}
