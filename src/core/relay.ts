import type { Duplex } from 'node:stream';
import { Conn, type Detached, type Side } from './conn.ts';
import { BrokerError, toBrokerError } from './errors.ts';
import { DRAIN_MS, UPSTREAM_FINISHED_MS } from './limits.ts';

/** How a session ended. `ended`: broker ended it (revoke, lock, limit); the signal's reason says why. */
export interface SessionEnd {
  readonly outcome: 'client_finished' | 'upstream_finished' | 'idle' | 'ended' | 'error';
  /** The side at fault when the outcome is `error`. */
  readonly side?: Side;
  readonly error?: BrokerError;
  /** Bytes relayed client → upstream and upstream → client, handshakes not counted. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Sees whole chunks as they pass, never changes them. A BrokerError it throws ends the session. */
export type Observer = (chunk: Buffer) => void;

/**
 * What goes on instead of a chunk, empty for nothing; a chunk that needs no change is returned as it is. What it keeps
 * back must be bounded, and is lost when the stream ends there. A BrokerError it throws ends the session.
 */
export type Rewriter = (chunk: Buffer) => Buffer;

export interface RelayOptions {
  readonly up?: Observer;
  readonly down?: Observer;
  readonly rewriteUp?: Rewriter;
  readonly rewriteDown?: Rewriter;
  /** Milliseconds without a byte either way after which the session ends; 0 or absent: no limit. */
  readonly idleMs?: number;
  /**
   * Last words to the client when broker ends the session, in the protocol's own form; undefined where the stream does
   * not stand at a message boundary, in which case the connection just closes.
   */
  readonly farewell?: (reason: BrokerError) => Buffer | undefined;
}

type Outcome = Omit<SessionEnd, 'bytesUp' | 'bytesDown'>;

/**
 * Moves bytes both ways until both sides are done: half-close is passed on, a slow reader holds back the other side,
 * nothing is re-framed. The one relay of all byte drivers.
 *
 * It ends when both directions are finished, a socket fails, `signal` aborts (`ended`) or nothing moved for `idleMs`
 * (`idle`). The client's socket is then destroyed; the upstream's too, except after `ended` and `idle`, where the
 * driver may first have to cancel what still runs there. Never rejects.
 */
export async function relay(
  client: Conn,
  upstream: Conn,
  options: RelayOptions,
  signal: AbortSignal,
): Promise<SessionEnd> {
  const from = client.detach();
  const to = upstream.detach();
  const moved = { up: 0, down: 0, at: performance.now() };
  const cleanups: (() => void)[] = [];

  const outcome = await new Promise<Outcome>((resolve) => {
    let firstToEnd: Side | undefined;
    let finished = 0;
    const fail = (side: Side, cause: unknown): void => {
      const error = cause instanceof BrokerError ? cause : lost(side, cause);
      resolve({ outcome: 'error', side, error });
    };
    const done = (side: Side): void => {
      if (++finished === 2) resolve({ outcome: `${firstToEnd ?? side}_finished` });
      else if (side === 'upstream') {
        const linger = setTimeout(() => resolve({ outcome: 'upstream_finished' }), UPSTREAM_FINISHED_MS);
        cleanups.push(() => clearTimeout(linger));
      }
    };
    const watch = (side: Side, socket: Duplex): void => {
      socket.on('error', (cause) => fail(side, cause));
      const closed = (): void => {
        // A socket that closed after both its directions were done leaves the rest to the other one, which may still
        // have bytes to flush.
        if (!(socket.readableEnded && socket.writableFinished)) resolve({ outcome: `${side}_finished` });
      };
      socket.on('close', closed);
    };
    watch('client', from.socket);
    watch('upstream', to.socket);
    // Neither 'error' nor 'close' comes again from a socket that broke before we listened.
    if (to.socket.destroyed) {
      if (to.rest.length > 0) from.socket.write(to.rest);
      return fail('upstream', to.socket.errored);
    }
    if (from.socket.destroyed) return fail('client', from.socket.errored);

    if (signal.aborted) return resolve({ outcome: 'ended', error: toBrokerError(signal.reason) });
    const abort = (): void => resolve({ outcome: 'ended', error: toBrokerError(signal.reason) });
    signal.addEventListener('abort', abort, { once: true });
    cleanups.push(() => signal.removeEventListener('abort', abort));
    if (options.idleMs)
      cleanups.push(watchIdle(options.idleMs, moved, () => resolve(idleOutcome(options.idleMs ?? 0))));

    const { rewriteUp, rewriteDown } = options;
    const up = (chunk: Buffer): Buffer => {
      moved.up += chunk.length;
      moved.at = performance.now();
      options.up?.(chunk);
      return rewriteUp ? rewriteUp(chunk) : chunk;
    };
    const down = (chunk: Buffer): Buffer => {
      moved.down += chunk.length;
      moved.at = performance.now();
      options.down?.(chunk);
      return rewriteDown ? rewriteDown(chunk) : chunk;
    };
    cleanups.push(
      pump(
        from,
        to.socket,
        up,
        () => {
          firstToEnd ??= 'client';
        },
        () => done('client'),
        (error) => fail('client', error),
      ),
    );
    cleanups.push(
      pump(
        to,
        from.socket,
        down,
        () => {
          firstToEnd ??= 'upstream';
        },
        () => done('upstream'),
        (error) => fail('upstream', error),
      ),
    );
  });

  for (const cleanup of cleanups) cleanup();
  if (outcome.outcome === 'ended' || outcome.outcome === 'idle') {
    const words = outcome.error && !from.socket.destroyed ? options.farewell?.(outcome.error) : undefined;
    if (words) await new Conn(from.socket, 'client').finish(words, DRAIN_MS);
  } else if (outcome.outcome === 'error' && outcome.side === 'upstream') {
    // What upstream sent before it failed is the client's; then the client sees the connection break.
    to.socket.destroy();
    await new Conn(from.socket, 'client').finish(Buffer.alloc(0), DRAIN_MS);
  } else to.socket.destroy();
  from.socket.destroy();
  return { ...outcome, bytesUp: moved.up, bytesDown: moved.down };
}

/** Forwards one direction. Returns what stops it, leaving both sockets paused and open. */
function pump(
  from: Detached,
  to: Duplex,
  see: Rewriter,
  ended: () => void,
  flushed: () => void,
  failed: (error: unknown) => void,
): () => void {
  const source = from.socket;
  const forward = (chunk: Buffer): void => {
    let onward: Buffer;
    try {
      onward = see(chunk);
    } catch (error) {
      failed(error);
      return;
    }
    if (onward.length > 0 && !to.write(onward)) source.pause();
  };
  const resume = (): void => {
    source.resume();
  };
  // Over only when flushed: the socket is destroyed once both directions are, and a slow reader has not got all yet.
  const end = (): void => {
    ended();
    to.once('finish', flushed);
    to.end();
  };
  to.on('drain', resume);
  if (from.rest.length > 0) forward(from.rest);
  if (from.ended) end();
  else {
    source.on('data', forward);
    source.on('end', end);
    if (!to.writableNeedDrain) source.resume();
  }
  return () => {
    source.off('data', forward);
    source.off('end', end);
    to.off('drain', resume);
    source.pause();
  };
}

/** One timer that is re-armed only when it fires, so that a byte costs no timer work. */
function watchIdle(idleMs: number, moved: { at: number }, idle: () => void): () => void {
  let timer = setTimeout(check, idleMs);
  function check(): void {
    const quiet = performance.now() - moved.at;
    if (quiet >= idleMs) idle();
    else timer = setTimeout(check, idleMs - quiet);
  }
  return () => clearTimeout(timer);
}

function idleOutcome(idleMs: number): Outcome {
  const time = idleMs < 1_000 ? `${idleMs} ms` : `${Math.round(idleMs / 1000)} s`;
  return { outcome: 'idle', error: new BrokerError('ended', `the session was idle for ${time}`) };
}

function lost(side: Side, cause: unknown): BrokerError {
  return side === 'client'
    ? new BrokerError('client_gone', 'the client broke the connection', { cause })
    : new BrokerError('upstream_protocol', 'the server broke the connection', { cause });
}
