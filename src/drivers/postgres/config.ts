import { configSpec, type Parsed } from '../../core/config.ts';
import { formatHostPort, type Target } from '../../core/dial.ts';
import { choice, port, secret, text } from '../../core/field.ts';
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

const FALLS_BACK =
  'it falls back to no encryption as soon as somebody on the way says that there is none; choose verify-full, or ' +
  'disable to say that passwords may be protected by SCRAM only and all data is sent in the clear';

const shape = {
  host: hostOrPathField('the folder of its unix socket'),
  port: port({ doc: 'TCP port, also part of the unix socket’s name.', default: 5432, redirects: true }),
  user: text({ doc: 'Role to log in as.', required: true, maxLength: 255 }),
  password: secret({ doc: 'The role’s password.', maxBytes: 4_096 }),
  database: text({ doc: 'Database to connect to; the role’s name by default.', maxLength: 255 }),
  tls: verifyField({
    doc: 'verify-full: encrypted, certificate and name checked. verify-ca: name not checked. require: encrypted, nothing checked. disable: in the clear. Not used on unix sockets.',
    default: 'verify-full',
    refused: { prefer: FALLS_BACK, allow: FALLS_BACK },
  }),
  ca: trustFields.ca,
  ...certificateFields,
  server_name: trustFields.server_name,
  min_auth: choice(['scram-sha-256', 'md5', 'password', 'cert', 'none'], {
    doc: 'The weakest login that the server may ask for. cert: the client certificate alone is enough, else SCRAM. none: no login at all will do.',
    default: 'scram-sha-256',
    redirects: true,
    refused: { trust: 'a server that asks for no login is called none here' },
  }),
  spares: sparesField(1),
  via: viaField,
} as const;

export type PostgresConfig = Parsed<typeof shape>;

/** Fields of the kind `postgres` (DESIGN §7) and the rules across them. */
export const postgresConfig = configSpec(shape, (config, isSet) => {
  const problems: string[] = [];
  const needsPassword = config.min_auth !== 'cert' && config.min_auth !== 'none';
  if (needsPassword && !isSet('password')) problems.push(`password is required with min_auth ${config.min_auth}`);
  problems.push(...certificateProblems(config.cert, isSet), ...viaProblems(config));
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
