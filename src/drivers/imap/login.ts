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
  saslPlain,
  saslScram,
  scramBinding,
  xoauth2Message,
} from '../../core/saslclient.ts';
import type { Secret } from '../../core/secret.ts';
import { startTls } from '../../core/tls.ts';
import { describe, type ImapConfig, targetOf } from './config.ts';
import { type Attempt, loginFailure, refusal } from './failure.ts';
import { type Answer, Goodbye, Talk } from './talk.ts';
import { capabilitiesOf, loginCommand, type Response } from './wire.ts';

/*
 * Greeting, TLS, capabilities, login. Ours and not imapflow's, whose AuthOnly recipe (ECOSYSTEM 5.4) has no SCRAM and
 * keeps the password as a string in its options for as long as it lives (test/unit/imap/imapflow.test.ts). Its parser and compiler are used: see wire.ts.
 */

/** What the server said about itself. */
export interface ImapFacts {
  /** The greeting's text for people. */
  readonly greeting: string;
  /** Capabilities before the login, as they are under TLS. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface ImapLogin {
  readonly conn: Conn;
  readonly facts: ImapFacts;
}

/**
 * @param token the access token, where the service logs in with one.
 * @throws BrokerError `upstream_*` with its hop; no socket is left then.
 */
export async function login(
  config: ImapConfig,
  token: Secret | undefined,
  io: DriverIo,
  signal: AbortSignal,
): Promise<ImapLogin> {
  const tls = mailTls(config, io);
  const dialed = await io.dial(targetOf(config), signal);
  const talk = new Talk(dialed.conn, signal);
  try {
    if (config.tls === 'implicit')
      talk.conn = await startTls(talk.conn, { ...tls, ifPlain: BEGINS_IN_THE_CLEAR }, signal);
    const again = (probing: AbortSignal): Promise<Conn> => io.redial(dialed.address, probing);
    const read = (reading: AbortSignal): Promise<Response> => readGreeting(talk, config, reading);
    const greeting = await (config.tls === 'implicit' ? read(signal) : clearGreeting(read, again, tls, signal));
    let before = capabilitiesOf(greeting) ?? (await capability(talk, config));
    if (config.tls === 'starttls') {
      await startTlsInside(talk, greeting, before);
      talk.conn = await startTls(talk.conn, tls, signal);
      // What was said in the clear may be anybody's (RFC 9051 §6.2.1).
      before = await capability(talk, config);
    }
    if (talk.conn.socket instanceof TLSSocket)
      io.passed('tls', `${talk.conn.socket.getProtocol() ?? 'TLS'}, ${config.tls}`);
    const after = await authenticate(talk, greeting, before, config, token, io, signal);
    return { conn: talk.conn, facts: { greeting: greeting.text, before, after } };
  } catch (error) {
    talk.conn.destroy();
    throw named(error, config);
  }
}

async function readGreeting(talk: Talk, config: ImapConfig, signal: AbortSignal): Promise<Response> {
  const greeting = await talk.response(signal);
  if (greeting.tag === '*' && (greeting.name === 'OK' || greeting.name === 'PREAUTH')) return greeting;
  if (greeting.tag === '*' && greeting.name === 'BYE') throw refusal(greeting, describe(config), 'turned us away');
  throw new BrokerError('upstream_protocol', 'the server does not speak IMAP');
}

async function capability(talk: Talk, config: ImapConfig): Promise<readonly string[]> {
  const tag = talk.nextTag();
  const answer = await talk.command(tag, [Buffer.from(`${tag} CAPABILITY\r\n`)]);
  if (answer.tagged.name !== 'OK') throw refusal(answer.tagged, describe(config), 'refused CAPABILITY');
  return announced(answer) ?? [];
}

function announced(answer: Answer): readonly string[] | undefined {
  const lists = [...answer.untagged, answer.tagged].map(capabilitiesOf);
  return lists.findLast((list) => list !== undefined);
}

async function startTlsInside(talk: Talk, greeting: Response, offered: readonly string[]): Promise<void> {
  const options = {
    hop: 'tls',
    hint: 'use the port that has TLS from the first byte: broker service set {service} --tls implicit --port 993',
  } as const;
  // PREAUTH in the clear is what somebody on the way says to keep us in the clear.
  if (greeting.name === 'PREAUTH')
    throw new BrokerError('upstream_tls', 'the server says that we are logged in before TLS could start', options);
  if (!has(offered, 'STARTTLS')) throw new BrokerError('upstream_tls', 'the server does not offer STARTTLS', options);
  const tag = talk.nextTag();
  const { tagged } = await talk.command(tag, [Buffer.from(`${tag} STARTTLS\r\n`)]);
  if (tagged.name !== 'OK') throw new BrokerError('upstream_tls', 'the server refused STARTTLS', options);
}

/** @returns the capabilities after the login. */
async function authenticate(
  talk: Talk,
  greeting: Response,
  offered: readonly string[],
  config: ImapConfig,
  token: Secret | undefined,
  io: DriverIo,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (greeting.name === 'PREAUTH') {
    io.passed('auth', 'PREAUTH: the server asks for no login');
    return offered;
  }
  const way = choose(talk.conn, offered, config, token, io);
  const tag = talk.nextTag();
  const { password } = config;
  const attempt = (): Attempt => ({
    server: describe(config),
    user: config.user,
    method: way.exchange ? `AUTHENTICATE ${way.exchange.mechanism}` : 'LOGIN',
    secrets: [password, token],
    reason: way.exchange?.reason,
  });
  const answer = way.exchange
    ? await sasl(talk, tag, way.exchange, has(offered, 'SASL-IR'), signal)
    : await talk.command(
        tag,
        loginCommand(tag, config.user, way.password, {
          literalPlus: has(offered, 'LITERAL+'),
          literalMinus: has(offered, 'LITERAL-'),
        }),
      );
  if (answer.tagged.name !== 'OK') throw loginFailure(answer.tagged, attempt());
  way.exchange?.succeeded();
  io.passed('auth', attempt().method);
  return announced(answer) ?? (await capability(talk, config));
}

type Way =
  | { readonly exchange: SaslExchange; readonly password?: undefined }
  | { readonly exchange?: undefined; readonly password: Secret };

/** The login to use: what the service says, among what the server offers; never less. */
function choose(
  conn: Conn,
  capabilities: readonly string[],
  config: ImapConfig,
  token: Secret | undefined,
  io: DriverIo,
): Way {
  const offered = new Set(
    capabilities.map((word) => /^AUTH=(.*)$/i.exec(word)?.[1]?.toUpperCase()).filter((name) => name !== undefined),
  );
  const { auth, user, password } = config;
  if (token && mayUseToken(auth)) {
    const { host, port } = targetOf(config);
    if (auth !== 'xoauth2' && offered.has('OAUTHBEARER'))
      return { exchange: saslBearer('OAUTHBEARER', () => oauthBearerMessage(user, host, port, token)) };
    if (auth !== 'oauthbearer' && offered.has('XOAUTH2'))
      return { exchange: saslBearer('XOAUTH2', () => xoauth2Message(user, token)) };
    throw unoffered(auth, offered);
  }
  if (!password) throw new BrokerError('invalid_argument', 'password is required', { hop: 'config' });
  const { binding, plus } = scramBinding(conn, offered);
  if ((auth === 'auto' || auth === 'scram') && (plus || offered.has('SCRAM-SHA-256'))) {
    const mechanism = plus ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';
    return { exchange: saslScram(mechanism, user, password, binding, io.random(18)) };
  }
  if ((auth === 'auto' || auth === 'plain') && offered.has('PLAIN')) return { exchange: saslPlain(user, password) };
  if (auth === 'auto' || auth === 'login') {
    if (!has(capabilities, 'LOGINDISABLED')) return { password };
    if (!(conn.socket instanceof TLSSocket)) {
      throw new BrokerError('upstream_auth', 'the server allows no login without TLS (LOGINDISABLED)', {
        hop: 'auth',
        hint: 'log in over TLS: broker service set {service} --tls starttls',
      });
    }
  }
  throw unoffered(auth, offered);
}

async function sasl(
  talk: Talk,
  tag: string,
  exchange: SaslExchange,
  initialResponse: boolean,
  signal: AbortSignal,
): Promise<Answer> {
  let pending = exchange.start();
  const command = [`${tag} AUTHENTICATE ${exchange.mechanism}`];
  if (pending && initialResponse) {
    // An empty initial response is written "=" (RFC 4959 §3).
    command.push(pending.length === 0 ? '=' : pending.toString('base64'));
    pending.fill(0);
    pending = undefined;
  }
  return await talk.command(tag, [Buffer.from(`${command.join(' ')}\r\n`)], async (request) => {
    const answer = pending ?? (await exchange.answer(Buffer.from(request.text, 'base64'), signal));
    pending = undefined;
    const line = Buffer.from(`${answer.toString('base64')}\r\n`);
    answer.fill(0);
    return line;
  });
}

function has(capabilities: readonly string[], word: string): boolean {
  return capabilities.some((capability) => capability.toUpperCase() === word);
}

function named(error: unknown, config: ImapConfig): unknown {
  if (error instanceof Goodbye) return refusal(error.response, describe(config), 'closed the connection');
  return blame(error, describe(config));
}
