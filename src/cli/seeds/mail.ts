import { type Mapped, refused, renamed, type Seed, type SeedType, secretsAt } from './auth.ts';

export const imapSeed: SeedType = mailSeed('imap', 'implicit');
export const smtpSeed: SeedType = mailSeed('smtp', 'starttls');

const MODES = ['implicit', 'starttls', 'none'];

/** Modes, ports and defaults are the same there; its TLS checks chain and name, unless `tls_skip_verify`. */
function mailSeed(kind: 'imap' | 'smtp', usual: string): SeedType {
  const key = (name: string): string => `${kind}_${name}`;
  return {
    kind,
    keys: ['host', 'port', 'user', 'password', 'tls'].map(key),
    map({ auth, skipsVerify }: Seed): Mapped {
      const tls = auth[key('tls')] || usual;
      if (typeof tls !== 'string' || !MODES.includes(tls))
        throw refused(`auth.${key('tls')} must be one of ${MODES.join(', ')}`);
      if (skipsVerify && tls !== 'none')
        throw refused(
          `tls_skip_verify is not taken over for ${kind}: a password would go to whoever answers`,
          'leave it out, and trust the CA that signed the certificate: --ca-file CA.pem, or --server-name NAME',
        );
      const config = { ...renamed(auth, { [key('host')]: 'host', [key('port')]: 'port', [key('user')]: 'user' }), tls };
      const changes =
        tls === 'none' ? [`${key('tls')} "none": as there, password and mail cross the network in the clear`] : [];
      changes.push('login: the strongest that the server offers is used, SCRAM before the password itself (--auth)');
      return { config, secrets: secretsAt(auth, { [key('password')]: 'password' }), changes };
    },
  };
}
