import { readFileSync } from 'node:fs';
import { BrokerError } from '../core/errors.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { ServicePolicy } from '../core/proto/broker/v1/ServicePolicy.ts';
import { Secret } from '../core/secret.ts';
import { durationMessage } from './duration.ts';

export interface ServiceFile {
  readonly name: string | undefined;
  readonly kind: string;
  readonly config: JsonObject;
  readonly secrets: Readonly<Record<string, Secret>>;
  readonly policy: ServicePolicy | undefined;
}

const KEYS = ['name', 'kind', 'config', 'secrets', 'policy'];

/**
 * `-f FILE|-|JSON`: `{"name", "kind", "config": {...}, "secrets": {...}, "policy": {...}}`, as `service show --json`
 * prints it, and with secrets where the file may hold them.
 * @throws BrokerError `invalid_argument` naming the key.
 */
export function readServiceFile(source: string): ServiceFile {
  const text = source.trimStart().startsWith('{') ? source : readText(source);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new BrokerError('invalid_argument', '-f: this is not JSON', { cause });
  }
  if (!isJsonObject(parsed)) throw new BrokerError('invalid_argument', '-f: this is not a JSON object');
  const { name, kind, config, secrets, policy, ...others } = parsed;
  const derived = ['secrets_set', 'target', 'revision', 'updated_at'];
  const [unknown] = Object.keys(others).filter((key) => !derived.includes(key));
  if (unknown !== undefined)
    throw new BrokerError('invalid_argument', `-f: ${unknown} is not one of ${KEYS.join(', ')}`);
  if (typeof kind !== 'string') throw new BrokerError('invalid_argument', '-f: kind is missing');
  if (name !== undefined && typeof name !== 'string')
    throw new BrokerError('invalid_argument', '-f: name must be text');
  return {
    name,
    kind,
    config: objectAt(config, 'config'),
    secrets: secretsAt(objectAt(secrets, 'secrets')),
    policy: policy === undefined ? undefined : policyAt(objectAt(policy, 'policy')),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    throw new BrokerError('invalid_argument', `-f: cannot read ${path}`, { cause });
  }
}

function objectAt(value: unknown, key: string): JsonObject {
  if (value === undefined) return {};
  if (!isJsonObject(value)) throw new BrokerError('invalid_argument', `-f: ${key} must be an object`);
  return value;
}

function secretsAt(object: JsonObject): Record<string, Secret> {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => {
      if (typeof value !== 'string') throw new BrokerError('invalid_argument', `-f: secrets.${name} must be text`);
      return [name, Secret.fromText(value)];
    }),
  );
}

function policyAt(object: JsonObject): ServicePolicy {
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

function isListOf(value: unknown, type: 'string'): value is string[];
function isListOf(value: unknown, type: 'number'): value is number[];
function isListOf(value: unknown, type: string): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === type);
}
