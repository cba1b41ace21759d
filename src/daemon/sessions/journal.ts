import type { AuditEvent } from '../../core/audit.ts';
import type { SessionNote } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import type { SessionEnd } from '../../core/relay.ts';
import { auditCaller, type PeerIdentity } from '../caller.ts';
import type { EndReason, Lease } from './events.ts';
import type { LeaseParts } from './parts.ts';
import { viaOf } from './via.ts';

type Detail = Readonly<Record<string, string | number | boolean>>;

/** What one lease writes into the audit log. A log that cannot be written ends the lease (`failed`). */
export class LeaseJournal {
  readonly #parts: LeaseParts;
  readonly #failed: (error: BrokerError) => void;

  constructor(parts: LeaseParts, failed: (error: BrokerError) => void) {
    this.#parts = parts;
    this.#failed = failed;
  }

  /** @returns when this and the gate's `intent` are on disk; until then the door lets nobody in, so nothing goes upstream unrecorded. */
  opened(intent: Promise<void>): Promise<void> {
    const { plan, obtained, expiresAt } = this.#parts;
    const via = viaOf(obtained.service.config);
    const written = this.#write(
      this.#event('session.open', 'ok', {
        check: plan.check,
        connections: plan.connections,
        spare: obtained.fromSpare,
        ...(via !== undefined && { via }),
        expiresAt: new Date(expiresAt).toISOString(),
      }),
    );
    const recorded = Promise.all([intent, written]).then(() => undefined);
    this.#watch(recorded);
    return recorded;
  }

  connected(peer: PeerIdentity | undefined): void {
    this.#watch(this.#write(this.#event('session.connect', 'ok', peerDetail(peer))));
  }

  connectFailed(error: BrokerError): void {
    this.#watch(this.#write({ ...this.#event('session.connect', 'failed'), code: error.code, message: error.message }));
  }

  refused(error: BrokerError, peer: PeerIdentity | undefined): void {
    const event = this.#event('session.refuse', 'denied', peerDetail(peer));
    this.#watch(this.#write({ ...event, code: error.code, message: error.message }));
  }

  /** What a client does inside its session. @returns when it is on disk; a log that cannot be written ends the lease. */
  note(note: SessionNote): Promise<void> {
    const written = this.#write({ ...this.#event(note.action, note.outcome), ...note });
    this.#watch(written);
    return written;
  }

  /** The end of one of several connections. */
  disconnected(end: SessionEnd | undefined, durationMs: number): void {
    this.#watch(
      this.#write({
        ...this.#event('session.disconnect', end?.outcome === 'error' ? 'failed' : 'ok'),
        durationMs,
        bytesUp: end?.bytesUp ?? 0,
        bytesDown: end?.bytesDown ?? 0,
        ...(end && { code: end.outcome }),
        ...(end?.error && { message: end.error.message }),
      }),
    );
  }

  /** Resolves when the end is on disk; a failure is only reported, since there is nothing left to end. */
  async ended(reason: EndReason, error: BrokerError, lease: Lease, durationMs: number): Promise<void> {
    const { served } = lease.connections;
    try {
      await this.#write({
        ...this.#event('session.end', reason === 'error' ? 'failed' : 'ok', { served }),
        code: reason,
        message: error.message,
        durationMs,
        bytesUp: lease.bytesUp,
        bytesDown: lease.bytesDown,
      });
    } catch (failure) {
      this.#parts.deps.report(failure, 'recording session.end');
    }
  }

  async #write(event: AuditEvent): Promise<void> {
    await this.#parts.deps.audit.record(event);
  }

  #watch(recorded: Promise<void>): void {
    recorded.catch((cause: unknown) => {
      this.#parts.deps.report(cause, 'writing the audit log');
      this.#failed(new BrokerError('unavailable', 'the audit log cannot be written', { cause }));
    });
  }

  #event(action: string, outcome: AuditEvent['outcome'], detail: Detail = {}): AuditEvent {
    const { errand, plan, obtained, id } = this.#parts;
    return {
      action,
      outcome,
      caller: auditCaller(errand.caller),
      service: obtained.service.name,
      kind: obtained.driver.kind,
      session: id,
      ...(plan.reason !== undefined && { reason: plan.reason }),
      detail,
    };
  }
}

function peerDetail(peer: PeerIdentity | undefined): Detail {
  return {
    ...(peer && { peerUid: peer.uid }),
    ...(peer?.pid !== undefined && { peerPid: peer.pid }),
    ...(peer?.executable !== undefined && { peerExecutable: peer.executable }),
  };
}
