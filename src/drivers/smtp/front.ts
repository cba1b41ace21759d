import type { Conn } from '../../core/conn.ts';
import { BrokerError } from '../../core/errors.ts';
import { readAuth } from './auth.ts';
import { ask, readReply } from './talk.ts';
import { formatReply, localEhlo, MAX_COMMAND_BYTES, type Reply, readCommand } from './wire.ts';

/** Both ends of a session in which broker still reads along, and what passed. */
export interface Ends {
  readonly client: Conn;
  readonly upstream: Conn;
  readonly policed: boolean;
  /** Milliseconds without a command; 0: no limit. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
  bytesUp: number;
  bytesDown: number;
}

/** Why the front is done: a line of the client that is not its business, or the server spoke (or left) unasked. */
export type FrontEnd = { readonly type: 'command'; readonly line: Buffer } | { readonly type: 'upstream' };

/**
 * What comes before the first mail, and between mails under a policy: EHLO is passed on and its reply cut to what is
 * true here, AUTH is answered here, NOOP and RSET are passed on.
 */
export class Front {
  readonly #ends: Ends;
  #loggedIn: boolean;

  constructor(ends: Ends, loggedIn: boolean) {
    this.#ends = ends;
    this.#loggedIn = loggedIn;
  }

  /** For a client that was greeted without the server: tells it the client's name, and the client that it is in. */
  async begin(hello: Buffer | undefined): Promise<void> {
    const { client, upstream, signal } = this.#ends;
    if (hello) {
      const reply = await ask(upstream, Buffer.from(hello), signal);
      if (reply.code !== 250)
        throw new BrokerError('upstream_refused', `the server refused ${readCommand(hello)?.verb ?? 'EHLO'}`);
    }
    if (this.#loggedIn) await client.write(formatReply(235, ['2.7.0 Authentication successful']), signal);
  }

  /** Answers commands until one comes that it leaves to the caller. @throws BrokerError. */
  async run(): Promise<FrontEnd> {
    for (;;) {
      const next = await this.#next();
      if (next.type === 'upstream') return next;
      const command = readCommand(next.line);
      switch (command?.verb) {
        case 'EHLO':
        case 'HELO': {
          const reply = await this.#pass(next.line);
          const cut = command.verb === 'EHLO' && reply.code === 250;
          await this.say(cut ? localEhlo(reply.texts, this.#ends.policed) : reply.raw);
          break;
        }
        case 'NOOP':
        case 'RSET':
          await this.say((await this.#pass(next.line)).raw);
          break;
        case 'AUTH':
          await this.#auth(command.rest);
          break;
        case 'STARTTLS':
          await this.say(Buffer.from('502 5.5.1 broker: TLS is not offered here\r\n'));
          break;
        default:
          return next;
      }
    }
  }

  async say(bytes: Buffer): Promise<void> {
    this.#ends.bytesDown += bytes.length;
    await this.#ends.client.write(bytes, this.#ends.signal);
  }

  async #next(): Promise<FrontEnd> {
    try {
      const next = await nextLine(this.#ends);
      if (this.#ends.policed && next.type === 'command' && !isWholeLine(next.line)) throw bareLineEnd();
      return next;
    } catch (error) {
      // A line that is too long for us is none of our commands, and still in the connection: it is the server's.
      const tooLong = error instanceof BrokerError && error.code === 'client_protocol';
      if (!tooLong || this.#ends.policed) throw error;
      return { type: 'command', line: Buffer.alloc(0) };
    }
  }

  async #pass(line: Buffer): Promise<Reply> {
    const { upstream, signal } = this.#ends;
    this.#ends.bytesUp += line.length;
    await upstream.write(line, signal);
    return await readReply(upstream, signal);
  }

  /** Whoever is here was let in by the door: any name and password will do. */
  async #auth(rest: string): Promise<void> {
    if (this.#loggedIn) return await this.say(Buffer.from('503 5.5.1 broker: you are logged in\r\n'));
    const presented = await readAuth(this.#ends.client, rest, this.#ends.signal);
    if (presented.type === 'no') return await this.say(Buffer.from(`${presented.reply}\r\n`));
    presented.password[Symbol.dispose]();
    this.#loggedIn = true;
    await this.say(formatReply(235, ['2.7.0 Authentication successful']));
  }
}

/** Servers disagree about what ends a line: under a policy only CR LF does, and neither stands anywhere else. */
function isWholeLine(line: Buffer): boolean {
  return line.length >= 2 && line.indexOf(13) === line.length - 2 && line.indexOf(10) === line.length - 1;
}

export function bareLineEnd(): BrokerError {
  return new BrokerError('client_protocol', 'the client sent a CR or LF that is no line end', { upstreamCode: '550' });
}

/**
 * The client's next line, unless the server speaks or leaves first. Nothing is lost: whoever is not read keeps its bytes.
 * @throws BrokerError `client_gone`, `client_protocol`, `ended` when nothing came for `idleMs`, or the signal's reason.
 */
export async function nextLine(ends: Ends): Promise<FrontEnd> {
  const { client, upstream, idleMs } = ends;
  const stop = new AbortController();
  const abort = (): void => stop.abort(ends.signal.reason);
  ends.signal.addEventListener('abort', abort, { once: true });
  if (ends.signal.aborted) abort();
  const idle = new BrokerError('ended', `the session was idle for ${Math.round(idleMs / 1000)} s`);
  const timer = idleMs > 0 ? setTimeout(() => stop.abort(idle), idleMs) : undefined;
  const line = client
    .line(MAX_COMMAND_BYTES, stop.signal)
    .then((bytes): FrontEnd => ({ type: 'command', line: Buffer.from(bytes) }));
  const spoke = upstream.peek(1, stop.signal).then(
    (): FrontEnd => ({ type: 'upstream' }),
    // Gone counts as having spoken; when this wait was called off, the other one decides.
    async (): Promise<FrontEnd> => (stop.signal.aborted ? await line : { type: 'upstream' }),
  );
  try {
    return await Promise.race([line, spoke]);
  } finally {
    clearTimeout(timer);
    ends.signal.removeEventListener('abort', abort);
    stop.abort(new BrokerError('cancelled', 'the other side was first'));
    await Promise.allSettled([line, spoke]);
  }
}
