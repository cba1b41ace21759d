import type { AuditCaller } from '../core/audit.ts';
import type { Action } from '../core/grant.ts';
import type { RequestLimits } from '../http/policy/rules.ts';

/** The process at the other end of a connection, as the kernel tells it; fields are absent where it cannot. */
export interface PeerIdentity {
  readonly uid: number;
  readonly gid?: number;
  readonly pid?: number;
  readonly executable?: string;
}

/** Which services (glob on the name) a token may use, and for what. */
export interface TokenGrant {
  readonly services: string;
  readonly actions: readonly Action[];
  /** What HTTP requests under this grant may be like; absent: as the service has it. */
  readonly limits?: RequestLimits;
}

/** A token that another one descends from, and whose limits hold for it too. */
export interface TokenAncestor {
  readonly id: string;
  readonly name: string;
  readonly grants: readonly TokenGrant[];
}

export type Scope = 'admin' | 'proxy';

/** Who makes a request: authenticated once at the edge, then passed to everything that decides or records. */
export interface Caller {
  /** Absent for a caller without a token (it may only look at health and unlock). */
  readonly token?: {
    readonly id: string;
    readonly name: string;
    readonly scope: Scope;
    readonly grants: readonly TokenGrant[];
    /** The tokens that it descends from, its maker first; none for one that an admin made. */
    readonly ancestors: readonly TokenAncestor[];
    /** Epoch ms; nothing that the token opens outlives it. */
    readonly expiresAt: number | undefined;
    /** Aborts when the token is revoked or expires, with the BrokerError that says so. */
    readonly signal: AbortSignal;
  };
  readonly transport: 'unix' | 'tcp' | 'http' | 'internal';
  readonly peer?: PeerIdentity;
  /** Back-off key for password attempts: `uid:1000`, `tcp:127.0.0.1`. */
  readonly origin: string;
}

/** Kept for as long as the caller is: connections keep theirs. */
const audited = new WeakMap<Caller, AuditCaller>();

export function auditCaller(caller: Caller): AuditCaller {
  const known = audited.get(caller);
  if (known) return known;
  const made: AuditCaller = {
    transport: caller.transport,
    ...(caller.token && { token: caller.token.name, tokenId: caller.token.id }),
    ...(caller.peer && { uid: caller.peer.uid }),
    ...(caller.peer?.pid !== undefined && { pid: caller.peer.pid }),
    ...(caller.peer?.executable !== undefined && { executable: caller.peer.executable }),
  };
  audited.set(caller, made);
  return made;
}
