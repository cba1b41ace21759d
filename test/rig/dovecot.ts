import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { give, type Place, portOf } from './place.ts';
import { launch, stopPidFile } from './process.ts';
import { SERVERS, TOKEN_ISSUER } from './table.ts';

/**
 * IMAP, the SASL service that Postfix asks, and OAuth2 by checking a JWT with a key on disk, so that no HTTP server is
 * needed. */
export async function configureDovecot(place: Place): Promise<void> {
  const home = join(place.directory, 'dovecot');
  const keys = join(home, 'keys/default/RS256'); // <azp>/<alg>/<kid>
  for (const folder of ['run', 'lib', 'mail', 'keys/default/RS256'])
    await mkdir(join(home, folder), { recursive: true });
  await give(place, join(home, 'mail'), place.mail);

  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(keys, 'default'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(
    join(place.directory, SERVERS.dovecot.files.tokenKey),
    privateKey.export({ type: 'pkcs8', format: 'pem' }),
    { mode: 0o600 },
  );

  const logins = Object.values(SERVERS.dovecot.logins).map(
    ({ user, password }) => `${user}:{PLAIN}${password}::::::\n`,
  );
  await writeFile(join(home, 'passwd'), logins.join(''));
  await writeFile(join(home, 'oauth2.conf'), oauth(home));
  await writeFile(join(home, 'dovecot.conf'), configuration(place, home));
}

export async function startDovecot(place: Place): Promise<void> {
  const home = join(place.directory, 'dovecot');
  await launch('dovecot', ['-c', join(home, 'dovecot.conf')], join(place.directory, 'dovecot.log'));
}

export async function stopDovecot(directory: string): Promise<void> {
  await stopPidFile(join(directory, 'dovecot/run/master.pid'));
}

function oauth(home: string): string {
  return `introspection_mode = local
local_validation_key_dict = fs:posix:prefix=${home}/keys/
username_attribute = email
issuers = ${TOKEN_ISSUER}
`;
}

/** auth_failure_delay and anvil: without both, failed logins slow later ones down to 10 s and more. */
function configuration(place: Place, home: string): string {
  return `base_dir = ${home}/run
state_dir = ${home}/lib
log_path = ${join(place.directory, SERVERS.dovecot.files.log)}
protocols = imap
listen = ${place.listen.join(', ')}
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer
auth_failure_delay = 0
disable_plaintext_auth = no
auth_verbose = yes
mail_max_userip_connections = 200
ssl = yes
ssl_cert = <${place.tls.server.certFile}
ssl_key = <${place.tls.server.keyFile}
mail_plugins = zlib
protocol imap {
  mail_plugins = zlib imap_zlib
}
mail_location = maildir:${home}/mail/%u
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${home}/passwd
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${home}/oauth2.conf
}
userdb {
  driver = static
  args = uid=${place.mail.name} gid=${place.mail.name} home=${home}/mail/%u
}
service imap-login {
  inet_listener imap {
    port = ${portOf(place, 'dovecot')}
  }
  inet_listener imaps {
    port = ${portOf(place, 'dovecot', 'tlsPort')}
    ssl = yes
  }
}
service auth {
  inet_listener {
    port = ${portOf(place, 'dovecot', 'saslPort')}
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
`;
}
