import type { Conn } from '../../core/conn.ts';
import { BrokerError } from '../../core/errors.ts';
import { CRLF, MAX_LINE_BYTES, type Response, readResponse } from './wire.ts';

/** Bytes that a server may send between the greeting and the end of the login, all lines together. */
const MAX_TALK_BYTES = 262_144;

export interface Answer {
  readonly tagged: Response;
  readonly untagged: readonly Response[];
}

/** Answers a `+` of the server. */
export type Continuation = (request: Response) => Promise<Buffer>;

/** Commands and answers before the login is complete, one at a time. */
export class Talk {
  /** Changes when TLS starts. */
  conn: Conn;
  readonly #signal: AbortSignal;
  #commands = 0;
  #bytes = 0;

  constructor(conn: Conn, signal: AbortSignal) {
    this.conn = conn;
    this.#signal = signal;
  }

  nextTag(): string {
    return `b${++this.#commands}`;
  }

  /** @throws BrokerError `upstream_protocol` for a line or a talk that is too long, or no IMAP. */
  async response(signal: AbortSignal = this.#signal): Promise<Response> {
    const line = await this.conn.line(MAX_LINE_BYTES, signal);
    this.#bytes += line.length;
    if (this.#bytes > MAX_TALK_BYTES)
      throw new BrokerError('upstream_protocol', `the server sent more than ${MAX_TALK_BYTES} bytes before the login`);
    const end = line.at(-2) === 13 ? -2 : -1;
    return await readResponse(line.subarray(0, end));
  }

  /**
   * Sends a command and reads up to its tagged answer.
   * @param parts the command, cut where the server must say `+` first. They are wiped.
   * @throws BrokerError `upstream_refused` for a BYE.
   */
  async command(tag: string, parts: readonly Buffer[], proceed?: Continuation): Promise<Answer> {
    const queue = [...parts];
    const untagged: Response[] = [];
    const send = (bytes: Buffer): Promise<void> => this.conn.writeSecret(bytes, this.#signal);
    try {
      await send(queue.shift() ?? Buffer.from(CRLF));
      for (;;) {
        const response = await this.response();
        if (response.tag === tag) return { tagged: response, untagged };
        if (response.tag === '+') {
          const next = queue.shift() ?? (await proceed?.(response));
          if (!next) throw new BrokerError('upstream_protocol', 'the server asked for more than there is to say');
          await send(next);
        } else if (response.tag !== '*') {
          throw new BrokerError('upstream_protocol', 'the server answered a command that was not given');
        } else if (response.name === 'BYE') throw new Goodbye(response);
        else untagged.push(response);
      }
    } finally {
      for (const bytes of queue) bytes.fill(0);
    }
  }
}

/** The server says BYE in the middle of the talk. */
export class Goodbye extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super('BYE');
    this.response = response;
  }
}
