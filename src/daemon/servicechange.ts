import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import type { Grant, GrantAuthority } from '../core/grant.ts';
import type { JsonObject } from '../core/json.ts';
import type { Kind } from '../core/kind.ts';
import type { Secret } from '../core/secret.ts';

/** The grants under which a service's record is read besides its use. */
export interface ServiceGrants {
  /** For the files that a service refers to: they are opened under its own grant. */
  readonly lend: GrantAuthority['lend'];
  /** For a look at what is stored beside what comes: whoever changes a service was let do so, on record. */
  readonly check: (service: string) => Grant;
}

export function serviceGrants(authority: GrantAuthority): ServiceGrants {
  const check = (name: string): Grant => authority.issue({ collection: 'service', name }, 'test');
  return { lend: authority.lend, check };
}

/** The secrets of a call, each a field of the kind. @throws BrokerError `invalid_argument` with the closest one. */
export function knownSecrets(kind: Kind, secrets: Readonly<Record<string, Secret>>): Record<string, Secret> {
  for (const name of Object.keys(secrets)) {
    if (kind.config.secretNames.includes(name)) continue;
    const near = closest(name, kind.config.secretNames);
    throw new BrokerError(
      'invalid_argument',
      `${name} is not a secret field of this kind${near ? ` (did you mean ${near}?)` : ''}`,
    );
  }
  return { ...secrets };
}

/** Names of the fields whose effective value differs: a default that is spelled out changes nothing. */
export function changedFields(kind: Kind, before: JsonObject, after: JsonObject): string[] {
  const values = (config: JsonObject): Map<string, unknown> =>
    new Map(Object.entries(kind.config.preview(config) as Record<string, unknown>));
  const [old, now] = [values(before), values(after)];
  return kind.config.fields
    .map(({ name }) => name)
    .filter((name) => JSON.stringify(old.get(name) ?? null) !== JSON.stringify(now.get(name) ?? null));
}
