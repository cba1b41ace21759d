import { BrokerError } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { Secret } from '../../core/secret.ts';

/** What one of the seeds' auth types becomes here. */
export interface Mapped {
  readonly config: Readonly<Record<string, JsonValue>>;
  readonly secrets: Readonly<Record<string, Secret>>;
  /** What means something else here, a sentence each. */
  readonly changes: readonly string[];
}

/** A service of a seed: the flat credentials of `auth`, and what stands beside them. */
export interface Seed {
  readonly auth: JsonObject;
  readonly baseUrl: string | undefined;
  readonly skipsVerify: boolean;
  readonly sessionCookies: boolean;
}

export interface SeedType {
  readonly kind: string;
  /** Every key of `auth` that is understood, besides `type`. */
  readonly keys: readonly string[];
  /** True where `base_url` and `session_cookies` mean something (HTTP). */
  readonly web?: boolean;
  /** @throws BrokerError `invalid_argument` for what cannot be taken over. */
  map(seed: Seed): Mapped;
}

/** The keys that are given, under our names. 0 and "" are Go's way to say "not given". */
export function renamed(auth: JsonObject, names: Readonly<Record<string, string>>): Record<string, JsonValue> {
  const given = Object.entries(names).map(([theirs, ours]) => [ours, auth[theirs]] as const);
  return Object.fromEntries(
    given.filter((entry): entry is [string, JsonValue] => ![undefined, null, '', 0].some((none) => none === entry[1])),
  );
}

/** Secrets under our names. */
export function secretsAt(auth: JsonObject, names: Readonly<Record<string, string>>): Record<string, Secret> {
  return Object.fromEntries(
    Object.entries(renamed(auth, names)).map(([ours, value]) => {
      const key = Object.keys(names).find((theirs) => names[theirs] === ours) ?? ours;
      if (typeof value !== 'string') throw refused(`auth.${key} must be text`);
      return [ours, Secret.fromText(value)];
    }),
  );
}

/** A list of texts; absent: empty. */
export function listAt(auth: JsonObject, key: string): readonly string[] {
  const value = auth[key] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw refused(`auth.${key} must be a list of texts`);
  return value;
}

export function refused(why: string, hint?: string): BrokerError {
  return new BrokerError('invalid_argument', `-f: ${why}`, hint === undefined ? {} : { hint });
}
