import { BrokerError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Field__Output } from '../core/proto/broker/v1/Field.ts';
import type { Preset__Output } from '../core/proto/broker/v1/Preset.ts';
import { fromStruct } from '../core/struct.ts';
import { adminClient } from './admin.ts';
import { findPreset } from './commands/presets.ts';
import { type Flag, isFieldFlag } from './fields.ts';
import { openClient } from './place.ts';

/** What people call a credential, with the ways to give it. */
const CREDENTIAL = /^(?:token|key|api-key|credential)(-(?:stdin|file|env))?$/;

/** The preset that a command line names, looked up with the caller's own token, else as an admin. */
export async function presetNamed(name: string, passwordFile: string | undefined): Promise<Preset__Output> {
  try {
    using client = openClient();
    return await findPreset(client, name);
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'unauthenticated') throw error;
    using client = await adminClient(passwordFile);
    return await findPreset(client, name);
  }
}

/** Flags with the credential under the name that it has in the preset's kind: `--token-stdin` fits every preset. */
export function credentialFlags(
  preset: Preset__Output,
  flags: readonly Flag[],
  fields: readonly Field__Output[],
): readonly Flag[] {
  const own = preset.credential?.field.replaceAll('_', '-') ?? '';
  return flags.map((flag) => {
    const match = CREDENTIAL.exec(flag.name);
    if (!match || isFieldFlag(fields, flag.name)) return flag;
    return { ...flag, name: `${own}${match[1] ?? ''}` };
  });
}

/**
 * The preset's fields, with those that are given in their place.
 * @throws BrokerError `invalid_argument` for one that only the user can know and has not given.
 */
export function presetConfig(preset: Preset__Output, given: JsonObject): JsonObject {
  const missing = Object.entries(preset.ask).filter(([field]) => given[field] === undefined);
  if (missing.length > 0) {
    const flags = missing.map(([field, example]) => `--${field.replaceAll('_', '-')} ${example}`).join(' ');
    throw new BrokerError(
      'invalid_argument',
      `${preset.name}: ${missing.map(([field]) => field).join(', ')} is needed`,
      {
        hint: `such as ${flags}`,
      },
    );
  }
  return { ...fromStruct(preset.config), ...given };
}
