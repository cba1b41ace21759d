import { Arriving, arrival } from '../../core/arrival.ts';
import type { Conn } from '../../core/conn.ts';
import type { Arrival, Door, Visitor } from '../../core/driver.ts';
import type { BrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import { acceptTls } from '../../core/tls.ts';
import { fatalFor } from './failure.ts';
import { readFrame } from './frames.ts';
import { readStartupParams } from './params.ts';
import {
  authenticationCleartextPassword,
  type CancelKey,
  MAX_STARTUP_BYTES,
  malformed,
  negotiateProtocolVersion,
  type Opening,
  PROTOCOL_3_2,
  readOpening,
  readPassword,
  TYPE,
} from './wire.ts';

/** Bytes of the PasswordMessage that carries a ticket. */
const MAX_PASSWORD_BYTES = 1_024;

export interface PostgresVisitor extends Visitor {
  /** The protocol version that the client and we agreed on. */
  readonly version: number;
}

export type PostgresArrival = Arrival<PostgresVisitor, CancelKey>;

/**
 * The client-facing handshake up to the door's decision (PostgreSQL manual, "Start-up"); AuthenticationOk is said by
 * `serve`. The user and database that a client names are ignored: the service decides them.
 */
export async function greet(conn: Conn, door: Door, signal: AbortSignal): Promise<PostgresArrival> {
  return await arrival(new Client(conn, door, signal), signal);
}

class Client extends Arriving<PostgresVisitor, CancelKey> {
  async refuse(error: BrokerError): Promise<void> {
    await refuse(this.conn, error);
  }

  async arrive(): Promise<PostgresArrival> {
    const opening = await this.#negotiate();
    return opening.type === 'cancel' ? await this.#admitSide(opening.key) : await this.#admit(opening);
  }

  /** Answers SSLRequest and GSSENCRequest, once each as the server does, until the real first packet is there. */
  async #negotiate(): Promise<Extract<Opening, { type: 'cancel' | 'startup' }>> {
    const asked = new Set<string>();
    for (;;) {
      const opening = await this.#opening();
      if (opening.type === 'cancel' || opening.type === 'startup') return opening;
      if (asked.has(opening.type) || asked.has('tls')) throw malformed('client', 'a second request for encryption');
      asked.add(opening.type);
      if (opening.type === 'ssl' && this.door.tls) {
        // What came behind the request was sent in the clear; as part of the encrypted stream it would be trusted.
        if (this.conn.buffered > 0) throw malformed('client', 'unencrypted data behind its SSL request');
        await this.conn.write(Buffer.from('S'), this.signal);
        this.conn = await acceptTls(this.conn, this.door.tls, this.signal);
        asked.add('tls');
      } else await this.conn.write(Buffer.from('N'), this.signal);
    }
  }

  async #opening(): Promise<Opening> {
    const length = (await this.conn.exactly(4, this.signal)).readInt32BE(0);
    if (length < 8 || length > MAX_STARTUP_BYTES) {
      // Whoever sends this speaks another protocol and would not understand an answer; the server gives none either.
      this.conn.destroy();
      throw malformed('client', 'something that is not the PostgreSQL protocol');
    }
    return readOpening(await this.conn.exactly(length - 4, this.signal));
  }

  async #admit(opening: Extract<Opening, { type: 'startup' }>): Promise<PostgresArrival> {
    const { params, unknownOptions } = readStartupParams(opening.parameters);
    const version = Math.min(opening.version, PROTOCOL_3_2);
    if (version < opening.version || unknownOptions.length > 0)
      await this.conn.write(negotiateProtocolVersion(version, unknownOptions), this.signal);
    using presented = this.door.ticketRequired ? await this.#password() : undefined;
    const refused = await this.door.admit(presented);
    if (refused) throw refused;
    const { conn } = this;
    return { type: 'client', visitor: { conn, params, version, refuse: (error) => refuse(conn, error) } };
  }

  async #password(): Promise<Secret> {
    await this.conn.write(authenticationCleartextPassword(), this.signal);
    const frame = await readFrame(this.conn, this.signal, MAX_PASSWORD_BYTES);
    if (frame.type !== TYPE.password) throw malformed('client', 'something else than the password it was asked for');
    const secret = Secret.copy(readPassword(frame.body));
    frame.raw.fill(0);
    return secret;
  }

  async #admitSide(key: CancelKey): Promise<PostgresArrival> {
    const error = await this.door.admitSide();
    if (!error) return { type: 'side', conn: this.conn, request: key };
    // A CancelRequest is never answered.
    this.conn.destroy();
    return { type: 'refused', error };
  }
}

/** A FATAL ErrorResponse, which a client understands at any point of its start-up. */
async function refuse(conn: Conn, error: BrokerError): Promise<void> {
  await conn.finish(fatalFor(error), DRAIN_MS);
}
