import type { Conn } from '../../core/conn.ts';
import type { OpenParams, Upstream } from '../../core/driver.ts';
import { type BrokerError, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { relay, type SessionEnd } from '../../core/relay.ts';
import { lastReply } from './failure.ts';
import { type Ends, Front } from './front.ts';
import type { SmtpVisitor } from './local.ts';
import type { SmtpFacts, SmtpLogin } from './login.ts';
import { policed } from './policed.ts';
import type { Policy } from './policy.ts';
import { ReplyWalker } from './stream.ts';
import { ask } from './talk.ts';

/** A logged-in connection, for one client and any number of mails. */
export class SmtpUpstream implements Upstream<SmtpFacts, SmtpVisitor, never> {
  readonly facts: SmtpFacts;
  readonly params: OpenParams = new Map();
  readonly #conn: Conn;
  readonly #policy: Policy;

  constructor(login: SmtpLogin, policy: Policy) {
    this.facts = login.facts;
    this.#conn = login.conn;
    this.#policy = policy;
  }

  async serve(visitor: SmtpVisitor, idleMs: number, signal: AbortSignal): Promise<SessionEnd> {
    const policy = this.facts.policed ? this.#policy : undefined;
    const ends: Ends = {
      client: visitor.conn,
      upstream: this.#conn,
      policed: policy !== undefined,
      idleMs,
      signal,
      bytesUp: 0,
      bytesDown: 0,
    };
    const front = new Front(ends, visitor.loggedIn);
    try {
      await front.begin(visitor.hello);
      if (policy) return await this.#finish(ends, { outcome: await policed(ends, front, policy) });
      const next = await front.run();
      if (next.type === 'command') visitor.conn.unread(next.line);
    } catch (thrown) {
      return await this.#finish(ends, await this.#brokenOff(ends, toBrokerError(thrown)));
    }
    const replies = new ReplyWalker();
    const farewell = (reason: BrokerError): Buffer | undefined => (replies.atBoundary ? lastReply(reason) : undefined);
    const end = await relay(visitor.conn, this.#conn, { idleMs, down: replies.see, farewell }, signal);
    this.#conn.destroy();
    return { ...end, bytesUp: end.bytesUp + ends.bytesUp, bytesDown: end.bytesDown + ends.bytesDown };
  }

  async alive(signal: AbortSignal): Promise<boolean> {
    try {
      return (await ask(this.#conn, Buffer.from('NOOP\r\n'), signal)).code === 250 && !this.#conn.atEnd;
    } catch (error) {
      // Gone, garbled or too slow: all of it means that this connection is not for use.
      if (toBrokerError(error).code === 'internal') throw error;
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // After a session the socket is gone already; an unused connection says goodbye as a client would.
    if (this.#conn.socket.destroyed) return;
    await this.#conn.finish(Buffer.from('QUIT\r\n'), DRAIN_MS);
  }

  async #finish(ends: Ends, end: Omit<SessionEnd, 'bytesUp' | 'bytesDown'>): Promise<SessionEnd> {
    // Destroyed, not ended: a mail that was not whole must not be taken for one.
    this.#conn.destroy();
    await ends.client.finish(Buffer.alloc(0), DRAIN_MS);
    return { ...end, bytesUp: ends.bytesUp, bytesDown: ends.bytesDown };
  }

  async #brokenOff(ends: Ends, error: BrokerError): Promise<Omit<SessionEnd, 'bytesUp' | 'bytesDown'>> {
    this.#conn.destroy();
    if (error.code === 'client_gone') return { outcome: 'client_finished' };
    await ends.client.finish(error.upstreamCode === '550' ? refused(error) : lastReply(error), DRAIN_MS);
    if (error.code === 'ended' || error.code === 'cancelled')
      return { outcome: ends.signal.aborted ? 'ended' : 'idle', error };
    return { outcome: 'error', side: error.code.startsWith('upstream') ? 'upstream' : 'client', error };
  }
}

function refused(error: BrokerError): Buffer {
  return Buffer.from(`550 5.6.0 broker: ${error.message}\r\n`);
}
