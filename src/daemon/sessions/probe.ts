import type { AddressGuard } from '../../core/dial.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { SessionDeps } from './deps.ts';
import { driverIo, TlsContexts } from './io.ts';
import { secretsOf } from './upstreams.ts';

export interface ProbedHop {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly tookMs: number;
}

export interface ProbeResult {
  /** In the order in which they were passed; the last one failed when there is an error. */
  readonly hops: readonly ProbedHop[];
  readonly error?: BrokerError;
}

/**
 * Logs in once, with fresh connections and TLS contexts, and reports each hop: dns, tcp, tls, auth. The upstream's
 * faults are the result, not a rejection.
 */
export async function probe(
  deps: Pick<SessionDeps, 'services' | 'drivers' | 'accessToken'>,
  guard: AddressGuard,
  grant: Grant,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const hops: ProbedHop[] = [];
  let since = performance.now();
  const pass = (name: string, detail: string, ok = true): void => {
    const now = performance.now();
    hops.push({ name, ok, detail, tookMs: now - since });
    since = now;
  };
  const service = await deps.services.resolve(grant);
  using _ = secretsOf(service.config);
  const timedOut = new BrokerError('upstream_timeout', `no login within ${Math.round(timeoutMs / 1000)} s`);
  const timer = new AbortController();
  const timeout = setTimeout(() => timer.abort(timedOut), timeoutMs);
  try {
    const driver = deps.drivers.get(service.kind);
    if (!driver) throw new BrokerError('invalid_argument', `kind ${service.kind} is not known`);
    const io = driverIo(service.name, guard, new TlsContexts(), deps.accessToken?.(service.name), pass);
    const upstream = await driver.open(
      service.config,
      new Map(),
      io,
      AbortSignal.any([signal, grant.signal, timer.signal]),
    );
    await upstream[Symbol.asyncDispose]();
    return { hops };
  } catch (thrown) {
    const error = toBrokerError(thrown);
    pass(error.hop ?? 'session', error.message, false);
    return { hops, error };
  } finally {
    clearTimeout(timeout);
  }
}
