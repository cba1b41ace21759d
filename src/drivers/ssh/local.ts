import { hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import type { AuthContext, Connection, PublicKeyAuthContext } from 'ssh2';
import type { Conn } from '../../core/conn.ts';
import type { Arrival, Door, OpenParams, Visitor } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import { gatherWrites } from './gather.ts';
import { type Identity, identityOf } from './identity.ts';
import type { InsideVisitor } from './insider.ts';
import { ALGORITHMS, library } from './library.ts';
import { sendDisconnect } from './packet.ts';

/** Logins that a client may try before it is sent away; an agent offers its keys one after the other. */
const MAX_ATTEMPTS = 20;
/** Wrong passwords among them. */
const MAX_PASSWORDS = 3;
const NO_PARAMS: OpenParams = new Map();

/** A client that has proven who it is and waits to be told so. */
export interface StockVisitor extends Visitor {
  readonly connection: Connection;
  /** Says that the login was successful; from then on the client asks for channels. */
  welcome(): void;
  readonly note: Door['note'];
}

/** Who is served: an SSH client, or broker itself. */
export type SshVisitor = StockVisitor | InsideVisitor;
export type SshArrival = Arrival<SshVisitor, never>;

/**
 * The local side of a session: an SSH server for one connection. The key that a client shows is compared with the one
 * that follows from the ticket; without a ticket, the kernel's word about the client is all that is asked for.
 * @param identity the host key of the lease.
 */
export function greet(conn: Conn, identity: Identity, door: Door, signal: AbortSignal): Promise<SshArrival> {
  const socket = gatherWrites(conn.detach().socket);
  return new Promise((resolve) => {
    let connection: Connection | undefined;
    let done = false;
    const settle = (arrival: SshArrival): void => {
      if (done) return;
      done = true;
      signal.removeEventListener('abort', aborted);
      resolve(arrival);
    };
    const refuse = async (error: BrokerError): Promise<void> => {
      await sayGoodbye(conn, connection, error);
      settle({ type: 'refused', error });
    };
    const aborted = (): void => {
      void refuse(toBrokerError(signal.reason));
    };
    const gone = (): void => {
      conn.destroy();
      settle({ type: 'gone' });
    };
    socket.on('error', gone).on('close', gone);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) return aborted();

    const { Server } = library();
    const server = new Server({ hostKeys: [identity.privateKey], algorithms: ALGORITHMS as never, ident: 'broker' });
    server.on('connection', (client) => {
      connection = client;
      // The socket stays half open by itself: a client that has ended the stream has left.
      client.on('error', () => conn.destroy());
      client.on('end', () => conn.destroy());
      const login = new Login(door, (context) => {
        const visitor: StockVisitor = {
          conn,
          params: NO_PARAMS,
          connection: client,
          welcome: () => context.accept(),
          note: door.note,
          refuse: (error) => sayGoodbye(conn, client, error),
        };
        settle({ type: 'client', visitor });
      });
      client.on('authentication', (context) => {
        login.decide(context).then(
          (error) => error && refuse(error),
          (thrown: unknown) => refuse(toBrokerError(thrown)),
        );
      });
    });
    server.injectSocket(socket as Socket);
  });
}

/** The key pair that a ticket stands for: whoever has the ticket can make it, and nobody else. */
export function ticketIdentity(ticket: Secret): Identity {
  const seed = ticket.use((bytes) => Buffer.from(hkdfSync('sha256', bytes, '', 'broker ssh client key', 32)));
  try {
    return identityOf(seed);
  } finally {
    seed.fill(0);
  }
}

/** Tells the reason in SSH's own words where the encryption stands already, and closes. Never rejects. */
export async function sayGoodbye(conn: Conn, connection: Connection | undefined, error: BrokerError): Promise<void> {
  const { socket } = conn;
  if (connection && !socket.destroyed && sendDisconnect(connection, `broker: ${error.message}`)) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, DRAIN_MS);
      timer.unref();
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end();
    });
  }
  conn.destroy();
}

/** The attempts of one client to log in (RFC 4252). */
class Login {
  readonly #door: Door;
  readonly #admitted: (context: AuthContext) => void;
  #expected: Identity | undefined;
  #attempts = 0;
  #passwords = 0;
  #over = false;

  constructor(door: Door, admitted: (context: AuthContext) => void) {
    this.#door = door;
    this.#admitted = admitted;
  }

  /** @returns why the client is sent away; undefined while it may go on, or is in. */
  async decide(context: AuthContext): Promise<BrokerError | undefined> {
    if (this.#over) return undefined;
    if (++this.#attempts > MAX_ATTEMPTS)
      return new BrokerError('client_protocol', `the client tried to log in ${MAX_ATTEMPTS} times`);
    if (!this.#door.ticketRequired) return await this.#admit(context, undefined);
    if (context.method === 'publickey') return await this.#key(context);
    if (context.method === 'password') {
      using presented = Secret.fromText(context.password);
      return await this.#admit(context, presented);
    }
    context.reject(['publickey', 'password']);
    return undefined;
  }

  /** A key that is merely offered proves nothing: only a signature over this session's id does. */
  async #key(context: PublicKeyAuthContext): Promise<BrokerError | undefined> {
    this.#expected ??= this.#door.ticket && ticketIdentity(this.#door.ticket);
    const expected = this.#expected?.blob;
    const offered = context.key.data;
    if (!expected || offered.length !== expected.length || !timingSafeEqual(offered, expected)) {
      context.reject(['publickey', 'password']);
      return undefined;
    }
    if (!context.signature || !context.blob) {
      // Accepting an offer only says that a signature of it would do.
      context.accept();
      return undefined;
    }
    const key = library().utils.parseKey(offered);
    if (key instanceof Error || key.verify(context.blob, context.signature, context.hashAlgo) !== true)
      return new BrokerError('denied', 'the signature of the client’s key is wrong');
    return await this.#admit(context, this.#door.ticket);
  }

  async #admit(context: AuthContext, presented: Secret | undefined): Promise<BrokerError | undefined> {
    const refused = await this.#door.admit(presented);
    if (!refused) {
      this.#over = true;
      this.#admitted(context);
      return undefined;
    }
    const retry = context.method === 'password' && refused.code === 'denied' && ++this.#passwords < MAX_PASSWORDS;
    if (!retry) return refused;
    context.reject(['publickey', 'password']);
    return undefined;
  }
}
