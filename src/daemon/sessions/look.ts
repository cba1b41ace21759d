import { randomUUID } from 'node:crypto';
import type { AddressGuard } from '../../core/dial.ts';
import type { ServerKey } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { Caller } from '../caller.ts';
import type { SessionDeps, SessionLimits } from './deps.ts';
import { Reach } from './reach.ts';
import { secretsOf } from './secrets.ts';

/**
 * The keys by which the server of the grant's service can be recognised, on the way that its sessions take (`via`).
 * @throws BrokerError `invalid_argument` for a kind without such keys; as Trust.look.
 */
export async function look(
  deps: SessionDeps,
  limits: SessionLimits,
  guard: AddressGuard,
  caller: Caller,
  grant: Grant,
  signal: AbortSignal,
): Promise<readonly ServerKey[]> {
  const service = await deps.services.resolve(grant);
  using _ = secretsOf(service.config);
  const driver = deps.drivers.get(service.kind);
  const trust = driver?.trust;
  if (!driver || !trust)
    throw new BrokerError('invalid_argument', `services of the kind ${service.kind} have no host keys`);
  const reach = new Reach(deps, limits, guard);
  const errand = { caller, service: service.name, action: 'open' as const, session: randomUUID() };
  const journey = { errand, service, driver };
  try {
    return await reach.limited(journey, AbortSignal.any([signal, grant.signal]), (limited) =>
      trust.look(service.config, reach.io(journey, grant), limited),
    );
  } finally {
    await reach.clear(new BrokerError('ended', 'nothing more was to be seen'));
  }
}
