import { type BrokerError, type Hop, toBrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { SessionManager } from './manager.ts';

export interface HopResult {
  readonly name: Hop;
  readonly ok: boolean;
  readonly detail: string;
  readonly tookMs: number;
}

export interface TestResult {
  /** In the order they were passed; the last one failed if `error` is set. */
  readonly hops: readonly HopResult[];
  readonly error?: BrokerError;
}

/**
 * Logs in to a service and out again, and tells every hop on the way: dns, tcp, tls, auth. A failure is a result here.
 * @param grant for `test`; its record is used as it is stored, nothing can be overridden.
 */
export async function testService(sessions: SessionManager, grant: Grant, signal: AbortSignal): Promise<TestResult> {
  const hops: HopResult[] = [];
  let since = performance.now();
  const add = (name: Hop, ok: boolean, detail: string): void => {
    const now = performance.now();
    hops.push({ name, ok, detail, tookMs: now - since });
    since = now;
  };
  try {
    await sessions.probe(grant, (hop, detail) => add(hop, true, detail), signal);
    return { hops };
  } catch (thrown) {
    const error = toBrokerError(thrown);
    add(error.hop ?? 'session', false, error.message);
    return { hops, error };
  }
}
