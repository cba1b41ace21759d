import { timingSafeEqual } from 'node:crypto';
import type { Conn } from '../../core/conn.ts';
import type { DriverIo, OpenParams, Upstream } from '../../core/driver.ts';
import { toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { relay, type SessionEnd } from '../../core/relay.ts';
import { fatalFor } from './failure.ts';
import { FrameWalker, readFrame } from './frames.ts';
import type { PostgresVisitor } from './local.ts';
import { type Login, type PostgresFacts, type Route, secure } from './login.ts';
import {
  authenticationOk,
  backendKeyData,
  type CancelKey,
  cancelRequest,
  PROTOCOL_3_2,
  readErrorFields,
  readParameterStatus,
  readyForQuery,
  sync,
  TYPE,
  terminate,
} from './wire.ts';

/** Milliseconds that a forced end waits for its cancel request to be delivered (MECHANISMS §2). */
const CANCEL_MS = 1_000;

/** A logged-in connection, for one client. */
export class PostgresUpstream implements Upstream<PostgresFacts, PostgresVisitor, CancelKey> {
  readonly facts: PostgresFacts;
  readonly params: OpenParams;
  readonly #conn: Conn;
  readonly #route: Route;
  readonly #io: DriverIo;
  /** The key that this session's client got; undefined before and after, so that a late cancel finds nothing. */
  #given: CancelKey | undefined;
  readonly #forget = (): void => {
    this.#given = undefined;
  };

  constructor(login: Login, params: OpenParams, io: DriverIo) {
    this.facts = login.facts;
    this.params = params;
    this.#conn = login.conn;
    this.#route = login.route;
    this.#io = io;
  }

  async serve(visitor: PostgresVisitor, idleMs: number, signal: AbortSignal): Promise<SessionEnd> {
    const local = visitor.conn;
    const socket = this.#conn.socket;
    try {
      await local.write(this.#welcome(visitor.version), signal);
    } catch (thrown) {
      this.#forget();
      const error = toBrokerError(thrown);
      await visitor.refuse(error);
      const outcome =
        error.code === 'client_gone' ? ({ outcome: 'error', side: 'client' } as const) : { outcome: 'ended' as const };
      return { ...outcome, error, bytesUp: 0, bytesDown: 0 };
    }
    // A server that is done has nothing left to cancel, though its client may still be reading.
    socket.once('end', this.#forget).once('close', this.#forget);
    const walker = new FrameWalker();
    let cancelled: Promise<void> | undefined;
    const end = await relay(
      local,
      this.#conn,
      {
        idleMs,
        down: walker.see,
        farewell: (reason) => {
          cancelled = this.#cancelWhatRuns();
          return walker.atBoundary ? fatalFor(reason) : undefined;
        },
      },
      signal,
    );
    this.#forget();
    if (end.outcome === 'ended' || end.outcome === 'idle') await (cancelled ?? this.#cancelWhatRuns());
    socket.destroy();
    return end;
  }

  async side(request: CancelKey, signal: AbortSignal): Promise<boolean> {
    if (!this.#given || !sameKey(request, this.#given)) return false;
    const key = this.facts.key;
    if (key) await cancel(key, this.#route, this.#io, signal);
    return true;
  }

  /** A Sync, which also starts idle_session_timeout anew; what the server says meanwhile is kept. */
  async alive(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#conn.write(sync(), signal);
      for (;;) {
        const frame = await readFrame(this.#conn, signal);
        if (frame.type === TYPE.readyForQuery) return !this.#conn.atEnd;
        if (frame.type === TYPE.parameterStatus) {
          this.facts.parameters.set(readParameterStatus(frame.body).name, frame.raw);
        } else if (frame.type === TYPE.noticeResponse) readErrorFields(frame.body);
        else return false;
      }
    } catch (error) {
      // Gone, garbled or too slow: all of it means that this connection is not for use.
      if (toBrokerError(error).code === 'internal') throw error;
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    // After a session the socket is gone already; an unused connection says goodbye as a client would.
    if (this.#conn.socket.destroyed) return;
    await this.#conn.finish(terminate(), DRAIN_MS);
  }

  /** AuthenticationOk, the server's own facts, a key of our making, ReadyForQuery. */
  #welcome(version: number): Buffer {
    const messages = [authenticationOk(), ...this.facts.parameters.values(), ...this.facts.notices];
    if (this.facts.key) {
      const pid = this.#io.random(4).readUInt32BE(0) & 0x7fff_ffff;
      this.#given = { pid, secret: this.#io.random(version >= PROTOCOL_3_2 ? 32 : 4) };
      messages.push(backendKeyData(this.#given));
    }
    return Buffer.concat([...messages, readyForQuery()]);
  }

  /** A destroyed socket leaves the query running: ask the server to stop it, for at most CANCEL_MS. */
  async #cancelWhatRuns(): Promise<void> {
    this.#forget();
    if (!this.facts.key) return;
    try {
      await cancel(this.facts.key, this.#route, this.#io, AbortSignal.timeout(CANCEL_MS));
    } catch (error) {
      // The session ends in any case; a server that can't be reached again cannot be told more.
      void error;
    }
  }
}

/** Sends a CancelRequest over a connection of its own, and returns once the server has closed that. */
async function cancel(key: CancelKey, route: Route, io: DriverIo, signal: AbortSignal): Promise<void> {
  let conn = await io.redial(route.address, signal);
  try {
    if (route.tls) conn = await secure(conn, route.tls, signal);
    await conn.write(cancelRequest(key), signal);
    while ((await conn.some(signal)) !== undefined);
  } finally {
    conn.destroy();
  }
}

/** Compares in constant time; a length is no secret. */
function sameKey(a: CancelKey, b: CancelKey): boolean {
  const [left, right] = [a, b].map((key) => Buffer.concat([Buffer.alloc(4), key.secret]));
  if (!left || !right || left.length !== right.length) return false;
  left.writeInt32BE(a.pid | 0, 0);
  right.writeInt32BE(b.pid | 0, 0);
  return timingSafeEqual(left, right);
}
