import { readFileSync } from 'node:fs';
import { BrokerError } from '../core/errors.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { Secret } from '../core/secret.ts';
import { policyFromJson } from './policy.ts';
import { unreadable } from './reason.ts';
import { fromSeed, isSeed } from './seed.ts';
import type { ServiceFile } from './servicerecord.ts';

const KEYS = ['name', 'kind', 'config', 'secrets', 'policy'];
/** Keys that `service show --json` prints and that follow from others. */
const DERIVED = ['secrets_set', 'target', 'revision', 'updated_at', 'listen_error'];

/**
 * `-f FILE|-|JSON`: `{"name", "kind", "config": {...}, "secrets": {...}, "policy": {...}}`, as `service show --json`
 * prints it, and with secrets where the file may hold them; or the seeds' `{"name", "base_url", "auth": {"type": ...}}`.
 * @throws BrokerError `invalid_argument` naming the key.
 */
export function readServiceFile(source: string): ServiceFile {
  const inline = source.trimStart().startsWith('{');
  let parsed: unknown;
  try {
    parsed = JSON.parse(inline ? source : readText(source));
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw new BrokerError('invalid_argument', '-f: this is not JSON', { cause });
  }
  if (!isJsonObject(parsed)) throw new BrokerError('invalid_argument', '-f: this is not a JSON object');
  const file = isSeed(parsed) ? fromSeed(parsed) : fromOurs(parsed);
  if (inline && Object.keys(file.secrets).length > 0) {
    throw new BrokerError(
      'invalid_argument',
      `-f: ${Object.keys(file.secrets).join(', ')} must not stand on a command line, where every process can read it`,
      { hint: 'put the JSON in a file, or pipe it into -f -' },
    );
  }
  return file;
}

function fromOurs(parsed: JsonObject): ServiceFile {
  const { name, kind, config, secrets, policy, ...others } = parsed;
  const [unknown] = Object.keys(others).filter((key) => !DERIVED.includes(key));
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
    policy: policy === undefined ? undefined : policyFromJson(objectAt(policy, 'policy')),
    changes: [],
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    throw unreadable(path, cause, 'the service from');
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
