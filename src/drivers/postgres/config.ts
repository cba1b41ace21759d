import { configSpec, type Parsed } from '../../core/config.ts';
import { formatHostPort, type Target } from '../../core/dial.ts';
import { choice, integer, port, secret, text } from '../../core/field.ts';

const FALLS_BACK =
  'it falls back to no encryption as soon as somebody on the way says that there is none; choose verify-full, or ' +
  'disable to say that passwords may be protected by SCRAM only and all data is sent in the clear';

const shape = {
  host: text({
    doc: 'Name or address of the server, or the folder of its unix socket (starts with /).',
    required: true,
    redirects: true,
    maxLength: 255,
    pattern: /^(\/[^\0]*|[^\s/@?#:]+|\[?[0-9A-Fa-f:.]+(%[\w.-]+)?\]?)$/,
  }),
  port: port({ doc: 'TCP port, also part of the unix socket’s name.', default: 5432, redirects: true }),
  user: text({ doc: 'Role to log in as.', required: true, maxLength: 255 }),
  password: secret({ doc: 'The role’s password.', maxBytes: 4_096 }),
  database: text({ doc: 'Database to connect to; the role’s name by default.', maxLength: 255 }),
  tls: choice(['verify-full', 'verify-ca', 'require', 'disable'], {
    doc: 'verify-full: encrypted, certificate and name checked. verify-ca: name not checked. require: encrypted, nothing checked. disable: in the clear. Not used on unix sockets.',
    default: 'verify-full',
    redirects: true,
    refused: {
      prefer: FALLS_BACK,
      allow: FALLS_BACK,
      'no-verify': 'encryption without a check of the certificate is called require here',
      verify_full: 'it is spelled verify-full',
      verify_ca: 'it is spelled verify-ca',
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
  min_auth: choice(['scram-sha-256', 'md5', 'password', 'cert', 'none'], {
    doc: 'The weakest login that the server may ask for. cert: the client certificate alone is enough, else SCRAM. none: no login at all will do.',
    default: 'scram-sha-256',
    redirects: true,
    refused: { trust: 'a server that asks for no login is called none here' },
  }),
  spares: integer({
    doc: 'Connections kept logged in, ready for the next session; 0 for none.',
    default: 1,
    min: 0,
    max: 20,
  }),
  via: text({ doc: 'Name of the ssh service to dial through.', redirects: true, maxLength: 255 }),
} as const;

export type PostgresConfig = Parsed<typeof shape>;

/** Fields of the kind `postgres` (DESIGN §7) and the rules across them. */
export const postgresConfig = configSpec(shape, (config, isSet) => {
  const problems: string[] = [];
  const needsPassword = config.min_auth !== 'cert' && config.min_auth !== 'none';
  if (needsPassword && !isSet('password')) problems.push(`password is required with min_auth ${config.min_auth}`);
  if (config.cert !== undefined && !isSet('key')) problems.push('key is required where cert is given');
  if (config.cert === undefined && isSet('key')) problems.push('cert is required where key is given');
  if (config.min_auth === 'cert' && config.cert === undefined) problems.push('cert is required with min_auth cert');
  if (config.tls === 'disable' && !isUnix(config.host)) {
    if (config.min_auth === 'password')
      problems.push(
        'min_auth must not be "password" with tls disable: the password would cross the network in the clear',
      );
    if (config.min_auth === 'cert') problems.push('min_auth must not be "cert" with tls disable');
  }
  return problems;
});

export function isUnix(host: string): boolean {
  return host.startsWith('/');
}

/** Where to dial: the socket file for a folder. */
export function targetOf(config: PostgresConfig): Target {
  if (!isUnix(config.host)) return { host: config.host, port: config.port };
  return { host: `${config.host.replace(/\/+$/, '')}/.s.PGSQL.${config.port}`, port: config.port };
}

/** `PostgreSQL at db:5432`. */
export function describe(config: PostgresConfig): string {
  const { host, port } = targetOf(config);
  return `PostgreSQL at ${formatHostPort(host, port)}`;
}
