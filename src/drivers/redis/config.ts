import { configSpec, type Parsed } from '../../core/config.ts';
import { formatHostPort, type Target } from '../../core/dial.ts';
import { integer, list, port, secret, text } from '../../core/field.ts';
import {
  certificateFields,
  certificateProblems,
  hostOrPathField,
  isUnix,
  sparesField,
  trustFields,
  verifyField,
  viaField,
  viaProblems,
} from '../../core/serverfields.ts';
import type { TlsVerify } from '../../core/tls.ts';

const ENTRY = /^[a-z0-9_.*-]+(\|[a-z0-9_.*-]+)?$/i;

const shape = {
  host: hostOrPathField('the path of its unix socket'),
  port: port({ doc: 'TCP port.', default: 6379, redirects: true }),
  username: text({ doc: 'ACL user; the server’s default user where it is left out.', maxLength: 255 }),
  password: secret({ doc: 'The user’s password; left out only where the server needs none.', maxBytes: 4_096 }),
  db: integer({ doc: 'Number of the database to select.', default: 0, min: 0, max: 1_000_000 }),
  tls: verifyField({
    doc: 'verify-full: encrypted, certificate and name checked; the default, but for a server on this machine, which is reached in the clear unless ca, cert or server_name is given. verify-ca: name not checked. require: encrypted, nothing checked. disable: in the clear.',
    refused: { true: 'it is spelled verify-full', false: 'it is spelled disable' },
  }),
  ca: trustFields.ca,
  ...certificateFields,
  server_name: trustFields.server_name,
  allow_commands: list({
    doc: 'If given, only these commands pass: NAME or NAME|SUBCOMMAND; * stands for any characters, but commands that are denied by default (CONFIG, ACL, MIGRATE, REPLICAOF, DEBUG, MODULE, SHUTDOWN ...) and scripts must be named.',
  }),
  deny_commands: list({
    doc: 'Commands that do not pass, besides those denied by default: NAME or NAME|SUBCOMMAND, with *. With either list, EVAL, FCALL, FUNCTION and SCRIPT LOAD pass only if allow_commands names them.',
  }),
  spares: sparesField(1),
  via: viaField,
} as const;

export type RedisConfig = Parsed<typeof shape>;

/** Fields of the kind `redis` (DESIGN §7) and the rules across them. */
export const redisConfig = configSpec(shape, (config, isSet) => {
  const problems: string[] = [];
  // The server would take AUTH from anyone for a user without a password: nothing there for broker to keep.
  if (config.username !== undefined && !isSet('password'))
    problems.push('password is required where username is given');
  problems.push(...certificateProblems(config.cert, isSet), ...viaProblems(config));
  for (const name of ['ca', 'cert', 'server_name'] as const) {
    if (config[name] !== undefined && verifyOf(config) === 'disable')
      problems.push(`${name} has no meaning without TLS`);
  }
  for (const name of ['allow_commands', 'deny_commands'] as const) {
    const bad = config[name].find((entry) => !ENTRY.test(entry) || /\*.*\|/.test(entry));
    if (bad !== undefined) problems.push(`${name} has an entry that is neither NAME nor NAME|SUBCOMMAND: "${bad}"`);
  }
  return problems;
});

type Place = Pick<RedisConfig, 'host' | 'tls' | 'ca' | 'cert' | 'server_name'>;

/** How far the server's certificate is checked; `disable` for no TLS at all. */
export function verifyOf(config: Place): TlsVerify | 'disable' {
  if (isUnix(config.host)) return 'disable';
  if (config.tls !== undefined) return config.tls;
  const wantsTls = config.ca !== undefined || config.cert !== undefined || config.server_name !== undefined;
  return isLoopback(config.host) && !wantsTls ? 'disable' : 'verify-full';
}

/** Names and addresses that never leave the machine. */
function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

export function targetOf(config: Pick<RedisConfig, 'host' | 'port'>): Target {
  return { host: config.host, port: config.port };
}

/** `Redis at cache:6379`. */
export function describe(config: RedisConfig): string {
  return `Redis at ${formatHostPort(config.host, config.port)}`;
}
