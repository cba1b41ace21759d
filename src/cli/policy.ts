import { BrokerError } from '../core/errors.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { ServicePolicy, ServicePolicy__Output } from '../core/proto/broker/v1/ServicePolicy.ts';
import { toMillis } from '../core/rpc.ts';
import { durationMessage } from './duration.ts';
import type { Flag } from './fields.ts';

/** Flags of `service add` and `service set` about who may open a service, and how much. */
export const POLICY_FLAGS = ['allow-token', 'allow-uid', 'max-sessions', 'max-lifetime'] as const;

/**
 * The policy with the flags' changes; undefined where no flag is about it. What no flag names stays as it is in `before`.
 * @throws BrokerError `invalid_argument` naming the flag.
 */
export function policyFrom(
  flags: readonly Flag[],
  unset: readonly string[],
  before: ServicePolicy__Output | null | undefined,
): ServicePolicy | undefined {
  if (!POLICY_FLAGS.some((name) => unset.includes(name) || flags.some((flag) => flag.name === name))) return undefined;
  const given = (name: (typeof POLICY_FLAGS)[number]): string[] | undefined => {
    const values = flags.filter((flag) => flag.name === name).map((flag) => flag.value ?? '');
    if (values.includes('')) throw new BrokerError('invalid_argument', `--${name} needs a value`);
    return unset.includes(name) || values.length > 0 ? values : undefined;
  };
  const lifetime = given('max-lifetime');
  const sessions = given('max-sessions');
  return {
    allowTokens: given('allow-token') ?? before?.allowTokens ?? [],
    allowUids: given('allow-uid')?.map((uid) => whole(uid, '--allow-uid')) ?? before?.allowUids ?? [],
    maxSessions: sessions ? whole(sessions.at(-1) ?? '0', '--max-sessions') : (before?.maxSessions ?? 0),
    maxLifetime: lifetime ? durationMessage(lifetime.at(-1), '--max-lifetime') : (before?.maxLifetime ?? null),
  };
}

/** The policy in a service file. @throws BrokerError `invalid_argument` naming the key. */
export function policyFromJson(object: JsonObject): ServicePolicy {
  const { allow_tokens = [], allow_uids = [], max_sessions = 0, max_lifetime, ...others } = object;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new BrokerError('invalid_argument', `-f: policy.${unknown} is not known`);
  if (!isListOf(allow_tokens, 'string'))
    throw new BrokerError('invalid_argument', '-f: policy.allow_tokens must be a list of texts');
  if (!isListOf(allow_uids, 'number'))
    throw new BrokerError('invalid_argument', '-f: policy.allow_uids must be a list of numbers');
  if (typeof max_sessions !== 'number')
    throw new BrokerError('invalid_argument', '-f: policy.max_sessions must be a number');
  if (max_lifetime !== undefined && typeof max_lifetime !== 'string')
    throw new BrokerError('invalid_argument', '-f: policy.max_lifetime must be a duration such as "1h"');
  return {
    allowTokens: allow_tokens,
    allowUids: allow_uids,
    maxSessions: max_sessions,
    maxLifetime: durationMessage(max_lifetime, '-f: policy.max_lifetime'),
  };
}

/** What `service show` and a service file say of a policy: only what limits something. */
export function policyToJson(policy: ServicePolicy__Output | null | undefined): JsonObject {
  const maxLifetimeMs = toMillis(policy?.maxLifetime);
  const all = {
    ...(policy && policy.allowTokens.length > 0 && { allow_tokens: policy.allowTokens }),
    ...(policy && policy.allowUids.length > 0 && { allow_uids: policy.allowUids }),
    ...(policy && policy.maxSessions > 0 && { max_sessions: policy.maxSessions }),
    // Seconds, so that what was printed reads back as exactly the same.
    ...(maxLifetimeMs && { max_lifetime: `${maxLifetimeMs / 1_000}s` }),
  };
  return isJsonObject(all) ? all : {};
}

function whole(text: string, flag: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new BrokerError('invalid_argument', `${flag} ${text} is not a whole number`);
  return Number(text);
}

function isListOf(value: unknown, type: 'string'): value is string[];
function isListOf(value: unknown, type: 'number'): value is number[];
function isListOf(value: unknown, type: string): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === type);
}
