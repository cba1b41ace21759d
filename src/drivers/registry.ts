import type { Driver } from '../core/driver.ts';
import { imap } from './imap/driver.ts';
import { postgres } from './postgres/driver.ts';
import { redis } from './redis/driver.ts';
import { smtp } from './smtp/driver.ts';
import { ssh } from './ssh/driver.ts';

/** Every kind of upstream, by name: one line each. */
export const drivers: ReadonlyMap<string, Driver> = new Map<string, Driver>([
  [postgres.kind, postgres], //
  [redis.kind, redis],
  [imap.kind, imap],
  [smtp.kind, smtp],
  [ssh.kind, ssh],
]);
