import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { closest } from '../core/config.ts';

/** One setting of the daemon: flag over environment over file (`daemon.json` in the home) over default. */
export interface Setting {
  readonly name: string;
  readonly env?: string;
  readonly value: string;
  readonly doc: string;
  readonly fallback?: string;
}

/** The table that flags, environment, file and `broker daemon --help` come from. */
export const SETTINGS = [
  { name: 'home', env: 'BROKER_HOME', value: 'DIR', doc: 'vault, audit log and CA; $XDG_DATA_HOME/broker by default' },
  { name: 'socket', env: 'BROKER_SOCKET', value: 'PATH', doc: 'unix socket of the control API; HOME/broker.sock by default' },
  { name: 'socket-group', env: 'BROKER_SOCKET_GROUP', value: 'GROUP', doc: 'group (name or number) that may use the socket' },
  { name: 'socket-mode', env: 'BROKER_SOCKET_MODE', value: 'MODE', doc: 'octal mode of the socket; 0600, or 0660 with a group' },
  { name: 'grpc', env: 'BROKER_GRPC', value: 'ADDR', doc: 'TCP address of the control API; "off" for none', fallback: '127.0.0.1:8392' },
  { name: 'tls-cert', env: 'BROKER_TLS_CERT', value: 'FILE', doc: 'certificate for --grpc; needed beyond loopback' },
  { name: 'tls-key', env: 'BROKER_TLS_KEY', value: 'FILE', doc: 'its private key' },
  { name: 'client-ca', env: 'BROKER_CLIENT_CA', value: 'FILE', doc: 'demand client certificates of this CA' },
  { name: 'password-file', env: 'BROKER_PASSWORD_FILE', value: 'FILE', doc: 'unlock at start with the password in this file' },
  { name: 'key-file', env: 'BROKER_KEY_FILE', value: 'FILE', doc: 'unlock at start with this key file (see broker slot)' },
  { name: 'session-dir', env: 'BROKER_SESSION_DIR', value: 'DIR', doc: 'folder for the unix sockets of sessions (containers)' },
  { name: 'log-level', env: 'BROKER_LOG_LEVEL', value: 'LEVEL', doc: 'debug, info, warn, error or silent', fallback: 'info' },
] as const satisfies readonly Setting[];

type Name = (typeof SETTINGS)[number]['name'];
export type DaemonSettings = { readonly [N in Name]: string | undefined };

/**
 * Reads the settings.
 * @param flags given on the command line, by name without dashes.
 * @throws BrokerError `invalid_argument` for an unknown name in the file, or a file that is not a JSON object of texts.
 */
export function readSettings(flags: Readonly<Record<string, string | undefined>>, env: NodeJS.ProcessEnv): DaemonSettings {
  const home = flags['home'] ?? env['BROKER_HOME'] ?? defaultHome(env);
  const file = readFile(join(home, 'daemon.json'));
  const entries = SETTINGS.map((setting) => {
    const fallback = 'fallback' in setting ? setting.fallback : undefined;
    return [setting.name, flags[setting.name] ?? env[setting.env] ?? file[setting.name] ?? fallback];
  });
  return { ...(Object.fromEntries(entries) as DaemonSettings), home };
}

/** `$XDG_DATA_HOME/broker`, else `~/.local/share/broker`. */
export function defaultHome(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_DATA_HOME'] || join(env['HOME'] || homedir(), '.local', 'share'), 'broker');
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
      throw new BrokerError('invalid_argument', `${path}: ${name} is not a setting${near ? ` (did you mean ${near}?)` : ''}`);
    }
    if (typeof value !== 'string') throw new BrokerError('invalid_argument', `${path}: ${name} must be text`);
    read[name] = value;
  }
  return read;
}
