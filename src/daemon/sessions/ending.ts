import { BrokerError } from '../../core/errors.ts';
import type { SessionEnd } from '../../core/relay.ts';
import type { EndReason } from './events.ts';

/** What a client that is cut off is told: the reason as a sentence. */
const SENTENCES = {
  client_finished: 'the session is over',
  upstream_finished: 'the session is over',
  idle: 'the session was idle for too long',
  error: 'the session failed',
  accept_timeout: 'no client came within the accept timeout',
  lifetime: 'the session has reached the end of its lifetime',
  closed: 'the session was closed',
  revoked: 'the permission to use this session was withdrawn',
  locked: 'the vault was locked',
  service_removed: 'the service was removed',
  shutdown: 'broker is shutting down',
} as const satisfies Record<EndReason, string>;

export function endedError(reason: EndReason): BrokerError {
  return new BrokerError('ended', SENTENCES[reason]);
}

/** A grant or token that ended: why, and the same in the words of a session's end. */
export function endOfGrant(cause: BrokerError): { reason: EndReason; error: BrokerError } {
  const reason = cause.code === 'locked' ? 'locked' : 'revoked';
  return { reason, error: cause.code === 'ended' ? cause : new BrokerError('ended', cause.message, { cause }) };
}

/** How a lease ended whose last connection ended so. */
export function reasonOf(end: SessionEnd): EndReason {
  return end.outcome === 'ended' ? 'closed' : end.outcome;
}
