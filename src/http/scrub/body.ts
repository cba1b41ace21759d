import type { BrokerError } from '../../core/errors.ts';

/** Milliseconds without a byte after which what is held back goes out (MECHANISMS §6). */
export const QUIET_MS = 20;

/** A response body on its way to the client, with the secrets looked for. */
export interface BodyScrub extends Disposable {
  /** @returns false when no more may be written until `ready` was called. */
  write(chunk: Buffer): boolean;
  /** The body came to its proper end: what is held back follows, then `end`. */
  end(): void;
}

/** Where a scrubbed body goes. None is called after `end`, `broken` or dispose. */
export interface BodyOut {
  bytes(chunk: Buffer): void;
  /** After a write that returned false: there may be more now. */
  ready(): void;
  end(): void;
  /** The connection to the client must break: the body held a secret that cannot be overwritten, or cannot be read. */
  broken(error: BrokerError): void;
  /** A secret was found, and did not get out. Called once for a body; for the audit log. */
  found(): void;
}

/** Calls `fn` once after `ms`; `cancel` is idempotent. */
export interface QuietClock {
  after(ms: number, fn: () => void): { cancel(): void };
}
