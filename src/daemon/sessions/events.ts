import type { AuditCaller } from '../../core/audit.ts';
import type { Hint, LeaseAddress } from '../../core/driver.ts';
import type { SessionEnd } from '../../core/relay.ts';
import type { Secret } from '../../core/secret.ts';

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

/** A session as anybody may see it who may list it. Its ticket is only in what `open` returned. */
export interface Lease {
  readonly id: string;
  readonly kind: string;
  readonly service: string;
  readonly tokenId?: string;
  readonly openedBy: AuditCaller;
  readonly reason?: string;
  readonly check: 'peer' | 'ticket';
  /** Without the ticket. */
  readonly address: LeaseAddress;
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

/** What the caller that opened it gets: how to come in, and the ticket if one is needed. */
export interface OpenedLease extends Lease {
  readonly hint: Hint;
  /** Belongs to the lease, which disposes it when it ends. */
  readonly ticket?: Secret;
}

export interface LeaseEvent {
  readonly type: 'opened' | 'connected' | 'disconnected' | 'ended';
  readonly at: number;
  readonly lease: Lease;
}

/** Events a watcher may fall behind before its oldest are dropped. */
const MAX_BEHIND = 1_000;

/** Hands each event to every watcher. A slow watcher loses old events; it never holds up a session. */
export class LeaseEvents {
  readonly #watchers = new Set<(event: LeaseEvent) => void>();

  emit(event: LeaseEvent): void {
    for (const watcher of this.#watchers) watcher(event);
  }

  /** @param now what is told before anything else: the state when the watching starts, so that nothing falls between. */
  async *watch(now: () => readonly LeaseEvent[], signal: AbortSignal): AsyncGenerator<LeaseEvent> {
    const queue = [...now()];
    let wake: (() => void) | undefined;
    const watcher = (event: LeaseEvent): void => {
      queue.push(event);
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
