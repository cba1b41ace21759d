import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { give, type Place, portOf } from './place.ts';
import { launch, run, stopPidFile } from './process.ts';
import { SERVERS } from './table.ts';

/** Submission with SASL through Dovecot. Only root can run Postfix. */
export async function configurePostfix(place: Place): Promise<void> {
  const home = join(place.directory, 'postfix');
  for (const folder of ['etc', 'queue', 'data', 'mail']) await mkdir(join(home, folder), { recursive: true });
  await mkdir(join(place.directory, SERVERS.postfix.files.inbox), { recursive: true });
  for (const folder of ['mail', 'mail/inbox', 'mail/inbox/new']) await give(place, join(home, folder), place.mail);
  await writeFile(join(home, 'etc/main.cf'), main(place, home));
  await writeFile(join(home, 'etc/master.cf'), master(place));
}

export async function startPostfix(place: Place): Promise<void> {
  const home = join(place.directory, 'postfix');
  await chown(join(home, 'data'), Number(await run('id', ['-u', 'postfix'])), -1);
  await launch('postfix', ['-c', join(home, 'etc'), 'start'], join(place.directory, 'postfix.log'));
}

/** Postfix's master ends its children when it is told to end; its own `stop` waits some seconds longer. */
export async function stopPostfix(directory: string): Promise<void> {
  await stopPidFile(join(directory, 'postfix/queue/pid/master.pid'));
}

/** Nothing ever leaves (default_transport), and loopback has no relay rights (mynetworks is a documentation address). */
function main(place: Place, home: string): string {
  return `compatibility_level = 3.6
queue_directory = ${home}/queue
data_directory = ${home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.test
mydestination =
mynetworks = 192.0.2.1/32
inet_interfaces = all
inet_protocols = all
default_transport = error:no outbound mail
relay_transport = error:no outbound mail
virtual_mailbox_domains = example.test
virtual_mailbox_base = ${home}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:${place.mail.uid}
virtual_gid_maps = static:${place.mail.gid}
virtual_minimum_uid = 1
alias_maps =
alias_database =
smtpd_tls_cert_file = ${place.tls.server.certFile}
smtpd_tls_key_file = ${place.tls.server.keyFile}
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:${place.dovecotHost}:${portOf(place, 'dovecot', 'saslPort')}
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 100
maillog_file_prefixes = /var, ${place.directory}
maillog_file = ${join(place.directory, SERVERS.postfix.files.log)}
`;
}

/** chroot is "n" everywhere: the queue directory holds no copy of /etc or the libraries. */
function master(place: Place): string {
  const authenticated = ['smtpd_sasl_auth_enable=yes', 'smtpd_client_restrictions=permit_sasl_authenticated,reject'];
  const listeners = place.listen.flatMap((host) => [
    smtpd(host, portOf(place, 'postfix'), ['smtpd_tls_security_level=encrypt', ...authenticated]),
    smtpd(host, portOf(place, 'postfix', 'tlsPort'), ['smtpd_tls_wrappermode=yes', ...authenticated]),
    smtpd(host, portOf(place, 'postfix', 'plainPort'), [
      'smtpd_tls_security_level=none',
      'smtpd_tls_auth_only=no',
      ...authenticated,
    ]),
  ]);
  return `${listeners.join('\n')}
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
proxymap  unix  - - n - - proxymap
anvil     unix  - - n - 1 anvil
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
showq     unix  n - n - - showq
postlog   unix-dgram n - n - 1 postlogd
`;
}

function smtpd(host: string, port: number, options: readonly string[]): string {
  const address = host.includes(':') ? `[${host}]` : host;
  return [`${address}:${port} inet n - n - - smtpd`, ...options.map((option) => `  -o ${option}`)].join('\n');
}
