import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { AuditEvent } from './audit.ts';
import type { Conn } from './conn.ts';
import type { Dialed, DialedAddress, HopListener, Target } from './dial.ts';
import type { BrokerError } from './errors.ts';
import type { Kind } from './kind.ts';
import type { OAuthSettings } from './oauth.ts';
import type { SessionEnd } from './relay.ts';
import type { Secret } from './secret.ts';
import type { TlsMaterial } from './tls.ts';

/**
 * What a client may choose about its own connection before it is logged in (Postgres startup parameters). Drivers
 * without such a thing use the empty map. Two maps with the same entries mean the same connection.
 */
export type OpenParams = ReadonlyMap<string, string>;

/** What a driver gets from the outside world: it imports no socket, clock or random source of its own. */
export interface DriverIo {
  /** @throws BrokerError `upstream_unreachable` | `denied`. */
  dial(target: Target, signal: AbortSignal): Promise<Dialed>;
  /** Dials an address that `dial` returned before, with no name resolution: for connections that belong to another. */
  redial(address: DialedAddress, signal: AbortSignal): Promise<Conn>;
  /** The service's TLS context, made once and shared by its connections. */
  tlsContext(material: TlsMaterial): SecureContext;
  random(bytes: number): Buffer;
  /**
   * An OAuth2 access token for the service; the caller disposes it. Absent where nobody gives out tokens.
   * @param options.fresh true when the server refused the last one: what is kept is not good any more.
   * @throws BrokerError `upstream_auth` | `upstream_unreachable` | `upstream_protocol` | `invalid_argument`.
   */
  accessToken?(settings: OAuthSettings, options: { readonly fresh: boolean }, signal: AbortSignal): Promise<Secret>;
  /** Reports a passed hop (`tls`, `auth`; the dialler reports dns and tcp itself). */
  readonly passed: HopListener;
  /** The service's shared connections, for drivers that have `trunks`. */
  readonly berths?: Berths;
}

/**
 * What a place on a trunk is for: a program on the server; a connection that the server makes to somewhere else; a program
 * that has the trunk to itself, which is closed behind it (the server could mix up what it is lent with what others are).
 */
export type ChannelUse = 'session' | 'stream' | 'alone';
/** Uses of which a trunk carries several at a time. */
export type SharedUse = Exclude<ChannelUse, 'alone'>;

/**
 * A logged-in connection that carries channels of many sessions at a time (SSH). The daemon keeps it between sessions,
 * and decides who gets a place on it.
 */
export interface Trunk extends AsyncDisposable {
  /** Resolves when the connection is over, whoever ended it. */
  readonly over: Promise<void>;
  /** A round trip to the server. @returns false when it can no longer be used. */
  alive(signal: AbortSignal): Promise<boolean>;
  /**
   * A connection that the server makes to `target`, whose name it resolves itself: the way of services behind it (`via`).
   * @throws BrokerError `upstream_unreachable` (hop dns or tcp), `upstream_refused` where the server forwards nothing.
   */
  stream(target: Target, signal: AbortSignal): Promise<Duplex>;
}

/** A place for one channel on a trunk. Disposing it gives the place to the next. */
export interface Berth extends Disposable {
  readonly trunk: Trunk;
  /** The server takes no further channel on this trunk: others are asked from now on. @returns false if it has none at all. */
  refused(): boolean;
}

/** The shared connections of one service, in the name of one session. */
export interface Berths {
  /**
   * A place on a connection that is logged in, which is dialled if need be: admitted for the session's own caller.
   * @throws BrokerError as `Trunks.open`; the gate's.
   */
  reserve(use: ChannelUse, signal: AbortSignal): Promise<Berth>;
  /** Aborts when the connections are closed for good: the service was changed, or the vault locked. */
  readonly ended: AbortSignal;
}

/** How a kind makes connections that are shared. */
export interface Trunks<C> {
  /** Channels that one connection carries at a time. */
  readonly room: Readonly<Record<SharedUse, number>>;
  /** Dials and logs in. Leaves no socket behind when it rejects. @throws BrokerError `upstream_*` with its hop. */
  open(config: C, io: DriverIo, signal: AbortSignal): Promise<Trunk>;
}

/** Something that happened inside a session, for the audit log; who, where and why are added to it. */
export type SessionNote = Omit<AuditEvent, 'caller' | 'service' | 'kind' | 'session' | 'reason'>;

/** The check at the door of a lease, done when a client's first protocol message has arrived. */
export interface Door {
  /** True when the client must present the ticket in the protocol's own login. */
  readonly ticketRequired: boolean;
  /**
   * The ticket itself, for a login in which the client proves that it has it instead of sending it (an SSH key made of
   * it): whoever has proven it is admitted with it.
   */
  readonly ticket?: Secret | undefined;
  /**
   * 32 bytes that are the service's from session to session, where the client must recognise the local side again (an SSH
   * host key); the caller disposes them. Absent where every session has a key of its own.
   */
  readonly localKey?: (() => Secret) | undefined;
  /** Present when the local side must answer a TLS request with TLS (`--tls` sessions). */
  readonly tls: SecureContext | undefined;
  /** Milliseconds without traffic after which a session ends; 0: no limit. */
  readonly idleMs: number;
  /**
   * Decides about a client and, if it may pass, counts it as one of the lease's connections.
   * @param presented what the client sent as its password; undefined where it sent none.
   * @returns undefined when admitted, else why not: the driver tells the client in the protocol's words.
   */
  admit(presented: Secret | undefined): Promise<BrokerError | undefined>;
  /**
   * The same for a client that is broker itself, which needs no ticket and does not wait for the disk: it sends nothing
   * of its caller's before `recorded` resolves.
   */
  admitSelf(): Promise<BrokerError | undefined>;
  /** When the session's opening is on disk, which `admit` waits for. Rejects when it cannot be written. */
  readonly recorded: Promise<void>;
  /** The same for a side connection, which needs no ticket and is not counted. */
  admitSide(): Promise<BrokerError | undefined>;
  /**
   * Writes down what a client does inside its session, where the driver can tell (an SSH command).
   * Resolves when it is on disk; rejects when it cannot be written: then it must not be done.
   */
  note(note: SessionNote): Promise<void>;
}

/** A client that was admitted and waits for an upstream. Drivers extend it with what their `serve` needs. */
export interface Visitor {
  /** Unconsumed bytes, pipelined ones included, are still in it. */
  readonly conn: Conn;
  readonly params: OpenParams;
  /** Says no in the protocol's own words (ErrorResponse, -ERR, * BYE, 421), then closes. Never rejects. */
  refuse(error: BrokerError): Promise<void>;
}

/** Who came in: a client; a side connection of a session in progress; one refused (and told so); or nobody. */
export type Arrival<V extends Visitor = Visitor, S = unknown> =
  | { readonly type: 'client'; readonly visitor: V }
  | { readonly type: 'side'; readonly conn: Conn; readonly request: S }
  | { readonly type: 'refused'; readonly error: BrokerError }
  | { readonly type: 'gone' };

/**
 * An authenticated connection, the bytes read beyond the handshake, and the facts the server stated about itself.
 * Served to one client at most; disposed by its holder in any case.
 */
export interface Upstream<F = unknown, V extends Visitor = Visitor, S = unknown> extends AsyncDisposable {
  readonly facts: F;
  /** What it was opened with. */
  readonly params: OpenParams;
  /** Finishes the client's handshake with the server's own facts, then relays until the session ends. Never rejects. */
  serve(visitor: V, idleMs: number, signal: AbortSignal): Promise<SessionEnd>;
  /**
   * Handles a side connection if it belongs to this upstream's session.
   * @returns false, at once and without touching anything, when it does not.
   */
  side?(request: S, signal: AbortSignal): Promise<boolean>;
  /** A round trip to the server, before a spare is handed out. @returns false when it can no longer be used. */
  alive(signal: AbortSignal): Promise<boolean>;
}

/** Where a lease can be reached, for `hint`. */
export interface LeaseAddress {
  readonly listen: 'tcp' | 'unix';
  /** 127.0.0.1, or the folder of the unix socket. */
  readonly host: string;
  readonly port: number;
  /** The socket file for unix listeners. */
  readonly path?: string;
  readonly tls: boolean;
  /** The PEM of the CA that signed the local certificate, as a file path, for TLS sessions. */
  readonly caFile?: string;
  /** Set when the client must present it; its holder is the caller that opened the session. */
  readonly ticket?: string;
}

/** A secret that clients read from a file only. Whoever starts them writes it, for nobody else to read. */
export interface HintFile {
  /** The variable that leads to it, by which `env` names it. */
  readonly env: string;
  readonly content: string;
}

/** How a stock client reaches a lease. `env` and `example` must work as printed. */
export interface Hint {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the client that must be unset, since they would override `env`. */
  readonly unset: readonly string[];
  readonly files?: readonly HintFile[];
  readonly example: string;
}

/** A key by which a server can be recognised. */
export interface ServerKey {
  readonly type: string;
  readonly fingerprint: string;
  /** As the field has it, one a line. */
  readonly line: string;
  readonly pinned: boolean;
}

/** How an admin gets to know a server that is not pinned yet. */
export interface Trust<C> {
  /** The field in which keys are pinned. */
  readonly field: string;
  isPinned(config: C): boolean;
  /**
   * The keys that the server shows, without a login.
   * @throws BrokerError `upstream_auth` when others are pinned, naming both; `upstream_*` with its hop.
   */
  look(config: C, io: DriverIo, signal: AbortSignal): Promise<readonly ServerKey[]>;
}

/**
 * One kind of upstream. Stateless. `C` parsed configuration, `F` facts of an upstream, `V` visitor, `S` side request.
 */
export interface Driver<C = unknown, F = unknown, V extends Visitor = Visitor, S = unknown> extends Kind<C> {
  /** Name of the unix socket file in a lease's folder (`.s.PGSQL.5432`). */
  readonly socketName: string;
  /** How many spares a service keeps when its configuration does not say. */
  spares(config: C): number;
  /**
   * Dials, negotiates TLS, authenticates. Leaves no socket behind when it rejects.
   * @throws BrokerError `upstream_*` with its hop, `cancelled` or the signal's reason.
   */
  open(config: C, params: OpenParams, io: DriverIo, signal: AbortSignal): Promise<Upstream<F, V, S>>;
  /** Present where sessions share connections: `open` then takes its places from `io.berths`. */
  readonly trunks?: Trunks<C>;
  /**
   * The client-facing handshake up to and including the door's decision. A stalled or garbled handshake ends in
   * `refused` or `gone` (conn closed); it never rejects but for a bug.
   * @param facts of an upstream of this lease (mail servers speak first).
   */
  greet(conn: Conn, facts: F, door: Door, signal: AbortSignal): Promise<Arrival<V, S>>;
  /** @param facts of the upstream that waits in the lease; absent where an example is wanted without one. */
  hint(lease: LeaseAddress, config: C, facts?: F): Hint;
  /** Present where somebody must say which server is the right one before anything is sent to it. */
  readonly trust?: Trust<C>;
  /** Start-up parameters that a client started with these environment variables will send, to open with already. */
  predict?(env: Readonly<Record<string, string>>): OpenParams;
}
