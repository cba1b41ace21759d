import { TLSSocket } from 'node:tls';
import { blame } from '../../core/blame.ts';
import type { Conn } from '../../core/conn.ts';
import type { DriverIo } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { mayUseToken } from '../../core/mailfields.ts';
import { BEGINS_IN_THE_CLEAR, clearGreeting, mailTls, unoffered } from '../../core/maillogin.ts';
import {
  oauthBearerMessage,
  type SaslExchange,
  saslBearer,
  saslLogin,
  saslPlain,
  saslScram,
  scramBinding,
} from '../../core/saslclient.ts';
import type { Secret } from '../../core/secret.ts';
import { startTls } from '../../core/tls.ts';
import { describe, type SmtpConfig, targetOf } from './config.ts';
import { loginFailure, refusal } from './failure.ts';
import { hasPolicy } from './policy.ts';
import { ask, readReply } from './talk.ts';
import { keywordsOf, MAX_AUTH_COMMAND_BYTES, type Reply } from './wire.ts';

/*
 * Greeting, EHLO, TLS, login. Ours and not nodemailer's SMTPConnection (ECOSYSTEM 5.5), which drops what was injected
 * before TLS and goes on, and keeps the password as a string in itself (test/unit/smtp/nodemailer.test.ts). Its XOAUTH2 is used: see xoauth2.ts.
 */

/** Who we say we are: an address literal, as RFC 5321 §4.1.4 has it for a host without a name of its own. */
const EHLO = 'EHLO [127.0.0.1]\r\n';

/** What the server said about itself. */
export interface SmtpFacts {
  /** Lines of the greeting behind their code. */
  readonly greeting: readonly string[];
  /** Lines of its EHLO reply behind their code, under TLS and before the login. */
  readonly ehlo: readonly string[];
  /** True when the service has a policy, under which some of the server's extensions do not work. */
  readonly policed: boolean;
}

export interface SmtpLogin {
  readonly conn: Conn;
  readonly facts: SmtpFacts;
}

/**
 * @param token the access token, where the service logs in with one.
 * @throws BrokerError `upstream_*` with its hop; no socket is left then.
 */
export async function login(
  config: SmtpConfig,
  token: Secret | undefined,
  io: DriverIo,
  signal: AbortSignal,
): Promise<SmtpLogin> {
  const tls = mailTls(config, io);
  const dialed = await io.dial(targetOf(config), signal);
  let { conn } = dialed;
  try {
    if (config.tls === 'implicit') conn = await startTls(conn, { ...tls, ifPlain: BEGINS_IN_THE_CLEAR }, signal);
    const again = (probing: AbortSignal): Promise<Conn> => io.redial(dialed.address, probing);
    const read = (reading: AbortSignal): Promise<Reply> => readReply(conn, reading);
    const greeting = await (config.tls === 'implicit' ? read(signal) : clearGreeting(read, again, tls, signal));
    if (greeting.code !== 220) throw refusal(greeting, describe(config), 'turned us away');
    let hello = await ehlo(conn, config, signal);
    if (config.tls === 'starttls') {
      await startTlsInside(conn, hello, signal);
      conn = await startTls(conn, tls, signal);
      // What was said in the clear may be anybody's (RFC 3207 §4.2).
      hello = await ehlo(conn, config, signal);
    }
    if (conn.socket instanceof TLSSocket) io.passed('tls', `${conn.socket.getProtocol() ?? 'TLS'}, ${config.tls}`);
    await authenticate(conn, hello, config, token, io, signal);
    return { conn, facts: { greeting: greeting.texts, ehlo: hello.texts, policed: hasPolicy(config) } };
  } catch (error) {
    conn.destroy();
    throw blame(error, describe(config));
  }
}

async function ehlo(conn: Conn, config: SmtpConfig, signal: AbortSignal): Promise<Reply> {
  const reply = await ask(conn, Buffer.from(EHLO), signal);
  if (reply.code !== 250) throw refusal(reply, describe(config), 'refused EHLO');
  return reply;
}

async function startTlsInside(conn: Conn, hello: Reply, signal: AbortSignal): Promise<void> {
  const options = {
    hop: 'tls',
    hint: 'use the port that has TLS from the first byte: broker service set {service} --tls implicit --port 465',
  } as const;
  if (!keywordsOf(hello).has('STARTTLS'))
    throw new BrokerError('upstream_tls', 'the server does not offer STARTTLS', options);
  const reply = await ask(conn, Buffer.from('STARTTLS\r\n'), signal);
  if (reply.code !== 220) throw new BrokerError('upstream_tls', 'the server refused STARTTLS', options);
}

async function authenticate(
  conn: Conn,
  hello: Reply,
  config: SmtpConfig,
  token: Secret | undefined,
  io: DriverIo,
  signal: AbortSignal,
): Promise<void> {
  const offered = new Set((keywordsOf(hello).get('AUTH') ?? '').toUpperCase().split(/\s+/).filter(Boolean));
  const exchange = await choose(conn, offered, config, token, io);
  let reply = await begin(conn, exchange, signal);
  while (reply.code === 334) {
    const answer = await exchange.answer(Buffer.from(reply.texts[0] ?? '', 'base64'), signal);
    reply = await ask(conn, encoded('', answer), signal);
  }
  const { mechanism, reason } = exchange;
  if (reply.code !== 235) {
    const secrets = [config.password, token];
    throw loginFailure(reply, { server: describe(config), user: config.user, mechanism, secrets, reason });
  }
  exchange.succeeded();
  io.passed('auth', `AUTH ${mechanism}`);
}

async function begin(conn: Conn, exchange: SaslExchange, signal: AbortSignal): Promise<Reply> {
  const command = `AUTH ${exchange.mechanism}`;
  const initial = exchange.start();
  if (initial && initial.length > 0) {
    const line = encoded(`${command} `, initial);
    if (line.length <= MAX_AUTH_COMMAND_BYTES) return await ask(conn, line, signal);
    const reply = await ask(conn, Buffer.from(`${command}\r\n`), signal);
    if (reply.code === 334) return await ask(conn, line.subarray(command.length + 1), signal);
    line.fill(0);
    return reply;
  }
  return await ask(conn, Buffer.from(`${command}\r\n`), signal);
}

/** The message is wiped; the line is by `ask`. */
function encoded(prefix: string, message: Buffer): Buffer {
  const line = Buffer.from(`${prefix}${message.toString('base64')}\r\n`);
  message.fill(0);
  return line;
}

/** The login to use: what the service says, among what the server offers; never less. */
async function choose(
  conn: Conn,
  offered: ReadonlySet<string>,
  config: SmtpConfig,
  token: Secret | undefined,
  io: DriverIo,
): Promise<SaslExchange> {
  const { auth, user, password } = config;
  if (token && mayUseToken(auth)) {
    const { host, port } = targetOf(config);
    if (auth !== 'xoauth2' && offered.has('OAUTHBEARER'))
      return saslBearer('OAUTHBEARER', () => oauthBearerMessage(user, host, port, token));
    if (auth !== 'oauthbearer' && offered.has('XOAUTH2')) {
      const { xoauth2Message } = await import('./xoauth2.ts');
      return saslBearer('XOAUTH2', () => xoauth2Message(user, token));
    }
    throw unoffered(auth, offered);
  }
  if (!password) throw new BrokerError('invalid_argument', 'password is required', { hop: 'config' });
  const may = (name: SmtpConfig['auth'], mechanism: string): boolean =>
    (auth === 'auto' || auth === name) && offered.has(mechanism);
  const { binding, plus } = scramBinding(conn, offered);
  if (plus && (auth === 'auto' || auth === 'scram'))
    return saslScram('SCRAM-SHA-256-PLUS', user, password, binding, io.random(18));
  if (may('scram', 'SCRAM-SHA-256')) return saslScram('SCRAM-SHA-256', user, password, binding, io.random(18));
  if (may('plain', 'PLAIN')) return saslPlain(user, password);
  if (may('login', 'LOGIN')) return saslLogin(user, password);
  throw unoffered(auth, offered);
}
