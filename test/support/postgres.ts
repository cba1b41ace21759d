import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import type { PostgresConfig } from '../../src/drivers/postgres/config.ts';
import { postgres } from '../../src/drivers/postgres/driver.ts';
import type { PostgresVisitor } from '../../src/drivers/postgres/local.ts';
import type { PostgresFacts } from '../../src/drivers/postgres/login.ts';
import type { CancelKey } from '../../src/drivers/postgres/wire.ts';
import type { PostgresName } from '../rig/table.ts';
import { testIo } from './io.ts';
import { type LeaseOptions, TestLease } from './lease.ts';
import { rig } from './rig.ts';

export interface Stored {
  readonly fields?: JsonObject;
  readonly password?: string;
  readonly key?: string;
}

/** A service's configuration: the rig's SCRAM login on `app` with TLS, but for what `stored` says. */
export function configOf(stored: Stored = {}, server: PostgresName = 'postgres'): PostgresConfig {
  const facts = rig()[server];
  const { scram } = facts.logins;
  const secrets = new Map<string, Secret>();
  const password = stored.password ?? scram.password;
  if (password !== '') secrets.set('password', Secret.fromText(password));
  if (stored.key !== undefined) secrets.set('key', Secret.fromText(stored.key));
  const tls = server === 'postgresClear' ? { tls: 'disable' } : { ca: facts.ca.cert };
  const fields = { host: facts.host, port: facts.port, user: scram.user, database: 'app', ...tls, ...stored.fields };
  return postgres.config.parse(fields, secrets);
}

export type PostgresLease = TestLease<PostgresConfig, PostgresFacts, PostgresVisitor, CancelKey>;

export function openLease(config = configOf(), options: Partial<LeaseOptions> = {}): Promise<PostgresLease> {
  return TestLease.open(postgres, config, { io: testIo(), ...options });
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of a stock client that knows nothing: no PG* variable, no password file, a fixed locale. */
export function cleanEnv(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: '/nonexistent', LC_ALL: 'C.UTF-8', PGCONNECT_TIMEOUT: '10', ...more };
}

/** Runs psql without a start-up file and returns all that it printed. */
export async function psql(
  conninfo: string,
  args: readonly string[],
  more: { env?: Record<string, string>; input?: string } = {},
): Promise<Ran> {
  const child = spawn('psql', ['-X', ...args, conninfo], { env: cleanEnv(more.env) });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.end(more.input ?? '');
  const [code]: (number | null)[] = await once(child, 'close');
  return { code: code ?? null, stdout: String(Buffer.concat(out)), stderr: String(Buffer.concat(err)) };
}

/** How a client reaches a lease; it may call itself and the database what it likes. */
export function viaLease(lease: { readonly port: number }, more = ''): string {
  return `host=127.0.0.1 port=${lease.port} user=anyone dbname=anything ${more}`;
}

/** How the same client logs in to the rig's server itself. */
export function directly(server: PostgresName = 'postgres', database = 'app'): string {
  const { host, port, logins } = rig()[server];
  return `host=${host} port=${port} user=${logins.scram.user} password='${logins.scram.password}' dbname=${database}`;
}
