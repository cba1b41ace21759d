import type { BrokerError } from './errors.ts';
import { SUSPECT_MS } from './limits.ts';

/**
 * Does `work`; when it has not come to an end after SUSPECT_MS, `suspect` looks into why, once. An error that it resolves
 * with ends the work; that it cannot tell (it rejects, or resolves with undefined) changes nothing.
 * @throws the suspicion, or what `work` throws.
 */
export async function suspecting<T>(
  work: (signal: AbortSignal) => Promise<T>,
  suspect: (signal: AbortSignal) => Promise<BrokerError | undefined>,
  signal: AbortSignal,
): Promise<T> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const conclude = (verdict: BrokerError | undefined): void => {
    if (verdict) over.abort(verdict);
  };
  const timer = setTimeout(() => void suspect(both).then(conclude, () => undefined), SUSPECT_MS);
  try {
    return await work(both);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
