import { join } from 'node:path';
import { BrokerError } from '../../core/errors.ts';
import { advise, print } from '../output.ts';
import { configDir, openClient, storeKnownHosts } from '../place.ts';

/**
 * `broker ssh-config [NAME ...]`: Host entries by which stock OpenSSH reaches the ssh services, NAME.broker each. The keys of
 * broker's own side are written beside them, so that nothing is trusted on first use.
 * @throws BrokerError `not_found`.
 */
export async function sshConfig(names: readonly string[]): Promise<number> {
  using client = openClient();
  const { hosts } = await client.ssh.hosts({});
  const missing = names.find((name) => !hosts.some(({ service }) => service === name));
  if (missing !== undefined) throw new BrokerError('not_found', `there is no ssh service ${missing} that you may use`);
  // All of them, whichever are asked for: entries that were printed before stay good.
  storeKnownHosts(hosts.map(({ service, hostKey }) => `${service}.broker ${hostKey}\n`).join(''));
  const known = join(configDir(), 'known_hosts');
  const wanted = hosts.filter(({ service }) => names.length === 0 || names.includes(service));
  print(wanted.map(({ service, user }) => entry(service, user, known)).join('\n'));
  advise(
    'for ssh to find them: broker ssh-config > ~/.ssh/broker.conf, and at the top of ~/.ssh/config: Include broker.conf',
  );
  return 0;
}

/** Names of services are plain words; the rest is quoted as ssh_config(5) says. */
function entry(service: string, user: string, known: string): string {
  const name = `${service}.broker`;
  return [
    `Host ${name}`,
    `  HostName ${name}`,
    `  HostKeyAlias ${name}`,
    `  User ${quoted(user)}`,
    `  ProxyCommand broker connect ${service}`,
    `  UserKnownHostsFile ${quoted(known.replaceAll('%', '%%'))}`,
    '  GlobalKnownHostsFile none',
    '  StrictHostKeyChecking yes',
    '  UpdateHostKeys no',
    // Who one is, the daemon knows by the token: no key of the user's is offered to it.
    '  PubkeyAuthentication no',
    '',
  ].join('\n');
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
