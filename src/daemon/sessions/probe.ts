import { randomUUID } from 'node:crypto';
import type { AddressGuard } from '../../core/dial.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { Caller } from '../caller.ts';
import type { SessionDeps, SessionLimits } from './deps.ts';
import { Reach } from './reach.ts';
import { secretsOf } from './secrets.ts';

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
 * Logs in once, with fresh connections and TLS contexts, and reports each hop: dns, tcp, tls, auth; those of a service on
 * the way with its name in front. The upstream's faults are the result, not a rejection.
 */
export async function probe(
  deps: SessionDeps,
  limits: SessionLimits,
  guard: AddressGuard,
  caller: Caller,
  grant: Grant,
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
  const of = (name: string, hop: string): string => (name === service.name ? hop : `${name} ${hop}`);
  let failing: string | undefined;
  const reach = new Reach(deps, limits, guard, {
    passed: (name) => (hop, detail) => pass(of(name, hop), detail),
    // The innermost one comes first.
    failed: (name) => {
      failing ??= name;
    },
  });
  try {
    const driver = deps.drivers.get(service.kind);
    if (!driver) throw new BrokerError('invalid_argument', `kind ${service.kind} is not known`);
    const journey = {
      errand: { caller, service: service.name, action: 'open' as const, session: randomUUID() },
      service,
      driver,
    };
    const io = reach.io(journey, grant, pass);
    const upstream = await reach.limited(journey, AbortSignal.any([signal, grant.signal]), (limited) =>
      driver.open(service.config, new Map(), io, limited),
    );
    await upstream[Symbol.asyncDispose]();
    return { hops };
  } catch (thrown) {
    const error = toBrokerError(thrown);
    pass(of(failing ?? service.name, error.hop ?? 'session'), error.message, false);
    return { hops, error };
  } finally {
    await reach.clear(new BrokerError('ended', 'the test is over'));
  }
}
