import type { Conn } from '../../core/conn.ts';
import type { OpenParams, Upstream } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { relay, type SessionEnd } from '../../core/relay.ts';
import { bye } from './failure.ts';
import type { ImapVisitor } from './local.ts';
import type { ImapFacts, ImapLogin } from './login.ts';
import { CompressWatch, ResponseWalker } from './stream.ts';
import { Talk } from './talk.ts';
import { MAX_LINE_BYTES } from './wire.ts';

/** Lines that a server may send before it answers an ID. */
const MAX_ID_LINES = 100;

/** A logged-in connection, for one client. */
export class ImapUpstream implements Upstream<ImapFacts, ImapVisitor, never> {
  readonly facts: ImapFacts;
  readonly params: OpenParams = new Map();
  readonly #conn: Conn;

  constructor(login: ImapLogin) {
    this.facts = login.facts;
    this.#conn = login.conn;
  }

  async serve(visitor: ImapVisitor, idleMs: number, signal: AbortSignal): Promise<SessionEnd> {
    const client = visitor.conn;
    try {
      if (visitor.id) await client.write(await this.#passOnId(visitor.id, signal), signal);
      if (visitor.loginTag !== undefined) await client.write(this.#welcome(visitor.loginTag), signal);
    } catch (thrown) {
      const error = toBrokerError(thrown);
      await visitor.refuse(error);
      const side = error.code.startsWith('upstream') ? 'upstream' : 'client';
      const outcome = error.code === 'ended' || error.code === 'cancelled' ? 'ended' : 'error';
      return { outcome, side, error, bytesUp: 0, bytesDown: 0 };
    }
    const responses = new ResponseWalker();
    const compress = new CompressWatch();
    const mayCompress = [...this.facts.before, ...this.facts.after].some((word) => /^COMPRESS=/i.test(word));
    const end = await relay(
      client,
      this.#conn,
      {
        idleMs,
        down: responses.see,
        ...(mayCompress && { up: compress.see }),
        farewell: (reason) => (responses.atBoundary && !compress.seen ? bye(reason) : undefined),
      },
      signal,
    );
    this.#conn.destroy();
    return end;
  }

  async alive(signal: AbortSignal): Promise<boolean> {
    try {
      const { tagged } = await new Talk(this.#conn, signal).command('alive', [Buffer.from('alive NOOP\r\n')]);
      return tagged.name === 'OK' && !this.#conn.atEnd;
    } catch {
      // Gone, garbled, too slow or goodbye: all of it means that this connection is not for use.
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // After a session the socket is gone already; an unused connection says goodbye as a client would.
    if (this.#conn.socket.destroyed) return;
    await this.#conn.finish(Buffer.from('bye LOGOUT\r\n'), DRAIN_MS);
  }

  #welcome(tag: string): Buffer {
    const code = this.facts.after.length > 0 ? `[CAPABILITY ${this.facts.after.join(' ')}] ` : '';
    return Buffer.from(`${tag} OK ${code}Logged in\r\n`);
  }

  /**
   * Tells the server what the client said about itself before its login: some take no SELECT from a client that they
   * don't know. The client had its answer, so the server's is dropped; whatever else the server says is the client's.
   */
  async #passOnId(command: Buffer, signal: AbortSignal): Promise<Buffer> {
    if (![...this.facts.before, ...this.facts.after].some((word) => word.toUpperCase() === 'ID'))
      return Buffer.alloc(0);
    const [tag = ''] = command.toString('latin1').split(' ', 1);
    await this.#conn.write(Buffer.concat([command, Buffer.from('\r\n')]), signal);
    const kept: Buffer[] = [];
    for (let lines = 0; lines < MAX_ID_LINES; lines++) {
      const line = await this.#conn.line(MAX_LINE_BYTES, signal);
      const start = line.toString('latin1', 0, tag.length + 1);
      if (start === `${tag} `) return Buffer.concat(kept);
      if (!/^\* ID /i.test(line.toString('latin1', 0, 5))) kept.push(line);
    }
    throw new BrokerError('upstream_protocol', 'the server does not answer ID');
  }
}
