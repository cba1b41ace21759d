import type { Conn } from '../../core/conn.ts';
import { BrokerError } from '../../core/errors.ts';
import {
  type CommandHead,
  CRLF,
  literalAt,
  MAX_COMMAND_BYTES,
  MAX_LINE_BYTES,
  MAX_LITERAL_BYTES,
  readCommandHead,
} from './wire.ts';

/** One command of a client, its literals taken out. */
export interface LocalCommand extends CommandHead {
  /** The lines without their last CRLF; a literal's mark stands where it was. */
  readonly text: Buffer;
  readonly literals: readonly Buffer[];
}

/** Reads a client's commands, head first, so that what is the server's business can be left to it. */
export class CommandReader {
  readonly #conn: Conn;
  readonly #signal: AbortSignal;
  #line: Buffer = Buffer.alloc(0);
  #head: CommandHead | undefined;

  constructor(conn: Conn, signal: AbortSignal) {
    this.#conn = conn;
    this.#signal = signal;
  }

  /** Tag and name of the next command. @throws BrokerError `client_protocol` | `client_gone`. */
  async head(): Promise<CommandHead> {
    this.#line = await this.#conn.line(MAX_LINE_BYTES, this.#signal);
    this.#head = readCommandHead(this.#line);
    return this.#head;
  }

  /** Gives the line of `head` back to the connection. */
  putBack(): void {
    this.#conn.unread(this.#line);
  }

  /**
   * The command whose head was read, literals included.
   * @returns undefined when a literal was refused with NO: the client does not send it, nor the rest.
   * @throws BrokerError `client_protocol` for a non-synchronising literal that is too long: it is on its way already.
   */
  async whole(): Promise<LocalCommand | undefined> {
    const head = this.#head;
    if (!head) throw new TypeError('head() comes first');
    const lines: Buffer[] = [];
    const literals: Buffer[] = [];
    let bytes = 0;
    let line = this.#line;
    for (;;) {
      lines.push(withoutEnd(line));
      const literal = literalAt(lines.at(-1) ?? line);
      if (!literal) return { ...head, text: join(lines), literals };
      bytes += literal.bytes + line.length;
      if (literal.bytes > MAX_LITERAL_BYTES || bytes > MAX_COMMAND_BYTES) {
        if (!literal.synchronising)
          throw new BrokerError(
            'client_protocol',
            `the client sent a literal of more than ${MAX_LITERAL_BYTES} bytes before its login`,
          );
        await this.#say(`${head.tag} NO [TOOBIG] broker: at most ${MAX_LITERAL_BYTES} bytes before the login\r\n`);
        return undefined;
      }
      if (literal.synchronising) await this.#say('+ OK\r\n');
      literals.push(Buffer.from(await this.#conn.exactly(literal.bytes, this.#signal)));
      line = await this.#conn.line(MAX_LINE_BYTES, this.#signal);
    }
  }

  /** One line that is no command: a SASL response. */
  async line(): Promise<string> {
    return withoutEnd(await this.#conn.line(MAX_LINE_BYTES, this.#signal)).toString('latin1');
  }

  async #say(text: string): Promise<void> {
    await this.#conn.write(Buffer.from(text), this.#signal);
  }
}

function withoutEnd(line: Buffer): Buffer {
  return line.subarray(0, line.at(-2) === 13 ? -2 : -1);
}

function join(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [CRLF, line])));
}
