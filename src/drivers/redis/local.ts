import { Arriving, arrival } from '../../core/arrival.ts';
import type { Conn } from '../../core/conn.ts';
import type { Arrival, Door, Visitor } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import { acceptTls } from '../../core/tls.ts';
import { errorFor } from './failure.ts';
import {
  errorReply,
  MAX_INLINE_BYTES,
  MAX_INSPECTED_BYTES,
  MAX_WORD_BYTES,
  malformed,
  readCommand,
  STAR,
  splitInline,
  word,
} from './resp.ts';

const LF = 0x0a;
const TLS_HANDSHAKE = 0x16;
const NO_PARAMS: ReadonlyMap<string, string> = new Map();

export type RedisArrival = Arrival<Visitor, never>;

/**
 * A Redis client has no login of its own to finish: its first command is the first protocol message, and goes to the
 * server with everything behind it. Only where a ticket is required broker answers itself, as a server that asks for a
 * password does, until AUTH or HELLO AUTH brings it; that command then goes to the server, so that its reply is the
 * server's and stands in order.
 */
export async function greet(conn: Conn, door: Door, signal: AbortSignal): Promise<RedisArrival> {
  return await arrival(new Client(conn, door, signal), signal);
}

class Client extends Arriving<Visitor, never> {
  async refuse(error: BrokerError): Promise<void> {
    await refuse(this.conn, error);
  }

  async arrive(): Promise<RedisArrival> {
    const door = this.door;
    const signal = this.signal;
    if (door.tls) this.conn = await acceptTls(this.conn, door.tls, signal, 'implicit');
    const { conn } = this;
    const presented = door.ticketRequired ? await ticket(conn, signal) : await anyCommand(conn, signal);
    if (presented === 'quit') return { type: 'gone' };
    using secret = presented;
    const refused = await door.admit(secret);
    if (refused) throw refused;
    return { type: 'client', visitor: { conn, params: NO_PARAMS, refuse: (error) => refuse(conn, error) } };
  }
}

/** An error line, which a client takes as the answer to what it sent first. */
async function refuse(conn: Conn, error: BrokerError): Promise<void> {
  await conn.finish(errorFor(error), DRAIN_MS);
}

/** Waits until the name of the first command is there, and leaves everything to be read again. */
async function anyCommand(conn: Conn, signal: AbortSignal): Promise<undefined> {
  const bytes = await gather(conn, 1, signal);
  conn.unread(bytes.whole);
  return undefined;
}

/**
 * Answers commands as a server does before the login, until one brings a password. That one is left to be read again.
 * @returns what was presented; `quit` when the client left in order.
 */
async function ticket(conn: Conn, signal: AbortSignal): Promise<Secret | 'quit'> {
  for (;;) {
    const { args, length, whole } = await gather(conn, Number.POSITIVE_INFINITY, signal);
    const [name = '', ...rest] = args;
    const verb = name === '' ? '' : word(name);
    const password = verb === 'auth' ? authPassword(rest) : verb === 'hello' ? helloPassword(rest) : undefined;
    if (password) {
      conn.unread(whole);
      return Secret.copy(password);
    }
    conn.unread(whole.subarray(length));
    await conn.write(answerBeforeLogin(verb, rest.length), signal);
    if (verb !== 'quit') continue;
    await conn.finish(Buffer.alloc(0), DRAIN_MS);
    return 'quit';
  }
}

function authPassword(args: readonly Buffer[]): Buffer | undefined {
  return args.length === 1 || args.length === 2 ? args.at(-1) : undefined;
}

/** HELLO version AUTH user password, the clause at any place among the options. */
function helloPassword(args: readonly Buffer[]): Buffer | undefined {
  for (let index = 1; index < args.length; index++) {
    const option = word(args[index] ?? Buffer.alloc(0));
    if (option === 'auth') return args[index + 2];
    if (option === 'setname') index++;
  }
  return undefined;
}

/** The words of the server (acl.c, networking.c), which clients look for. */
function answerBeforeLogin(verb: string, argc: number): Buffer {
  if (verb === 'quit') return Buffer.from('+OK\r\n');
  if (verb === 'auth') return errorReply(`ERR wrong number of arguments for 'auth' command`);
  if (verb === 'hello' && argc > 0)
    return errorReply(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> ' +
        'option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
  return errorReply('NOAUTH Authentication required.');
}

interface Gathered {
  readonly args: readonly Buffer[];
  /** Bytes of the command in `whole`, which also holds what came behind it. */
  readonly length: number;
  readonly whole: Buffer;
}

/** Reads until `want` arguments of a command are there, empty lines before it not counted. */
async function gather(conn: Conn, want: number, signal: AbortSignal): Promise<Gathered> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const more = await conn.some(signal);
    if (!more) throw new BrokerError('client_gone', 'the client closed the connection before its first command');
    bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more]);
    while (bytes[0] === LF || (bytes[0] === 0x0d && bytes[1] === LF)) bytes = bytes.subarray(bytes[0] === LF ? 1 : 2);
    if (bytes.length === 0) continue;
    if (bytes[0] === TLS_HANDSHAKE) throw malformed('a TLS handshake, but this session is in the clear');
    const read = bytes[0] === STAR ? readFirst(bytes, want) : readFirstInline(bytes);
    if (read) return { ...read, whole: bytes };
  }
}

function readFirst(bytes: Buffer, want: number): Omit<Gathered, 'whole'> | undefined {
  const command = readCommand(bytes, 0, want, want === 1 ? MAX_WORD_BYTES : MAX_INSPECTED_BYTES);
  return command && { args: command.args, length: command.next };
}

function readFirstInline(bytes: Buffer): Omit<Gathered, 'whole'> | undefined {
  const end = bytes.indexOf(LF);
  if (end < 0 ? bytes.length >= MAX_INLINE_BYTES : end >= MAX_INLINE_BYTES)
    throw malformed(`an inline command of more than ${MAX_INLINE_BYTES} bytes`);
  if (end < 0) return undefined;
  const args = splitInline(bytes.subarray(0, end));
  // A web page can make a browser post to a port of this machine, and a browser's uid may be the right one.
  if (/^HTTP\/\d/.test(args.at(-1)?.toString('latin1') ?? '')) throw malformed('an HTTP request');
  return { args, length: end + 1 };
}
