import { spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import type { OpenSessionRequest } from '../core/proto/broker/v1/OpenSessionRequest.ts';
import type { Session__Output } from '../core/proto/broker/v1/Session.ts';
import { decodeError, encodeError, toMillis } from '../core/rpc.ts';
import { carry } from './carry.ts';
import type { BrokerClient } from './connect.ts';
import { HOLD } from './hidden.ts';
import { findDaemon, openClient } from './place.ts';

/**
 * Sessions of a daemon on another machine: its 127.0.0.1 is not ours, so we listen, and hand each client over as a
 * Connect call.
 *
 *     client -> 127.0.0.1:PORT of ours -> Sessions.Connect{session} -> daemon -> upstream
 *
 * Every user of this machine can reach the port, and the daemon cannot tell who did: so it asks each client for the
 * session's one-time password, in the protocol's own login (MECHANISMS §1).
 */

/** A session that lives as long as this process: `ended` resolves when it is over. */
export interface HeldSession {
  readonly session: Session__Output;
  readonly ended: Promise<void>;
}

/** @throws BrokerError of the opening; `conflict` when the port is taken. */
export async function holdSession(client: BrokerClient, request: OpenSessionRequest): Promise<HeldSession> {
  refuseLocal(request);
  const { address } = findDaemon();
  const waiting: Socket[] = [];
  let take = (socket: Socket): void => void waiting.push(socket);
  // The port is bound first, since the answer names it; nobody is served before the upstream is logged in.
  const server = await listen(request.port ?? 0, (socket) => take(socket));
  const bound = server.address();
  try {
    const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
    const session = await client.sessions.open({ ...request, listen: 'LISTEN_STREAM', port });
    take = (socket) => serve(client, session.id, socket, address);
    for (const socket of waiting) take(socket);
    return { session, ended: watched(client, session).finally(() => server.close()) };
  } catch (error) {
    server.close();
    for (const socket of waiting) socket.destroy();
    throw error;
  }
}

/** Has a process in the background hold the session, and returns once it is open. @throws BrokerError as holdSession. */
export function holdInBackground(request: OpenSessionRequest): Promise<Session__Output> {
  refuseLocal(request);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', HOLD], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const lost = (): void => reject(new BrokerError('internal', 'the process that was to hold the session has ended'));
    child.once('error', lost);
    child.once('exit', lost);
    child.once('message', (message: unknown) => {
      child.off('exit', lost);
      child.disconnect();
      child.unref();
      if (!isJsonObject(message) || message.session === undefined) reject(told(message));
      // What our own process wrote, as it came from the daemon.
      else resolve(message.session as unknown as Session__Output);
    });
    child.send(request);
  });
}

/** `broker hold-session`: opens what the parent asks for, reports, and stays until the session is over. */
export async function hold(): Promise<number> {
  const request = await new Promise<OpenSessionRequest>((resolve) => {
    process.once('message', (message) => resolve(message as OpenSessionRequest));
  });
  using client = openClient();
  try {
    const { session, ended } = await holdSession(client, request);
    process.send?.({ session });
    await ended;
    return 0;
  } catch (thrown) {
    const error = toBrokerError(thrown);
    process.send?.({ error: encodeError(error).toString('base64') });
    return 1;
  }
}

function told(message: unknown): BrokerError {
  const text = isJsonObject(message) && typeof message.error === 'string' ? message.error : '';
  return decodeError(Buffer.from(text, 'base64')) ?? new BrokerError('internal', 'the session could not be opened');
}

/** What would be made on the daemon's machine, out of reach. */
function refuseLocal(request: OpenSessionRequest): void {
  const hint = 'without it the session listens on 127.0.0.1 of this machine';
  if (request.listen === 'LISTEN_UNIX')
    throw new BrokerError('invalid_argument', '--unix is for a daemon on this machine', { hint });
  if (request.tls) throw new BrokerError('invalid_argument', '--tls is for a daemon on this machine', { hint });
}

function serve(client: BrokerClient, session: string, socket: Socket, address: string): void {
  const call = client.sessions.connect();
  call.write({ start: { session } });
  carry(call, socket, socket, address).then(
    () => socket.end(),
    // The daemon has recorded why; to this client it is a connection that broke.
    () => socket.destroy(),
  );
}

/** Resolves when the session has ended, or nobody is there any more to say so. */
async function watched(client: BrokerClient, { id, expiresAt }: Session__Output): Promise<void> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), Math.min((toMillis(expiresAt) ?? 0) - Date.now() + 1_000, 2 ** 31 - 1));
  const end = async (): Promise<void> => {
    for await (const session of client.sessions.watch({}, { signal: over.signal })) {
      if (session.id === id && session.state === 'STATE_ENDED') return;
    }
  };
  const gone = async (): Promise<void> => {
    // It may have ended before the watching began, which then never shows it.
    const { sessions } = await client.sessions.list({});
    if (sessions.some((session) => session.id === id))
      await new Promise((resolve) => over.signal.addEventListener('abort', resolve));
  };
  try {
    await Promise.race([end(), gone()]);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error; // locked, stopped, or the token is gone: so is the session
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

function listen(port: number, onSocket: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, onSocket);
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new BrokerError('conflict', `port ${port} is in use already`, { cause })
          : new BrokerError('internal', `cannot listen on port ${port} (${cause.code ?? 'unknown error'})`, { cause }),
      ),
    );
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server));
  });
}
