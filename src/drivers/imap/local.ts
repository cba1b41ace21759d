import { Arriving, arrival } from '../../core/arrival.ts';
import type { Conn } from '../../core/conn.ts';
import type { Arrival, Door, Visitor } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import { acceptTls } from '../../core/tls.ts';
import { CommandReader, type LocalCommand } from './command.ts';
import { bye, no } from './failure.ts';
import type { ImapFacts } from './login.ts';
import { readArguments } from './wire.ts';

export interface ImapVisitor extends Visitor {
  /** The tag of the login that waits for its OK; undefined for a client that sends none. */
  readonly loginTag: string | undefined;
  /** The arguments of an ID that the client sent before its login, to be passed on. */
  readonly id: Buffer | undefined;
}

export type ImapArrival = Arrival<ImapVisitor, never>;

/** Words of the server's list that are about a login or a TLS which are both past (RFC 9051 §6.2). */
const PAST = /^(STARTTLS|LOGINDISABLED|LOGIN-REFERRALS|SASL-IR|AUTH=.*)$/i;

/** The server's capabilities before the login, minus what no longer applies, plus what the local login accepts. */
export function localCapabilities(facts: ImapFacts): string {
  return [...facts.before.filter((word) => !PAST.test(word)), 'SASL-IR', 'AUTH=PLAIN'].join(' ');
}

/**
 * The client-facing side up to the door's decision and the login; the OK of the login is said by `serve`. The user and
 * password that a client names are ignored unless the session has a ticket: the service decides who logs in.
 */
export async function greet(conn: Conn, facts: ImapFacts, door: Door, signal: AbortSignal): Promise<ImapArrival> {
  return await arrival(new Client(conn, facts, door, signal), signal);
}

class Client extends Arriving<ImapVisitor, never> {
  /** The tag of the login under way, for a refusal. */
  #pendingTag: string | undefined;
  readonly #facts: ImapFacts;
  #admitted = false;
  #id: Buffer | undefined;

  constructor(conn: Conn, facts: ImapFacts, door: Door, signal: AbortSignal) {
    super(conn, door, signal);
    this.#facts = facts;
  }

  async refuse(error: BrokerError): Promise<void> {
    await refuse(this.conn, this.#pendingTag, error);
  }

  async arrive(): Promise<ImapArrival> {
    if (this.door.tls) this.conn = await acceptTls(this.conn, this.door.tls, this.signal, 'implicit');
    const greeting = this.#facts.greeting === '' ? 'ready' : this.#facts.greeting;
    await this.#say(`* OK [CAPABILITY ${localCapabilities(this.#facts)}] ${greeting}`);
    const reader = new CommandReader(this.conn, this.signal);
    for (;;) {
      const command = await reader.head();
      if (!this.door.ticketRequired && !this.#admitted) await this.#admit(undefined);
      switch (command.name) {
        case 'CAPABILITY':
          await this.#done(await reader.whole(), `* CAPABILITY ${localCapabilities(this.#facts)}\r\n`);
          break;
        case 'NOOP':
          await this.#done(await reader.whole());
          break;
        case 'ID':
          await this.#holdId(await reader.whole());
          break;
        case 'LOGOUT':
          await this.#logout(await reader.whole());
          return { type: 'gone' };
        case 'STARTTLS':
          await this.#reply(await reader.whole(), 'BAD', 'broker: TLS is not offered here');
          break;
        case 'LOGIN':
          if (await this.#login(await reader.whole())) return this.#client(command.tag);
          break;
        case 'AUTHENTICATE':
          if (await this.#authenticate(await reader.whole())) return this.#client(command.tag);
          break;
        default:
          if (!this.door.ticketRequired) {
            // No login: the command and all behind it are the server's.
            reader.putBack();
            return this.#client(undefined);
          }
          await this.#reply(await reader.whole(), 'NO', 'broker: log in first, with the password of this session');
      }
    }
  }

  #client(loginTag: string | undefined): ImapArrival {
    const { conn } = this;
    const visitor: ImapVisitor = {
      conn,
      params: new Map(),
      loginTag,
      id: this.#id,
      refuse: (error) => refuse(conn, loginTag, error),
    };
    return { type: 'client', visitor };
  }

  async #admit(presented: Secret | undefined): Promise<void> {
    const refused = await this.door.admit(presented);
    if (refused) throw refused;
    this.#admitted = true;
  }

  /** @returns true when the client is in; it is told by `serve`. */
  async #login(command: LocalCommand | undefined): Promise<boolean> {
    if (!command) return false;
    const [user, password, ...more] = await argumentsOf(command);
    if (!user || !password || more.length > 0) {
      await this.#reply(command, 'BAD', 'broker: LOGIN takes a user and a password');
      return false;
    }
    return await this.#present(command, password);
  }

  async #authenticate(command: LocalCommand | undefined): Promise<boolean> {
    if (!command) return false;
    const words = command.text.toString('latin1').split(' ');
    const [, , mechanism = '', initial] = words;
    if (mechanism.toUpperCase() !== 'PLAIN' || words.length > 4) {
      await this.#reply(command, 'NO', 'broker: the only mechanism here is PLAIN');
      return false;
    }
    let response = initial;
    if (response === undefined) {
      await this.#say('+ ');
      response = await new CommandReader(this.conn, this.signal).line();
      if (response === '*') {
        await this.#reply(command, 'BAD', 'broker: cancelled');
        return false;
      }
    }
    const message = Buffer.from(response === '=' ? '' : response, 'base64');
    const password = message.subarray(message.indexOf(0, message.indexOf(0) + 1) + 1);
    const fine = /^[A-Za-z0-9+/]+={0,2}$/.test(response) && message.filter((byte) => byte === 0).length === 2;
    if (!fine) {
      await this.#reply(command, 'BAD', 'broker: that is no PLAIN response');
      return false;
    }
    return await this.#present(command, password);
  }

  async #present(command: LocalCommand, password: Buffer): Promise<boolean> {
    this.#pendingTag = command.tag;
    if (this.#admitted) return true;
    using presented = Secret.copy(password);
    password.fill(0);
    await this.#admit(presented);
    return true;
  }

  /** Answered with NIL, "not told" (RFC 2971), since the server has not been asked yet; it gets the client's later. */
  async #holdId(command: LocalCommand | undefined): Promise<void> {
    if (!command) return;
    this.#id = command.literals.length === 0 ? Buffer.from(command.text) : undefined;
    await this.#done(command, '* ID NIL\r\n');
  }

  async #logout(command: LocalCommand | undefined): Promise<void> {
    const last = command ? `${command.tag} OK LOGOUT completed\r\n` : '';
    await this.conn.finish(Buffer.from(`* BYE broker: goodbye\r\n${last}`), DRAIN_MS);
  }

  async #done(command: LocalCommand | undefined, untagged = ''): Promise<void> {
    if (command) await this.#say(`${untagged}${command.tag} OK ${command.name} completed`);
  }

  async #reply(command: LocalCommand | undefined, type: 'NO' | 'BAD', text: string): Promise<void> {
    if (command) await this.#say(`${command.tag} ${type} ${text}`);
  }

  async #say(line: string): Promise<void> {
    await this.conn.write(Buffer.from(`${line}\r\n`), this.signal);
  }
}

async function argumentsOf(command: LocalCommand): Promise<readonly (Buffer | undefined)[]> {
  try {
    return await readArguments(command.text, command.literals);
  } catch (error) {
    // A command that cannot be read is answered with BAD, as the server would; the client may go on.
    if (error instanceof BrokerError && error.code === 'client_protocol') return [];
    throw error;
  }
}

/** The tagged NO of the login, where there is one, and BYE. */
async function refuse(conn: Conn, tag: string | undefined, error: BrokerError): Promise<void> {
  const answer = tag === undefined ? Buffer.alloc(0) : no(tag, error);
  await conn.finish(Buffer.concat([answer, bye(error)]), DRAIN_MS);
}
