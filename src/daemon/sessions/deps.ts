import type { SecureContext } from 'node:tls';
import type { AuditSink } from '../../core/audit.ts';
import type { Driver, DriverIo } from '../../core/driver.ts';
import type { Grant } from '../../core/grant.ts';
import type { Secret } from '../../core/secret.ts';
import type { Admission, AdmitRequest } from '../admission.ts';
import type { Caller } from '../caller.ts';
import type { PeerLookup } from '../peer/lookup.ts';
import type { DescriptorUse } from './descriptors.ts';
import type { Lease, LeaseEvent } from './events.ts';

/** A service's record, opened under a grant. */
export interface ResolvedService {
  readonly name: string;
  readonly kind: string;
  /** Parsed by the kind's ConfigSpec, secrets included, which whoever resolved it wipes (`secretsOf`). */
  readonly config: unknown;
  readonly policy: {
    /** Live upstream connections at a time, spares included; 0: MAX_LIVE_UPSTREAMS. */
    readonly maxSessions: number;
    /** 0: LIFETIME_MS. */
    readonly maxLifetimeMs: number;
  };
  /** Changes with every change of the record: spares of another revision are not handed out. */
  readonly revision: string | number;
}

export interface ServiceResolver {
  /** @throws BrokerError `not_found` | `locked` when the record went away after the grant was given. */
  resolve(grant: Grant): ResolvedService | Promise<ResolvedService>;
}

export interface SessionGate {
  /**
   * Decides and records. Called for a lease's first dial, for each of its further connections and for each spare.
   * @returns the grant, and when its intent is on disk: no client byte goes upstream before.
   * @throws BrokerError `denied` | `not_found` | `locked` | `unauthenticated` | `exhausted`, told to the caller as it is.
   */
  enter(caller: Caller, request: AdmitRequest): Promise<Admission>;
}

/** For sessions that speak TLS on the local side. */
export interface LocalTls {
  readonly context: SecureContext;
  /** PEM file with the CA that clients must trust. */
  readonly caFile: string;
}

export interface SessionLimits {
  readonly openTimeoutMs: number;
  readonly greetTimeoutMs: number;
  readonly portRestMs: number;
  readonly spareLingerMs: number;
  /** Between a client's coming in and the dialling of the spare that replaces the one it got. */
  readonly replenishAfterMs: number;
  readonly spareMaxAgeMs: number;
  /** How long a shared connection is kept when nobody uses it. */
  readonly trunkIdleMs: number;
  /** Before a login that a busy server dropped is begun again; twice as long each further time. */
  readonly droppedRestMs: number;
  /** How long alive() may take before a connection counts as dead. */
  readonly aliveTimeoutMs: number;
  /** A connection that waited longer than this for its client is asked for a sign of life first. */
  readonly restAfterMs: number;
  /** Clients of one lease that are in the middle of their handshake. */
  readonly maxGreeting: number;
  /** Milliseconds after which ending a lease no longer waits for its drivers to say goodbye. */
  readonly endTimeoutMs: number;
}

/** Told of what sessions do, for metrics. */
export interface SessionMeter {
  /** @param tookMs from the request to a connection that is logged in. */
  opened(lease: Lease, tookMs: number): void;
  event(event: LeaseEvent): void;
}

/** What the session manager needs from the daemon around it. */
export interface SessionDeps {
  readonly drivers: ReadonlyMap<string, Driver>;
  readonly services: ServiceResolver;
  readonly gate: SessionGate;
  readonly audit: AuditSink;
  readonly peers: PeerLookup;
  readonly meter?: SessionMeter;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** True for a port that the daemon itself listens on (gRPC, HTTP); the leases' are known here. */
  readonly isOwnPort: (port: number) => boolean;
  /** Folder in which unix sessions get theirs, when the request names none. */
  readonly socketDir: string;
  readonly localTls?: () => Promise<LocalTls>;
  /** OAuth2 access tokens for one login to a service. */
  readonly accessToken?: (service: string) => DriverIo['accessToken'];
  /** 32 bytes of a service's own, the same as long as the vault's data key is; the caller disposes them. @throws BrokerError `locked`. */
  readonly localKey?: (service: string) => Secret;
  /** For the daemon's log: failures that nobody waits for. Never sent to a client. */
  readonly report: (error: unknown, doing: string) => void;
  readonly descriptors?: () => Promise<DescriptorUse | undefined>;
  readonly limits?: Partial<SessionLimits>;
}
