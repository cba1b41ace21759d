/** A login that a server of the rig knows. `password` is empty where the server asks for none. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

interface Row {
  /** What stands before `://` in BROKER_TEST_*_URL. */
  readonly scheme: string;
  readonly image: string;
  readonly version: string;
  /** Programs that the local rig starts, and the Debian package of each; none where npm brings them. */
  readonly programs: Readonly<Record<string, string>>;
  /** Facts that are port numbers, with the port inside a container. The first is the one in BROKER_TEST_*_URL. */
  readonly ports: Readonly<Record<string, number>>;
  /** Facts that are paths, relative to the rig's folder. */
  readonly files: Readonly<Record<string, string>>;
  readonly logins: Readonly<Record<string, Login>>;
  readonly databases: Readonly<Record<string, string>>;
}

const POSTGRES_LOGINS = {
  superuser: { user: 'postgres', password: 'sup3r' },
  /** Owns database `app`. The password has the characters that break connection strings and SCRAM messages. */
  scram: { user: 'scramuser', password: 's3cret:x=1,y' },
  md5: { user: 'md5user', password: 'md5pw' },
  plain: { user: 'plainuser', password: 'plainpw' },
  cert: { user: 'certuser', password: '' },
  trust: { user: 'trustuser', password: '' },
  /** May hold two connections; the third is refused with 53300. */
  limited: { user: 'limiteduser', password: 'limitedpw' },
} as const;

const POSTGRES_DATABASES = {
  app: 'app',
  /** Reachable without TLS only. */
  nossl: 'nossl',
  /** Reachable with TLS only. */
  tlsonly: 'tlsonly',
  /** Its encoding is LATIN1. */
  latin1: 'latin1',
} as const;

const REDIS_LOGINS = {
  default: { user: 'default', password: 'defaultpw' },
  /** An ACL user who may do everything. */
  app: { user: 'app', password: 'apppw' },
  /** An ACL user who may only read keys under `app:`. */
  reader: { user: 'reader', password: 'readerpw' },
} as const;

const MAIL_LOGINS = {
  alice: { user: 'alice', password: 'imappw' },
  bob: { user: 'bob', password: 'smtppw' },
} as const;

/**
 * Every real server of the test suite: the one table that the local rig, docker-compose.test.yml (by
 * `npm run compose`), the BROKER_TEST_*_URL variables and the facts that tests read are all made from.
 *
 * - postgres: TLS and clear; the `md5`, `plain` and `cert` logins need TLS.
 * - postgresClear: ssl=off, and it asks `plain` for a cleartext password nevertheless.
 * - redisOpen: no password at all.
 * - dovecot: `port` offers STARTTLS and takes cleartext logins from loopback too. Also answers Postfix's SASL.
 * - postfix: `port` demands STARTTLS, `plainPort` has no TLS and still offers AUTH. Mail for anyone at example.test
 *   lands in `inbox`.
 * - openssh: `directory` belongs to the login and is the place for files that a test makes.
 */
export const SERVERS = {
  postgres: {
    scheme: 'postgres',
    image: 'postgres:15-bookworm',
    version: '15',
    programs: { initdb: 'postgresql' },
    ports: { port: 5432 },
    files: { socketDirectory: 'postgres/socket' },
    logins: POSTGRES_LOGINS,
    databases: POSTGRES_DATABASES,
  },
  postgresClear: {
    scheme: 'postgres',
    image: 'postgres:15-bookworm',
    version: '15',
    programs: { initdb: 'postgresql' },
    ports: { port: 5432 },
    files: { socketDirectory: 'postgresClear/socket' },
    logins: POSTGRES_LOGINS,
    databases: POSTGRES_DATABASES,
  },
  postgres18: {
    scheme: 'postgres',
    image: 'postgres:18-bookworm',
    version: '18',
    programs: {},
    ports: { port: 5432 },
    files: { socketDirectory: 'postgres18/socket' },
    logins: POSTGRES_LOGINS,
    databases: POSTGRES_DATABASES,
  },
  redis: {
    scheme: 'redis',
    image: 'redis:7.0-bookworm',
    version: '7.0',
    programs: { 'redis-server': 'redis-server' },
    ports: { port: 6379, tlsPort: 6380 },
    files: { socket: 'redis/socket' },
    logins: REDIS_LOGINS,
    databases: {},
  },
  redisOpen: {
    scheme: 'redis',
    image: 'redis:7.0-bookworm',
    version: '7.0',
    programs: { 'redis-server': 'redis-server' },
    ports: { port: 6379 },
    files: {},
    logins: {},
    databases: {},
  },
  dovecot: {
    scheme: 'imap',
    image: 'debian:12',
    version: '2.3',
    programs: { dovecot: 'dovecot-imapd' },
    ports: { port: 143, tlsPort: 993, saslPort: 12345 },
    files: { tokenKey: 'dovecot/token.key', log: 'dovecot/log' },
    logins: MAIL_LOGINS,
    databases: {},
  },
  postfix: {
    scheme: 'smtp',
    image: 'debian:12',
    version: '3.7',
    programs: { postfix: 'postfix' },
    ports: { port: 587, tlsPort: 465, plainPort: 25 },
    files: { inbox: 'postfix/mail/inbox/new', log: 'postfix/log' },
    logins: MAIL_LOGINS,
    databases: {},
  },
  openssh: {
    scheme: 'ssh',
    image: 'debian:12',
    version: '9.2',
    programs: { sshd: 'openssh-server' },
    ports: { port: 22 },
    files: {
      hostKey: 'openssh/hostkey.pub',
      userKey: 'openssh/userkey',
      lockedUserKey: 'openssh/lockedkey',
      directory: 'openssh/files',
      log: 'openssh/log',
    },
    logins: { ssh: { user: 'broker_rig_ssh', password: 'sshpw' } },
    databases: {},
  },
} as const satisfies Record<string, Row>;

export type ServerName = keyof typeof SERVERS;
export type PortName<N extends ServerName> = keyof (typeof SERVERS)[N]['ports'] & string;

export const SERVER_NAMES: readonly ServerName[] = Object.keys(SERVERS).filter(isServer);

/** Passphrase of `openssh.lockedUserKey`. */
export const LOCKED_KEY_PASSPHRASE = 'keypw';

/** The claims that Dovecot demands of an OAuth2 token. */
export const TOKEN_ISSUER = 'https://issuer.test';

/** Programs that the rig and the tests call wherever the servers run, and the Debian package of each. */
export const TOOLS: Readonly<Record<string, string>> = {
  openssl: 'openssl',
  psql: 'postgresql-client',
  'redis-cli': 'redis-tools',
  ssh: 'openssh-client',
  rsync: 'rsync',
  curl: 'curl',
  chromium: 'chromium',
};

/** The row of a server, with its literal types widened, for code that treats all servers alike. */
export function row(name: ServerName): Row {
  return SERVERS[name];
}

/** True for a word that names a server of the table. */
export function isServer(word: string): word is ServerName {
  return Object.hasOwn(SERVERS, word);
}

export type PostgresName = 'postgres' | 'postgresClear' | 'postgres18';
export type RedisName = 'redis' | 'redisOpen';

export function isPostgres(name: ServerName): name is PostgresName {
  return SERVERS[name].scheme === 'postgres';
}

export function isRedis(name: ServerName): name is RedisName {
  return SERVERS[name].scheme === 'redis';
}
