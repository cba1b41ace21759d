import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import { SETTINGS } from '../core/settings.ts';

type Name = (typeof SETTINGS)[number]['name'];
export type DaemonSettings = { readonly [N in Name]: string | undefined } & { readonly home: string };

/**
 * Reads the settings.
 * @param flags given on the command line, by name without dashes.
 * @throws BrokerError `invalid_argument` for an unknown name in the file, or a file that is not a JSON object of texts.
 */
export function readSettings(
  flags: Readonly<Record<string, string | undefined>>,
  env: NodeJS.ProcessEnv,
): DaemonSettings {
  const home = flags.home ?? env.BROKER_HOME ?? defaultHome(env);
  const file = readFile(join(home, 'daemon.json'));
  const entries = SETTINGS.map((setting) => {
    const fallback = 'fallback' in setting ? setting.fallback : undefined;
    return [setting.name, flags[setting.name] ?? env[setting.env] ?? file[setting.name] ?? fallback];
  });
  return { ...(Object.fromEntries(entries) as { [N in Name]: string | undefined }), home };
}

/** `$XDG_DATA_HOME/broker`, else `~/.local/share/broker`. */
export function defaultHome(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share'), 'broker');
}

function readFile(path: string): Record<string, string> {
  if (!existsSync(path)) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new BrokerError('invalid_argument', `${path} is not JSON`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new BrokerError('invalid_argument', `${path} must hold one JSON object`);
  }
  const names = SETTINGS.map((setting) => setting.name as string);
  const read: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (!names.includes(name)) {
      const near = closest(name, names);
      throw new BrokerError(
        'invalid_argument',
        `${path}: ${name} is not a setting${near ? ` (did you mean ${near}?)` : ''}`,
      );
    }
    if (typeof value !== 'string') throw new BrokerError('invalid_argument', `${path}: ${name} must be text`);
    read[name] = value;
  }
  return read;
}
