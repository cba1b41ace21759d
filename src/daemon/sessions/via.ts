import { isIP } from 'node:net';
import type { AddressGuard, Target } from '../../core/dial.ts';
import { BrokerError } from '../../core/errors.ts';

/** Services that may stand one behind the other. */
const MAX_CHAIN = 5;
/** Names under which clouds have their metadata services, wherever they are resolved. */
const METADATA_NAMES = [
  'metadata',
  'metadata.google.internal',
  'metadata.azure.internal',
  'instance-data',
  'instance-data.ec2.internal',
];

/** The field `via` of whatever kind: the service that is dialled through. */
export function viaOf(config: unknown): string | undefined {
  const via: unknown = typeof config === 'object' && config !== null ? Reflect.get(config, 'via') : undefined;
  return typeof via === 'string' ? via : undefined;
}

/**
 * @param chain the services so far, the first one asked for first.
 * @throws BrokerError `invalid_argument` naming the chain when `via` is in it already, or it grows too long.
 */
export function refuseCircle(chain: readonly string[], via: string): void {
  const shown = [...chain, via].join(' -> ');
  if (chain.includes(via))
    throw new BrokerError('invalid_argument', `via leads in a circle: ${shown}`, { hop: 'config' });
  if (chain.length >= MAX_CHAIN)
    throw new BrokerError('invalid_argument', `via leads through more than ${MAX_CHAIN - 1} services: ${shown}`, {
      hop: 'config',
    });
}

/**
 * The guard's rules, as far as they can be told from here: names are resolved at the other end, where broker cannot look.
 * @throws BrokerError `denied`; `invalid_argument` for a unix socket, which is a file of this machine.
 */
export function guardBehind({ host, port }: Target, guard: AddressGuard): void {
  if (host.startsWith('/'))
    throw new BrokerError('invalid_argument', 'host is a unix socket, which cannot be reached via another service', {
      hop: 'config',
    });
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const address = isIP(bare) ? bare : /^localhost\.?$/.test(bare) ? '127.0.0.1' : undefined;
  // What a resolver would take for an address in another notation: nothing that a name could be.
  if (!address && /^(0x[\da-f]*|\d+)(\.(0x[\da-f]*|\d+))*\.?$/.test(bare))
    throw new BrokerError('denied', `${bare} is an address in a notation that broker does not check`, { hop: 'dns' });
  const refused = address && guard(address, port);
  if (refused) throw refused;
  if (METADATA_NAMES.includes(bare.replace(/\.$/, '')))
    throw new BrokerError('denied', `${bare} is a cloud metadata service`, { hop: 'dns' });
}
