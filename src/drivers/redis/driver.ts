import type { Driver, Visitor } from '../../core/driver.ts';
import { describe, type RedisConfig, redisConfig } from './config.ts';
import { hint } from './hint.ts';
import { greet } from './local.ts';
import { login } from './login.ts';
import { type RedisFacts, RedisUpstream } from './upstream.ts';

/**
 * Redis 6 and later, and what speaks its protocol: one server each. Cluster and Sentinel redirects are out of scope:
 * MOVED, ASK and a sentinel's addresses pass as they are, and a client that follows them leaves the session and meets a
 * node that asks for a password it does not have. A cluster behind one address (a proxy) works.
 */
export const redis: Driver<RedisConfig, RedisFacts, Visitor, never> = {
  kind: 'redis',
  title: 'Redis',
  config: redisConfig,
  socketName: 'redis.sock',
  spares: (config) => config.spares,
  describe,
  async open(config, params, io, signal) {
    return new RedisUpstream(await login(config, io, signal), config, params, io);
  },
  greet: (conn, _facts, door, signal) => greet(conn, door, signal),
  hint,
};
