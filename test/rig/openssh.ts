import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { give, type Place, portOf } from './place.ts';
import { launch, run, stopPidFile } from './process.ts';
import { LOCKED_KEY_PASSPHRASE, SERVERS } from './table.ts';

const { logins, files } = SERVERS.openssh;

/** Host key, two user keys (the second under a passphrase), sshd_config, and a folder that the login owns. */
export async function configureOpenssh(place: Place): Promise<void> {
  const home = join(place.directory, 'openssh');
  await mkdir(join(place.directory, files.directory), { recursive: true });
  await give(place, join(place.directory, files.directory), place.sshLogin);
  const key = (path: string, passphrase: string) =>
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-C', 'broker rig', '-N', passphrase, '-f', join(place.directory, path)]);
  await Promise.all([
    key(files.hostKey.replace('.pub', ''), ''),
    key(files.userKey, ''),
    key(files.lockedUserKey, LOCKED_KEY_PASSPHRASE),
  ]);
  const authorized = join(home, 'authorized_keys');
  await copyFile(join(place.directory, `${files.userKey}.pub`), authorized);
  await run('sh', ['-c', 'cat "$0" >>"$1"', join(place.directory, `${files.lockedUserKey}.pub`), authorized]);
  await chmod(authorized, 0o644);
  await writeFile(join(home, 'sshd_config'), configuration(place, home));
}

/** Only root can let another user in. */
export async function startOpenssh(place: Place): Promise<void> {
  const home = join(place.directory, 'openssh');
  await mkdir('/run/sshd', { recursive: true }); // the privilege separation folder, missing without systemd
  await run('chpasswd', [], { input: `${logins.ssh.user}:${logins.ssh.password}\n` });
  const log = join(place.directory, files.log);
  // sshd wants to be called by an absolute path
  await launch('/usr/sbin/sshd', ['-f', join(home, 'sshd_config'), '-E', log], join(place.directory, 'openssh.log'));
}

export async function stopOpenssh(directory: string): Promise<void> {
  await stopPidFile(join(directory, 'openssh/pid'));
}

function configuration(place: Place, home: string): string {
  const addresses = place.listen.map((host) => `ListenAddress ${host.includes(':') ? `[${host}]` : host}\n`);
  return `Port ${portOf(place, 'openssh')}
${addresses.join('')}HostKey ${join(place.directory, files.hostKey.replace('.pub', ''))}
PidFile ${home}/pid
AuthorizedKeysFile ${home}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
MaxStartups 200
MaxSessions 10
AcceptEnv LANG LC_* RIG_*
Subsystem sftp internal-sftp
`;
}
