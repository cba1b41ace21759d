import type { Driver } from '../../core/driver.ts';
import { describe, type PostgresConfig, postgresConfig } from './config.ts';
import { hint } from './hint.ts';
import { greet, type PostgresVisitor } from './local.ts';
import { login, type PostgresFacts } from './login.ts';
import { predictParams } from './params.ts';
import { PostgresUpstream } from './upstream.ts';
import type { CancelKey } from './wire.ts';

/** PostgreSQL and what speaks its protocol. */
export const postgres: Driver<PostgresConfig, PostgresFacts, PostgresVisitor, CancelKey> = {
  kind: 'postgres',
  title: 'PostgreSQL',
  config: postgresConfig,
  socketName: '.s.PGSQL.5432',
  spares: (config) => config.spares,
  describe,
  async open(config, params, io, signal) {
    return new PostgresUpstream(await login(config, params, io, signal), params, io);
  },
  greet: (conn, _facts, door, signal) => greet(conn, door, signal),
  hint,
  predict: predictParams,
};
