import { createHash } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import { blame } from '../../core/blame.ts';
import type { Conn } from '../../core/conn.ts';
import type { DialedAddress } from '../../core/dial.ts';
import type { DriverIo, OpenParams } from '../../core/driver.ts';
import { BrokerError, throwIfAborted } from '../../core/errors.ts';
import { type ScramBinding, ScramClient, tlsServerEndPoint } from '../../core/sasl.ts';
import type { Secret } from '../../core/secret.ts';
import { isUnix, serverNameOf } from '../../core/serverfields.ts';
import { startTls, type TlsOptions } from '../../core/tls.ts';
import { describe, type PostgresConfig, targetOf } from './config.ts';
import { loginFailure } from './failure.ts';
import { readFrame } from './frames.ts';
import {
  type Authentication,
  type CancelKey,
  type Frame,
  passwordMessage,
  readAuthentication,
  readBackendKeyData,
  readErrorFields,
  readParameterStatus,
  readReadyForQuery,
  saslInitialResponse,
  saslResponse,
  sslRequest,
  startupMessage,
  TYPE,
} from './wire.ts';

/** Bytes of all messages between AuthenticationOk and ReadyForQuery together; PostgreSQL 15 sends 450. */
const MAX_PREAMBLE_BYTES = 262_144;

/** What the server said about itself after the login. */
export interface PostgresFacts {
  /** ParameterStatus messages as they came, by the parameter's name; the latest of each. */
  readonly parameters: Map<string, Buffer>;
  /** NoticeResponses of the login, as they came. */
  readonly notices: readonly Buffer[];
  /** The server's own cancel key, which no client ever sees; undefined where it sent none. */
  readonly key: CancelKey | undefined;
}

/** How to reach the same server again for a cancel request. */
export interface Route {
  readonly address: DialedAddress;
  readonly tls: TlsOptions | undefined;
}

export interface Login {
  readonly conn: Conn;
  readonly route: Route;
  readonly facts: PostgresFacts;
}

/**
 * Dial, TLS, StartupMessage (protocol 3.0), authentication, everything up to ReadyForQuery.
 * @throws BrokerError `upstream_*` with its hop; no socket is left then.
 */
export async function login(
  config: PostgresConfig,
  params: OpenParams,
  io: DriverIo,
  signal: AbortSignal,
): Promise<Login> {
  const tls = tlsOptions(config, io);
  const dialed = await io.dial(targetOf(config), signal);
  const route = { address: dialed.address, tls };
  let conn = dialed.conn;
  try {
    if (tls) conn = await secure(conn, tls, signal);
    if (tls) io.passed('tls', tlsDetail(conn, config));
    const user: [string, string] = ['user', config.user];
    await conn.write(startupMessage([user, ['database', config.database ?? config.user], ...params]), signal);
    io.passed('auth', await authenticate(conn, config, io, signal));
    return { conn, route, facts: await readPreamble(conn, config, signal) };
  } catch (error) {
    conn.destroy();
    throw named(error, config);
  }
}

/**
 * Asks for TLS and starts it. Exactly one byte is read: whatever else has come by then was sent in the clear and is
 * refused (CVE-2021-23222).
 */
export async function secure(conn: Conn, tls: TlsOptions, signal: AbortSignal): Promise<Conn> {
  await conn.write(sslRequest(), signal);
  const answer = (await conn.exactly(1, signal)).toString('latin1');
  if (answer === 'S') return await startTls(conn, tls, signal);
  if (answer === 'N') {
    throw new BrokerError('upstream_tls', 'the server does not offer TLS', {
      hop: 'tls',
      hint:
        'turn it on in the server (ssl = on), or accept that all queries and data cross the network unencrypted and ' +
        'that nothing proves which server answers: broker service set {service} --tls disable',
    });
  }
  // The text of this error came before anybody was authenticated, and is not shown (CVE-2024-10977).
  if (answer === 'E')
    throw new BrokerError('upstream_tls', 'the server answered the TLS request with an error', { hop: 'tls' });
  throw new BrokerError('upstream_protocol', 'the server does not speak the PostgreSQL protocol', { hop: 'tls' });
}

function tlsOptions(config: PostgresConfig, io: DriverIo): TlsOptions | undefined {
  if (config.tls === 'disable' || isUnix(config.host)) return undefined;
  const context = io.tlsContext({ ca: config.ca, cert: config.cert, key: config.key });
  return { verify: config.tls, serverName: serverNameOf(config), context, alpn: ['postgresql'] };
}

function tlsDetail(conn: Conn, config: PostgresConfig): string {
  const protocol = conn.socket instanceof TLSSocket ? conn.socket.getProtocol() : undefined;
  return `${protocol ?? 'TLS'}, ${config.tls}`;
}

/** @returns what the login was, for the trace. */
async function authenticate(conn: Conn, config: PostgresConfig, io: DriverIo, signal: AbortSignal): Promise<string> {
  const asked = await nextAuthentication(conn, config, signal);
  const method = methodOf(asked);
  requireFloor(method, config, conn);
  if (asked.type === 'ok') return config.cert ? 'certificate' : 'no login asked for';
  const password = config.password;
  if (!password) {
    throw new BrokerError('upstream_auth', `the server asks for a password (${method}), and none is stored`, {
      hop: 'auth',
      hint: 'store it: broker service set {service} --password-stdin',
    });
  }
  let used: string = method;
  if (asked.type === 'sasl') used = await scram(conn, config, asked.mechanisms, password, io, signal);
  else {
    const message =
      asked.type === 'md5' ? md5Response(config.user, password, asked.salt) : password.use(passwordMessage);
    await conn.writeSecret(message, signal);
  }
  const end = await nextAuthentication(conn, config, signal);
  if (end.type !== 'ok')
    throw new BrokerError('upstream_protocol', 'the server asked for a second login', { hop: 'auth' });
  return used;
}

type Method = 'scram-sha-256' | 'md5' | 'password' | 'none' | 'unknown';

function methodOf(asked: Authentication): Method {
  if (asked.type === 'ok') return 'none';
  if (asked.type === 'cleartext') return 'password';
  if (asked.type === 'md5') return 'md5';
  return asked.type === 'sasl' ? 'scram-sha-256' : 'unknown';
}

/** What each `min_auth` lets a server ask for: a server cannot talk us into less than the service allows. */
const ALLOWED: Readonly<Record<PostgresConfig['min_auth'], readonly Method[]>> = {
  'scram-sha-256': ['scram-sha-256'],
  md5: ['scram-sha-256', 'md5'],
  password: ['scram-sha-256', 'md5', 'password'],
  cert: ['scram-sha-256', 'none'],
  none: ['scram-sha-256', 'md5', 'password', 'none'],
};

function requireFloor(method: Method, config: PostgresConfig, conn: Conn): void {
  if (method === 'unknown') {
    throw new BrokerError('upstream_auth', 'the server asks for a kind of login that broker does not have', {
      hop: 'auth',
    });
  }
  if (!ALLOWED[config.min_auth].includes(method)) {
    const asks = method === 'none' ? 'asks for no login at all' : `asks for the login "${method}"`;
    throw new BrokerError('upstream_auth', `the server ${asks}; this service allows ${config.min_auth} or better`, {
      hop: 'auth',
      hint: `if this server is meant to be so: broker service set {service} --min-auth ${method}`,
    });
  }
  if (method === 'password' && !isUnix(config.host) && !(conn.socket instanceof TLSSocket)) {
    throw new BrokerError('upstream_auth', 'the server asks for the password in the clear, without TLS', {
      hop: 'auth',
    });
  }
}

/** AuthenticationSASL to AuthenticationSASLFinal, with channel binding where both sides can. */
async function scram(
  conn: Conn,
  config: PostgresConfig,
  mechanisms: readonly string[],
  password: Secret,
  io: DriverIo,
  signal: AbortSignal,
): Promise<string> {
  const data = conn.socket instanceof TLSSocket ? endPoint(conn.socket) : undefined;
  const plus = mechanisms.includes('SCRAM-SHA-256-PLUS');
  let binding: ScramBinding = { type: 'none' };
  if (data) binding = plus ? { type: 'tls-server-end-point', data } : { type: 'unoffered' };
  const mechanism = data && plus ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';
  if (!mechanisms.includes(mechanism)) {
    throw new BrokerError('upstream_auth', 'the server offers no login that broker has (SCRAM-SHA-256)', {
      hop: 'auth',
    });
  }
  // PostgreSQL takes the user from the StartupMessage and, like libpq, a password that SASLprep refuses as it is.
  const options = { hash: 'sha256', user: '', rawFallback: true, nonce: io.random(18), binding, password } as const;
  const client = new ScramClient(options);
  await conn.write(saslInitialResponse(mechanism, client.first()), signal);
  const proof = await client.final(await saslData(conn, config, 'saslContinue', signal), signal);
  await conn.write(saslResponse(proof), signal);
  client.verify(await saslData(conn, config, 'saslFinal', signal));
  return mechanism;
}

async function saslData(
  conn: Conn,
  config: PostgresConfig,
  type: 'saslContinue' | 'saslFinal',
  signal: AbortSignal,
): Promise<string> {
  const answer = await nextAuthentication(conn, config, signal);
  if (answer.type === type) return answer.data;
  // An AuthenticationOk here would be a server that skips the proof that it knows the password.
  throw new BrokerError('upstream_auth', 'the server broke off the SCRAM login half way', { hop: 'auth' });
}

function endPoint(socket: TLSSocket): Buffer | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate && tlsServerEndPoint(certificate.raw);
}

/** `md5` + md5(md5(password + user) + salt), in hexadecimal ("Message Flow", AuthenticationMD5Password). */
function md5Response(user: string, password: Secret, salt: Buffer): Buffer {
  const inner = password.use((bytes) => createHash('md5').update(bytes).update(user).digest('hex'));
  return passwordMessage(Buffer.from(`md5${createHash('md5').update(inner).update(salt).digest('hex')}`));
}

async function nextAuthentication(conn: Conn, config: PostgresConfig, signal: AbortSignal): Promise<Authentication> {
  const frame = await readFrame(conn, signal);
  if (frame.type === TYPE.authentication) return readAuthentication(frame.body);
  throw unexpected(frame, config, 'auth');
}

async function readPreamble(conn: Conn, config: PostgresConfig, signal: AbortSignal): Promise<PostgresFacts> {
  const parameters = new Map<string, Buffer>();
  const notices: Buffer[] = [];
  let key: CancelKey | undefined;
  for (let bytes = 0; ; ) {
    const frame = await readFrame(conn, signal);
    bytes += frame.raw.length;
    if (bytes > MAX_PREAMBLE_BYTES)
      throw new BrokerError(
        'upstream_protocol',
        `the server sent more than ${MAX_PREAMBLE_BYTES} bytes before it was ready`,
      );
    if (frame.type === TYPE.parameterStatus) parameters.set(readParameterStatus(frame.body).name, frame.raw);
    else if (frame.type === TYPE.noticeResponse) {
      readErrorFields(frame.body);
      notices.push(frame.raw);
    } else if (frame.type === TYPE.backendKeyData) key = readBackendKeyData(frame.body);
    else if (frame.type === TYPE.readyForQuery) {
      readReadyForQuery(frame.body);
      return { parameters, notices, key };
    } else throw unexpected(frame, config, 'session');
    throwIfAborted(signal);
  }
}

function unexpected(frame: Frame, config: PostgresConfig, hop: 'auth' | 'session'): BrokerError {
  if (frame.type === TYPE.errorResponse)
    return loginFailure(readErrorFields(frame.body), describe(config), config.user, config.password, hop);
  const type = `0x${frame.type.toString(16).padStart(2, '0')}`;
  return new BrokerError('upstream_protocol', `the server sent a message of type ${type} in the middle of the login`, {
    hop,
  });
}

/** Which server failed, and how. */
function named(error: unknown, config: PostgresConfig): unknown {
  const cause = error instanceof BrokerError ? error.cause : undefined;
  if (refusesCertificate(cause)) {
    const message = `${describe(config)} refused the TLS connection: it does not accept the client certificate`;
    return new BrokerError('upstream_tls', message, { hop: 'tls', cause });
  }
  return blame(error, describe(config));
}

/** With TLS 1.3 the server judges our certificate after the handshake: its alert is the answer to our first message. */
function refusesCertificate(cause: unknown): boolean {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^ERR_SSL_.*ALERT_(UNKNOWN_CA|.*CERTIFICATE.*)$/.test(code);
}
