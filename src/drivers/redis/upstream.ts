import type { DriverIo, OpenParams, Upstream, Visitor } from '../../core/driver.ts';
import { toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { relay, type SessionEnd } from '../../core/relay.ts';
import { CommandRules } from './commands.ts';
import type { RedisConfig } from './config.ts';
import type { Login } from './login.ts';
import { readReply } from './replies.ts';
import { RequestRewriter } from './requests.ts';
import { Resets } from './resets.ts';
import { encode } from './resp.ts';

/** Redis states nothing about itself unasked. */
export type RedisFacts = Readonly<Record<string, never>>;

const NONCE_BYTES = 16;

/** A logged-in connection, for one client. */
export class RedisUpstream implements Upstream<RedisFacts> {
  readonly facts: RedisFacts = {};
  readonly params: OpenParams;
  readonly #login: Login;
  readonly #config: RedisConfig;
  readonly #nonce: Buffer;

  constructor(login: Login, config: RedisConfig, params: OpenParams, io: DriverIo) {
    this.#login = login;
    this.#config = config;
    this.params = params;
    this.#nonce = io.random(NONCE_BYTES);
  }

  /**
   * A session that broker ends just closes, as a connection that the server ends does: an error that nobody asked for
   * would be taken for the answer to the client's next command.
   */
  async serve(visitor: Visitor, idleMs: number, signal: AbortSignal): Promise<SessionEnd> {
    const { conn, auth } = this.#login;
    const { allow_commands, deny_commands, db, password } = this.#config;
    const socket = conn.socket;
    const resets = new Resets(this.#nonce, password && auth, db);
    const requests = new RequestRewriter(new CommandRules(allow_commands, deny_commands), {
      auth,
      reset: () => resets.relogin(),
    });
    const rewriting = { rewriteUp: requests.rewrite, rewriteDown: resets.cut };
    const end = await relay(visitor.conn, conn, { idleMs, ...rewriting }, signal);
    socket.destroy();
    return end;
  }

  /** A PING; an error that is not about the login is a sign of life too. */
  async alive(signal: AbortSignal): Promise<boolean> {
    const { conn } = this.#login;
    try {
      await conn.write(encode(['PING']), signal);
      const reply = await readReply(conn, signal);
      const loggedOut = reply.type === 'error' && !reply.text.startsWith('NOPERM');
      return !loggedOut && conn.buffered === 0 && !conn.atEnd;
    } catch (error) {
      // Gone, garbled or too slow: all of it means that this connection is not for use.
      if (toBrokerError(error).code === 'internal') throw error;
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { conn, auth } = this.#login;
    auth[Symbol.dispose]();
    if (!conn.socket.destroyed) await conn.finish(Buffer.alloc(0), DRAIN_MS);
  }
}
