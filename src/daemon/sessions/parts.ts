import type { Grant } from '../../core/grant.ts';
import type { Secret } from '../../core/secret.ts';
import type { LocalTls, SessionDeps, SessionLimits } from './deps.ts';
import type { Errand } from './errand.ts';
import type { Lease, LeaseEvent } from './events.ts';
import type { OpenPlan } from './request.ts';
import type { Obtained, Upstreams } from './upstreams.ts';

/** What a lease is made of. */
export interface LeaseParts {
  readonly id: string;
  readonly plan: OpenPlan;
  readonly errand: Errand;
  /** Ends with the lease, and ends it. */
  readonly grant: Grant;
  /** When the grant's intent is on disk. */
  readonly intent: Promise<void>;
  readonly obtained: Obtained;
  readonly upstreams: Upstreams;
  readonly deps: SessionDeps;
  readonly limits: SessionLimits;
  readonly ticket: Secret | undefined;
  readonly localTls: LocalTls | undefined;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly emit: (type: LeaseEvent['type'], lease: Lease) => void;
}
