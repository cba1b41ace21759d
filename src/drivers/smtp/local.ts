import { Arriving, arrival } from '../../core/arrival.ts';
import type { Conn } from '../../core/conn.ts';
import type { Arrival, Door, Visitor } from '../../core/driver.ts';
import type { BrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { acceptTls } from '../../core/tls.ts';
import { readAuth } from './auth.ts';
import { lastReply } from './failure.ts';
import type { SmtpFacts } from './login.ts';
import { formatReply, localEhlo, MAX_COMMAND_BYTES, malformed, readCommand } from './wire.ts';

export interface SmtpVisitor extends Visitor {
  /** The client's last EHLO or HELO, which the server has not seen yet; undefined when none was taken. */
  readonly hello: Buffer | undefined;
  /** True when the client waits for the answer to its AUTH. */
  readonly loggedIn: boolean;
}

export type SmtpArrival = Arrival<SmtpVisitor, never>;

/**
 * The client-facing side up to the door's decision. Without a ticket that is the client's first command, and everything
 * else is left to `serve`, which can ask the server; with one, the client has to get through its AUTH here.
 */
export async function greet(conn: Conn, facts: SmtpFacts, door: Door, signal: AbortSignal): Promise<SmtpArrival> {
  return await arrival(new Client(conn, facts, door, signal), signal);
}

class Client extends Arriving<SmtpVisitor, never> {
  readonly #facts: SmtpFacts;
  #hello: Buffer | undefined;

  constructor(conn: Conn, facts: SmtpFacts, door: Door, signal: AbortSignal) {
    super(conn, door, signal);
    this.#facts = facts;
  }

  async refuse(error: BrokerError): Promise<void> {
    await refuse(this.conn, error);
  }

  async arrive(): Promise<SmtpArrival> {
    if (this.door.tls) this.conn = await acceptTls(this.conn, this.door.tls, this.signal, 'implicit');
    await this.conn.write(formatReply(220, this.#facts.greeting), this.signal);
    for (;;) {
      const line = Buffer.from(await this.conn.line(MAX_COMMAND_BYTES, this.signal));
      const command = readCommand(line);
      if (!command) throw malformed('client', 'something that is not SMTP');
      if (!this.door.ticketRequired) {
        const refused = await this.door.admit(undefined);
        if (refused) throw refused;
        this.conn.unread(line);
        return this.#client(false);
      }
      switch (command.verb) {
        case 'EHLO':
        case 'HELO': {
          this.#hello = line;
          const [domain = 'localhost'] = this.#facts.ehlo;
          const reply =
            command.verb === 'EHLO' ? localEhlo(this.#facts.ehlo, this.#facts.policed) : formatReply(250, [domain]);
          await this.conn.write(reply, this.signal);
          break;
        }
        case 'AUTH':
          if (await this.#auth(command.rest)) return this.#client(true);
          break;
        case 'NOOP':
        case 'RSET':
          await this.#say('250 2.0.0 broker: fine');
          break;
        case 'QUIT':
          await this.conn.finish(Buffer.from('221 2.0.0 broker: goodbye\r\n'), DRAIN_MS);
          return { type: 'gone' };
        case 'STARTTLS':
          await this.#say('502 5.5.1 broker: TLS is not offered here');
          break;
        default:
          await this.#say('530 5.7.0 broker: log in first, with the password of this session');
      }
    }
  }

  #client(loggedIn: boolean): SmtpArrival {
    const { conn } = this;
    const refuseIt = (error: BrokerError): Promise<void> => refuse(conn, error);
    return { type: 'client', visitor: { conn, params: new Map(), hello: this.#hello, loggedIn, refuse: refuseIt } };
  }

  /** @returns true when the client is in; it is told by `serve`. */
  async #auth(rest: string): Promise<boolean> {
    const presented = await readAuth(this.conn, rest, this.signal);
    if (presented.type === 'no') {
      await this.#say(presented.reply);
      return false;
    }
    using password = presented.password;
    const refused = await this.door.admit(password);
    if (refused) throw refused;
    return true;
  }

  async #say(line: string): Promise<void> {
    await this.conn.write(Buffer.from(`${line}\r\n`), this.signal);
  }
}

/** One last reply, which a client understands at any point; then the connection ends. */
async function refuse(conn: Conn, error: BrokerError): Promise<void> {
  await conn.finish(lastReply(error), DRAIN_MS);
}
