import type { SessionAction } from '../../core/grant.ts';
import type { Caller } from '../caller.ts';

/** On whose behalf a connection is wanted, and for what: every one is admitted by the gate for its own caller. */
export interface Errand {
  readonly caller: Caller;
  readonly service: string;
  readonly action: SessionAction;
  readonly session: string;
  readonly kind?: string | undefined;
  readonly reason?: string | undefined;
}
