import type { Conn } from './conn.ts';
import type { Arrival, Door, Visitor } from './driver.ts';
import { type BrokerError, toBrokerError } from './errors.ts';

/** A client that is being greeted. */
export abstract class Arriving<V extends Visitor, S> {
  /** Changes with TLS. */
  conn: Conn;
  protected readonly door: Door;
  /** Ends the greeting. */
  protected readonly signal: AbortSignal;

  constructor(conn: Conn, door: Door, signal: AbortSignal) {
    this.conn = conn;
    this.door = door;
    this.signal = signal;
  }

  abstract arrive(): Promise<Arrival<V, S>>;
  /** Says no in the protocol's own words, then closes. */
  abstract refuse(error: BrokerError): Promise<void>;
}

/** Greets a client. What goes wrong on the way is told to it; a stalled or broken handshake just ends. */
export async function arrival<V extends Visitor, S>(
  client: Arriving<V, S>,
  signal: AbortSignal,
): Promise<Arrival<V, S>> {
  try {
    return await client.arrive();
  } catch (thrown) {
    const error = toBrokerError(thrown);
    if (error.code === 'internal' || error.code === 'client_gone' || signal.aborted) client.conn.destroy();
    if (error.code === 'internal') throw thrown;
    if (error.code === 'client_gone') return { type: 'gone' };
    await client.refuse(error);
    return { type: 'refused', error };
  }
}
