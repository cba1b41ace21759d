import { isIP } from 'node:net';
import type { AddressGuard, Target } from '../../core/dial.ts';
import { BrokerError } from '../../core/errors.ts';
import { globMatches } from '../../core/glob.ts';

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

/** What is known of a stored service when another is to be reached through it. */
interface Way {
  readonly kind: string;
  readonly config: unknown;
}

/**
 * Refuses to store a service that could never be reached: its `via` is missing, of another kind, does not carry it
 * (`via_for`), or leads in a circle.
 * @param carrying kinds that others can be reached through.
 * @throws BrokerError `invalid_argument` naming the chain.
 */
export function checkWay(
  name: string,
  config: unknown,
  lookUp: (name: string) => Way | undefined,
  carrying: readonly string[],
): void {
  const chain = [name];
  const first = viaOf(config);
  for (let via = first; via !== undefined; ) {
    refuseCircle(chain, via);
    const way = lookUp(via);
    if (!way) throw new BrokerError('invalid_argument', `via: there is no service ${via}`, { hop: 'config' });
    if (!carrying.includes(way.kind))
      throw new BrokerError('invalid_argument', `via: ${via} is of kind ${way.kind}, not ${carrying.join(' or ')}`, {
        hop: 'config',
      });
    chain.push(via);
    via = viaOf(way.config);
  }
  if (first !== undefined && !carriedBy(lookUp(first)?.config).some((glob) => globMatches(glob, name)))
    throw new BrokerError('invalid_argument', `via: ${first} is not a way to ${name} (its via_for does not name it)`, {
      hop: 'config',
      hint: `broker service set ${first} --via-for ${name}, and the names that stand there already`,
    });
}

/** The field `via_for`: globs on the names of the services that may be reached through this one. */
export function carriedBy(config: unknown): readonly string[] {
  const given: unknown = typeof config === 'object' && config !== null ? Reflect.get(config, 'via_for') : undefined;
  return Array.isArray(given) ? given.filter((glob) => typeof glob === 'string') : [];
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
