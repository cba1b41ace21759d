import type { AuditEvent } from '../core/audit.ts';
import { BrokerError } from '../core/errors.ts';
import type { Action, Grant } from '../core/grant.ts';
import { auditCaller, type Caller } from './caller.ts';

export interface AdmitRequest {
  readonly action: Action;
  readonly service: string;
  /** The caller's own words. */
  readonly reason?: string;
  /** Id of the session that the grant is for. */
  readonly session?: string;
  /** For `via`: the service that is reached through this one, for which the caller was admitted already. */
  readonly target?: string;
}

/** A grant whose intent may still be on its way to the disk. */
export interface Admission {
  readonly grant: Grant;
  /** Resolves when the intent is on disk; rejects, with the grant revoked, when it could not be written. */
  readonly recorded: Promise<void>;
}

/** The record of a decision, but for how it went. */
export function eventOf(caller: Caller, { service, reason, session }: AdmitRequest): Omit<AuditEvent, 'outcome'> {
  const told = { ...(reason !== undefined && { reason }), ...(session !== undefined && { session }) };
  return { action: 'gate.admit', caller: auditCaller(caller), service, ...told };
}

/** What for, as the record's detail says it. */
export function purpose({ action, target }: AdmitRequest): { readonly for: string; readonly target?: string } {
  return { for: action, ...(target !== undefined && { target }) };
}

/** Why nobody is admitted while the vault is not open. */
export function lockedError(state: 'absent' | 'locked' | 'unlocked'): BrokerError {
  if (state === 'absent') return new BrokerError('locked', 'there is no vault yet', { hint: 'broker up' });
  return new BrokerError('locked', 'the vault is locked', { hint: 'broker unlock' });
}
