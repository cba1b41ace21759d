import { configSpec, type Parsed } from '../../core/config.ts';
import { formatHostPort, type Target } from '../../core/dial.ts';
import { choice, integer, list, port, secret, text } from '../../core/field.ts';
import type { TlsVerify } from '../../core/tls.ts';

const ENTRY = /^[a-z0-9_.*-]+(\|[a-z0-9_.*-]+)?$/i;

const shape = {
  host: text({
    doc: 'Name or address of the server, or the path of its unix socket (starts with /).',
    required: true,
    redirects: true,
    maxLength: 255,
    pattern: /^(\/[^\0]*|[^\s/@?#:]+|\[?[0-9A-Fa-f:.]+(%[\w.-]+)?\]?)$/,
  }),
  port: port({ doc: 'TCP port.', default: 6379, redirects: true }),
  username: text({ doc: 'ACL user; the server’s default user where it is left out.', maxLength: 255 }),
  password: secret({ doc: 'The user’s password; left out only where the server needs none.', maxBytes: 4_096 }),
  db: integer({ doc: 'Number of the database to select.', default: 0, min: 0, max: 1_000_000 }),
  tls: choice(['verify-full', 'verify-ca', 'require', 'disable'], {
    doc: 'verify-full: encrypted, certificate and name checked; the default, but for a server on this machine, which is reached in the clear unless ca, cert or server_name is given. verify-ca: name not checked. require: encrypted, nothing checked. disable: in the clear.',
    redirects: true,
    refused: {
      true: 'it is spelled verify-full',
      false: 'it is spelled disable',
      verify_full: 'it is spelled verify-full',
      'no-verify': 'encryption without a check of the certificate is called require here',
    },
  }),
  ca: text({
    doc: 'PEM of the CA that signed the server’s certificate; the system’s CAs by default.',
    multiline: true,
    redirects: true,
  }),
  cert: text({ doc: 'PEM of a client certificate, with its chain.', multiline: true }),
  key: secret({ doc: 'PEM of the client certificate’s key.', maxBytes: 65_536 }),
  server_name: text({
    doc: 'Name to look for in the certificate, where it is not the host.',
    redirects: true,
    maxLength: 255,
  }),
  allow_commands: list({
    doc: 'If given, only these commands pass: NAME or NAME|SUBCOMMAND; * stands for any characters, but commands that are denied by default (CONFIG, ACL, MIGRATE, REPLICAOF, DEBUG, MODULE, SHUTDOWN ...) and scripts must be named.',
  }),
  deny_commands: list({
    doc: 'Commands that do not pass, besides those denied by default: NAME or NAME|SUBCOMMAND, with *. With either list, EVAL, FCALL, FUNCTION and SCRIPT LOAD pass only if allow_commands names them.',
  }),
  spares: integer({
    doc: 'Connections kept logged in, ready for the next session; 0 for none.',
    default: 1,
    min: 0,
    max: 20,
  }),
  via: text({ doc: 'Name of the ssh service to dial through.', redirects: true, maxLength: 255 }),
} as const;

export type RedisConfig = Parsed<typeof shape>;

/** Fields of the kind `redis` (DESIGN §7) and the rules across them. */
export const redisConfig = configSpec(shape, (config, isSet) => {
  const problems: string[] = [];
  // The server would take AUTH from anyone for a user without a password: nothing there for broker to keep.
  if (config.username !== undefined && !isSet('password'))
    problems.push('password is required where username is given');
  if (config.cert !== undefined && !isSet('key')) problems.push('key is required where cert is given');
  if (config.cert === undefined && isSet('key')) problems.push('cert is required where key is given');
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

export function isUnix(host: string): boolean {
  return host.startsWith('/');
}

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
