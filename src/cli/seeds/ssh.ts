import type { JsonValue } from '../../core/json.ts';
import { listAt, type Mapped, refused, renamed, type Seed, type SeedType, secretsAt } from './auth.ts';

export const sshSeed: SeedType = {
  kind: 'ssh',
  keys: [
    'ssh_host',
    'ssh_port',
    'ssh_user',
    'ssh_key_file_ref',
    'ssh_key_passphrase',
    'ssh_host_key',
    'ssh_allowed_commands',
  ],
  map: mapSsh,
};

/** What has a meaning in a pattern here, or to a shell there. */
const SPECIAL = /[*{}"'\\`$;&|<>()\n\r]/;

/** There a list of prefixes guards `exec` alone, and an empty one allows everything. */
function mapSsh({ auth, skipsVerify }: Seed): Mapped {
  if (skipsVerify) throw refused('tls_skip_verify means nothing to ssh; leave it out');
  const prefixes = listAt(auth, 'ssh_allowed_commands').map((prefix) => prefix.trim());
  const bad = prefixes.find((prefix) => prefix === '' || SPECIAL.test(prefix));
  if (bad !== undefined)
    throw refused(
      `auth.ssh_allowed_commands has a prefix that is not plain words: "${bad}"`,
      'write it as a pattern of words: --allowed-commands PATTERN (may be repeated)',
    );
  const config: Record<string, JsonValue> = {
    ...renamed(auth, {
      ssh_host: 'host',
      ssh_port: 'port',
      ssh_user: 'user',
      ssh_host_key: 'host_key',
      ssh_key_file_ref: 'private_key_file_ref',
    }),
    ...(prefixes.length > 0 && { allowed_commands: prefixes.map((prefix) => `${prefix} **`) }),
  };
  const changes = prefixes.map(
    (prefix) =>
      `ssh_allowed_commands "${prefix}": becomes the pattern "${prefix} **": that command and any arguments, but no options behind it (-** allows them), and nothing that a shell would chain to it`,
  );
  if (prefixes.length === 0)
    changes.push(
      'ssh_allowed_commands: none meant every command there; here none may be run until it is said: --allowed-commands PATTERN, or --allow-any-command true',
    );
  changes.push(
    'shell, upload and download: were open to everyone there; here they are allowed one by one (--allow-shell, --allow-pty, --sftp-read, --sftp-write)',
  );
  if (config.host_key === undefined)
    changes.push(
      'ssh_host_key: the first key seen was trusted there; here nobody is logged in before it is pinned (--host-key-file, --known-hosts-file)',
    );
  if (auth.ssh_key_file_ref)
    changes.push(
      `ssh_key_file_ref: becomes private_key_file_ref; store the file first: broker file put ${String(auth.ssh_key_file_ref)} PATH`,
    );
  return { config, secrets: secretsAt(auth, { ssh_key_passphrase: 'passphrase' }), changes };
}
