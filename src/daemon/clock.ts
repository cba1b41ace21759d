/** A timer that was set; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/** Time as the daemon's parts see it, so that tests can move it. */
export interface Clock {
  /** Epoch ms. */
  now(): number;
  /** Calls `fn` once after `ms`, however far away that is. A pending timer does not keep the process alive. */
  after(ms: number, fn: () => void): Timer;
}

/** setTimeout fires at once when asked for more than this (2^31 - 1 ms, about 25 days). */
const LONGEST_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const dueAt = Date.now() + ms;
    let pending: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = Math.max(0, dueAt - Date.now());
      pending = setTimeout(() => (leftMs > LONGEST_MS ? arm() : fn()), Math.min(leftMs, LONGEST_MS));
      pending.unref();
    };
    arm();
    return { cancel: () => clearTimeout(pending) };
  },
};
