import { systemClock } from '../clock.ts';

/** An AbortSignal that follows others, and can be cut loose from them. */
export interface Link extends Disposable {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

/**
 * Like AbortSignal.any, but disposable: signals that outlive the link by hours (a token's, a grant's) keep nothing of
 * it once it is disposed.
 */
export function link(...sources: readonly (AbortSignal | undefined)[]): Link {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  for (const source of sources) {
    if (!source) continue;
    if (source.aborted) {
      controller.abort(source.reason);
      break;
    }
    const follow = (): void => controller.abort(source.reason);
    source.addEventListener('abort', follow, { once: true });
    undo.push(() => source.removeEventListener('abort', follow));
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]() {
      for (const step of undo.splice(0)) step();
    },
  };
}

/** A timer that does not keep the process alive, however far away it is. Returns what stops it. */
export function after(ms: number, then: () => void): () => void {
  const timer = systemClock.after(ms, then);
  return () => timer.cancel();
}
