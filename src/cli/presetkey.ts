import { BrokerError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Preset__Output } from '../core/proto/broker/v1/Preset.ts';
import { fromStruct, toStruct } from '../core/struct.ts';
import { findPreset } from './commands/presets.ts';
import type { BrokerClient } from './connect.ts';

/** What broker's own tokens look like, with whatever shape round them. */
const OWN_TOKEN = /brk_[a-z2-7]{10}_[A-Za-z0-9_-]{43}/;

/**
 * Stores a service of the preset's name with the key that `env` holds, and the address if `env` names another one.
 * @returns the variables that hold credentials of it.
 * @throws BrokerError `invalid_argument` where there is no key, or something is missing that only the user knows.
 */
export async function addPreset(client: BrokerClient, name: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const preset = await findPreset(client, name);
  const variables = preset.credential?.env ?? [];
  const variable = variables.find((each) => env[each]);
  const key = variable === undefined ? undefined : env[variable];
  if (key === undefined) {
    throw new BrokerError(
      'invalid_argument',
      `${name}: no key in the environment: ${variables.join(', ')} is not set`,
      {
        hint: `${variables[0]}=... broker run --preset ${name} -- COMMAND`,
      },
    );
  }
  if (OWN_TOKEN.test(key))
    throw new BrokerError('invalid_argument', `${name}: ${variable} holds a token of broker's, not a key`);
  const config = configOf(preset, env);
  const missing = Object.entries(preset.ask).filter(([field]) => config[field] === undefined);
  if (missing.length > 0) {
    const [field = '', example = ''] = missing[0] ?? [];
    throw new BrokerError('invalid_argument', `${name}: ${field} is needed, such as ${example}`, {
      hint: `store it in a vault: broker service add ${name} --preset ${name} --${field.replaceAll('_', '-')} ${example} ...`,
    });
  }
  await client.services.put({
    name,
    kind: preset.kind,
    config: toStruct({ ...config, preset: name }) as object,
    secrets: { [preset.credential?.field ?? '']: Buffer.from(key) },
    createOnly: true,
  });
  return variables;
}

/** The preset's fields, with the base URL that the environment points at (OPENAI_BASE_URL, AZURE_OPENAI_ENDPOINT). */
function configOf(preset: Preset__Output, env: NodeJS.ProcessEnv): JsonObject {
  const config = fromStruct(preset.config);
  for (const [name, template] of Object.entries(preset.env)) {
    const suffix = /^\{url\}([^{}]*)$/.exec(template)?.[1];
    const given = env[name]?.replace(/\/+$/, '');
    if (suffix === undefined || !given) continue;
    const end = suffix.replace(/\/+$/, '');
    if (given.endsWith(end)) return { ...config, ...placeOf(given.slice(0, given.length - end.length), name) };
    throw new BrokerError('invalid_argument', `${preset.name}: ${name} does not end in ${end}, as clients expect it`);
  }
  return config;
}

/**
 * Whoever points clients at a private address means it, also at plain HTTP where it does not leave this machine.
 * @throws BrokerError `invalid_argument` for plain HTTP elsewhere.
 */
function placeOf(url: string, variable: string): JsonObject {
  const place = { base_url: url, allow_private: true };
  if (!url.startsWith('http:')) return place;
  if (/^http:\/\/(127\.[0-9.]+|localhost|\[::1\])(:|\/|$)/.test(url)) return { ...place, allow_plaintext: true };
  throw new BrokerError('invalid_argument', `${variable} is not https: everybody on the way could read the key`, {
    hint: 'to allow it all the same, store the service in a vault: broker service add NAME --preset PRESET --base-url URL --allow-plaintext --token-stdin',
  });
}
