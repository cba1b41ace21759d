import { type Mapped, refused, renamed, type Seed, type SeedType, secretsAt } from './auth.ts';

export const postgresSeed: SeedType = {
  kind: 'postgres',
  keys: ['postgres_host', 'postgres_port', 'postgres_user', 'postgres_password', 'postgres_db', 'postgres_tls'],
  map: mapPostgres,
};

export const redisSeed: SeedType = {
  kind: 'redis',
  keys: ['redis_host', 'redis_port', 'redis_username', 'redis_password', 'redis_db', 'redis_tls'],
  map: mapRedis,
};

/** vault-proxy's `require` (its default) checks chain and name; `prefer` goes on in the clear when told to. */
function mapPostgres({ auth, skipsVerify }: Seed): Mapped {
  const { postgres_tls: tls = 'require' } = auth;
  const changes: string[] = [];
  const config = renamed(auth, {
    postgres_host: 'host',
    postgres_port: 'port',
    postgres_user: 'user',
    postgres_db: 'database',
  });
  if (tls === 'disable') config.tls = 'disable';
  else if ((tls === 'require' || tls === '') && skipsVerify) {
    config.tls = 'require';
    changes.push('tls_skip_verify: becomes tls require, which encrypts and checks nothing; verify-full would be safe');
  } else if (tls === 'require' || tls === '') {
    config.tls = 'verify-full';
    changes.push(
      `postgres_tls ${auth.postgres_tls ? '"require"' : '(require by default)'}: becomes tls verify-full, which is what it did there; require checks nothing here`,
    );
  } else if (tls === 'prefer') {
    throw refused(
      'auth.postgres_tls "prefer" is not taken over: it goes on without encryption, password and all, as soon as somebody on the way says that there is none',
      'write "require" (it becomes verify-full), or "disable" to say that everything crosses the network in the clear',
    );
  } else throw refused('auth.postgres_tls must be "require" or "disable"');
  changes.push(
    'password: never sent in the clear; a server that asks for less than SCRAM is refused (--min-auth allows it)',
  );
  return { config, secrets: secretsAt(auth, { postgres_password: 'password' }), changes };
}

/** vault-proxy's `redis_tls` is a boolean, false by default; its TLS checks chain and name. */
function mapRedis({ auth, skipsVerify }: Seed): Mapped {
  const { redis_tls: tls = false } = auth;
  if (typeof tls !== 'boolean') throw refused('auth.redis_tls must be true or false');
  const config = renamed(auth, {
    redis_host: 'host',
    redis_port: 'port',
    redis_username: 'username',
    redis_db: 'db',
  });
  const changes: string[] = [];
  if (!tls) {
    config.tls = 'disable';
    changes.push(
      `redis_tls ${auth.redis_tls === undefined ? '(false by default)' : 'false'}: becomes tls disable, as there: password and data cross the network in the clear; the default here is verify-full`,
    );
  } else if (skipsVerify) {
    config.tls = 'require';
    changes.push('tls_skip_verify: becomes tls require, which encrypts and checks nothing; verify-full would be safe');
  } else config.tls = 'verify-full';
  changes.push(
    'commands that reveal or change credentials (CONFIG, ACL, MIGRATE, REPLICAOF, DEBUG, MODULE, SHUTDOWN ...) do not pass here, unless --allow-commands names them',
    'password: a server that needs none, although one is stored, is an error here',
  );
  return { config, secrets: secretsAt(auth, { redis_password: 'password' }), changes };
}
