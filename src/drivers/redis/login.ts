import { TLSSocket } from 'node:tls';
import { blame } from '../../core/blame.ts';
import type { Conn } from '../../core/conn.ts';
import type { DriverIo } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { serverNameOf } from '../../core/serverfields.ts';
import { suspecting } from '../../core/suspect.ts';
import { noTls, startTls, type TlsOptions } from '../../core/tls.ts';
import { describe, type RedisConfig, targetOf, verifyOf } from './config.ts';
import { loginFailure, needsNoPassword } from './failure.ts';
import { type Reply, readReply, type Value } from './replies.ts';
import { encode } from './resp.ts';

/*
 * The login is ours and not ioredis's, although its Connector class would take the dialled socket: a server that needs
 * no password counts as a successful login there (a console.warn), replies behind the login are swallowed with the
 * socket's data listener, and a wrong password is "Connection is closed." (test/unit/redis/takeover.test.ts).
 */

const DEFAULT_USER = 'default';

export interface Login {
  readonly conn: Conn;
  /** The AUTH command, encoded, for when the client asks for it or resets the connection. Wiped by its holder. */
  readonly auth: Secret;
}

/**
 * Dial, TLS, AUTH, SELECT.
 * @throws BrokerError `upstream_*` with its hop; no socket is left then.
 */
export async function login(config: RedisConfig, io: DriverIo, signal: AbortSignal): Promise<Login> {
  const tls = tlsOptions(config, io);
  const dialed = await io.dial(targetOf(config), signal);
  let { conn } = dialed;
  const auth = authCommand(config);
  try {
    if (tls) {
      const again = (probing: AbortSignal): Promise<Conn> => io.redial(dialed.address, probing);
      conn = await suspecting(
        (working) => startTls(dialed.conn, tls, working),
        (probing) => speaksPlain(again, probing),
        signal,
      );
      io.passed('tls', tlsDetail(conn, tls));
    }
    io.passed('auth', await authenticate(conn, config, auth, signal));
    return { conn, auth };
  } catch (error) {
    auth[Symbol.dispose]();
    conn.destroy();
    throw blame(error, describe(config));
  }
}

const CLEAR_PORT =
  'give the port on which the server has TLS (--port), or say that the password and all data cross the network in the clear: broker service set {service} --tls disable';

/** A server without TLS waits for the end of the line that it takes the handshake for. Whoever answers PING is one. */
async function speaksPlain(
  again: (signal: AbortSignal) => Promise<Conn>,
  signal: AbortSignal,
): Promise<BrokerError | undefined> {
  await using conn = await again(signal);
  await conn.write(encode(['PING']), signal);
  const answer = (await conn.peek(1, signal)).toString('latin1');
  return answer === '+' || answer === '-' ? noTls(CLEAR_PORT) : undefined;
}

function tlsOptions(config: RedisConfig, io: DriverIo): TlsOptions | undefined {
  const verify = verifyOf(config);
  if (verify === 'disable') return undefined;
  const context = io.tlsContext({ ca: config.ca, cert: config.cert, key: config.key });
  return { verify, serverName: serverNameOf(config), context, ifPlain: CLEAR_PORT };
}

function tlsDetail(conn: Conn, tls: TlsOptions): string {
  const protocol = conn.socket instanceof TLSSocket ? conn.socket.getProtocol() : undefined;
  return `${protocol ?? 'TLS'}, ${tls.verify}`;
}

/**
 * AUTH with one argument for the default user: the server then says so when it needs no password, while with two it
 * takes any. Where no password is stored, the default user's `nopass` takes any with two.
 */
function authCommand({ username, password }: RedisConfig): Secret {
  if (!password) return Secret.own(encode(['AUTH', DEFAULT_USER, '-']));
  if (username === undefined || username === DEFAULT_USER)
    return password.use((bytes) => Secret.own(encode(['AUTH', bytes])));
  return password.use((bytes) => Secret.own(encode(['AUTH', username, bytes])));
}

/** @returns what the login was, for the trace. */
async function authenticate(conn: Conn, config: RedisConfig, auth: Secret, signal: AbortSignal): Promise<string> {
  const { username = DEFAULT_USER, password, db } = config;
  const server = describe(config);
  // Asked first, so that the password goes to nobody who does not ask for one. An error that says who may not run PING
  // comes from a server that has let us in.
  await conn.write(encode(['PING']), signal);
  const before = await readReply(conn, signal);
  const closed = before.type === 'error' && before.text.startsWith('NOAUTH');
  if (before.type === 'error' && !closed && !before.text.startsWith('NOPERM'))
    throw loginFailure(before.text, server, 'PING', password);
  if (password && !closed && username === DEFAULT_USER) throw needsNoPassword(server);
  if (!password && closed) {
    throw new BrokerError('upstream_auth', 'the server asks for a password, and none is stored', {
      hop: 'auth',
      hint: 'store it: broker service set {service} --password-stdin',
    });
  }
  const tried = username === DEFAULT_USER ? 'AUTH with the password' : 'AUTH with user name and password';
  const asksUser = password !== undefined && username !== DEFAULT_USER;
  const commands = [
    ...(password ? [auth.use((bytes) => Buffer.from(bytes))] : []),
    ...(asksUser ? [encode(['ACL', 'GETUSER', username])] : []),
    ...(db > 0 ? [encode(['SELECT', String(db)])] : []),
  ];
  const batch = Buffer.concat(commands);
  commands[0]?.fill(0);
  if (batch.length > 0) await conn.writeSecret(batch, signal);
  if (password) accepted(await readReply(conn, signal), (text) => loginFailure(text, server, tried, password));
  if (asksUser && takesAnyPassword(await readReply(conn, signal))) throw needsNoPassword(server);
  if (db > 0) accepted(await readReply(conn, signal), (text) => dbFailure(text, server, db));
  if (conn.buffered > 0) throw conn.protocolError('sent something that nobody asked for during the login');
  return password ? `${tried}${db > 0 ? `, database ${db}` : ''}` : 'no login asked for';
}

function accepted(reply: Reply, failure: (text: string) => BrokerError): void {
  if (reply.type === 'error') throw failure(reply.text);
  if (reply.value !== 'OK')
    throw new BrokerError('upstream_protocol', 'the server answered the login with something else than OK or an error');
}

function dbFailure(text: string, server: string, db: number): BrokerError {
  const { upstreamCode, hop } = loginFailure(text, server, `SELECT ${db}`, undefined);
  return new BrokerError('upstream_refused', `${server} does not let this user select database ${db}`, {
    ...(upstreamCode && { upstreamCode }),
    ...(hop && { hop }),
    hint: 'choose another: broker service set {service} --db N',
  });
}

/**
 * Whether ACL GETUSER shows the flag `nopass`. A user who may not ask gets an error, which says nothing either way:
 * then the server's word for the login has to do.
 */
function takesAnyPassword(reply: Reply): boolean {
  if (reply.type === 'error' || !Array.isArray(reply.value)) return false;
  const entries: readonly Value[] = reply.value;
  const flags = entries[entries.indexOf('flags') + 1];
  return Array.isArray(flags) && flags.includes('nopass');
}
