import { randomBytes } from 'node:crypto';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { account, isRoot } from '../../test/rig/account.ts';
import { embeddedPostgres } from '../../test/rig/embedded.ts';
import { freePorts } from '../../test/rig/port.ts';
import { launch, run } from '../../test/rig/process.ts';
import { selfSigned } from './certificate.ts';

export interface Server extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly version: string;
  /** The system user that it runs as. */
  readonly runsAs: string;
  /** PEM file of its certificate, which is its own CA. */
  readonly caFile: string;
  readonly user: string;
  readonly database: string;
  readonly password: string;
}

const HOST = '127.0.0.1';
const USER = 'app';
const DATABASE = 'shop';

/**
 * Starts the PostgreSQL that npm installed, on a free loopback port: every connection needs TLS and SCRAM-SHA-256, there
 * is no unix socket. The role's password is random and stands in no file.
 */
export async function startServer(directory: string): Promise<Server> {
  const who = await account('nobody'); // PostgreSQL refuses to run as root
  const as = isRoot() ? who : undefined;
  const bin = await embeddedPostgres(directory, who);
  const data = join(directory, 'data');
  const [port = 0] = await freePorts(1);
  const superuser = randomBytes(24).toString('base64url');
  const { cert, key } = selfSigned();
  const caFile = join(directory, 'server.crt');
  await mkdir(directory, { recursive: true });
  const files = { 'server.crt': cert, 'server.key': key, superuser };
  for (const [name, text] of Object.entries(files)) await give(join(directory, name), text, as);
  if (as) await chown(directory, as.uid, as.gid);
  const init = ['-U', 'postgres', '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await run(join(bin, 'initdb'), ['-D', data, ...init, `--pwfile=${join(directory, 'superuser')}`], { as });
  await give(join(data, 'postgresql.auto.conf'), settings(directory, port), as);
  await give(join(data, 'pg_hba.conf'), `hostssl all all ${HOST}/32 scram-sha-256\n`, as);
  const log = join(directory, 'log');
  await launch(join(bin, 'pg_ctl'), ['-D', data, '-l', log, '-w', '-t', '30', 'start'], join(directory, 'start.log'), {
    as,
  });
  const stop = () => run(join(bin, 'pg_ctl'), ['-D', data, '-m', 'fast', '-w', 'stop'], { as });
  try {
    const password = newPassword();
    const version = await prepare({ port, ca: cert, superuser, password });
    return {
      ...{ host: HOST, port, version, runsAs: who.name, caFile, user: USER, database: DATABASE, password },
      async [Symbol.asyncDispose]() {
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Says how the server greets somebody who does not know the password: the SQLSTATE. */
export async function refusal(server: Server, ca: string): Promise<string> {
  const { host, port, user, database } = server;
  const stranger = new pg.Client({ host, port, user, database, password: 'a guess', ssl: { ca } });
  try {
    await stranger.connect();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  } finally {
    await stranger.end();
  }
  throw new Error('the server let somebody in who does not know the password: there is nothing to show');
}

/** 256 bits less a few, with characters that look different once they are URL-encoded. */
function newPassword(): string {
  return `${randomBytes(15).toString('base64url')}+/%${randomBytes(15).toString('base64url')}`;
}

function settings(directory: string, port: number): string {
  const values = {
    listen_addresses: HOST,
    port,
    unix_socket_directories: '',
    ssl: 'on',
    ssl_cert_file: join(directory, 'server.crt'),
    ssl_key_file: join(directory, 'server.key'),
    password_encryption: 'scram-sha-256',
    fsync: 'off',
  };
  return Object.entries(values)
    .map(([name, value]) => `${name} = '${value}'\n`)
    .join('');
}

/** The role, its database and a table with something in it. @returns the server's version. */
async function prepare(on: { port: number; ca: string; superuser: string; password: string }): Promise<string> {
  const login = (database: string, user: string, password: string) =>
    new pg.Client({ host: HOST, port: on.port, user, password, database, ssl: { ca: on.ca } });
  const admin = login('postgres', 'postgres', on.superuser);
  await admin.connect();
  await admin.query(`create role ${USER} login password ${pg.escapeLiteral(on.password)}`);
  await admin.query(`create database ${DATABASE} owner ${USER}`);
  const { rows } = await admin.query<{ server_version: string }>('show server_version');
  await admin.end();
  const app = login(DATABASE, USER, on.password);
  await app.connect();
  await app.query("create table orders as select n as id, 'customer ' || n as customer from generate_series(1, 42) n");
  await app.end();
  return rows[0]?.server_version ?? 'of an unknown version';
}

async function give(path: string, text: string, to: { uid: number; gid: number } | undefined): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  if (to) await chown(path, to.uid, to.gid);
}
