import type { AuditCaller } from '../../core/audit.ts';
import type { Hint, LeaseAddress } from '../../core/driver.ts';
import type { SessionEnd } from '../../core/relay.ts';

/**
 * Why a lease ended. The first four are how its last connection ended; the others ended it from outside.
 */
export type EndReason =
  | Exclude<SessionEnd['outcome'], 'ended'>
  | 'accept_timeout' // nobody came
  | 'lifetime'
  | 'closed' // by its owner or an admin
  | 'revoked' // its token was revoked or has expired, or a policy no longer allows it
  | 'locked'
  | 'service_removed'
  | 'shutdown';

/** A session. Its ticket is only in the address and hint that `open` returned. */
export interface Lease {
  readonly id: string;
  readonly kind: string;
  readonly service: string;
  readonly tokenId?: string;
  readonly openedBy: AuditCaller;
  readonly reason?: string;
  readonly check: 'peer' | 'ticket';
  readonly address: LeaseAddress;
  readonly hint: Hint;
  readonly state: 'waiting' | 'connected' | 'ended';
  readonly endReason?: EndReason;
  /** Epoch milliseconds. */
  readonly openedAt: number;
  readonly expiresAt: number;
  /** Until when the first client must have come. */
  readonly acceptUntil: number;
  readonly connections: {
    readonly served: number;
    readonly live: number;
    /** 0: no limit. */
    readonly limit: number;
  };
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Changes a watcher may fall behind before the oldest are dropped. */
const MAX_BEHIND = 1_000;

/** Hands each change of a lease to every watcher. A slow watcher loses old changes; it never holds up a session. */
export class LeaseChanges {
  readonly #watchers = new Set<(lease: Lease) => void>();

  emit(lease: Lease): void {
    for (const watcher of this.#watchers) watcher(lease);
  }

  /** @param now what is told before anything else: the state when the watching starts, so that nothing falls between. */
  async *watch(now: () => readonly Lease[], signal: AbortSignal): AsyncGenerator<Lease> {
    const queue = [...now()];
    let wake: (() => void) | undefined;
    const watcher = (lease: Lease): void => {
      queue.push(lease);
      if (queue.length > MAX_BEHIND) queue.shift();
      wake?.();
    };
    const stop = (): void => wake?.();
    this.#watchers.add(watcher);
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        const next = queue.shift();
        if (next) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener('abort', stop);
    }
  }
}
