import { access, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { isRoot } from './account.ts';
import { embeddedPostgres } from './embedded.ts';
import { give, type Place, portOf } from './place.ts';
import { launch, run } from './process.ts';
import { type PostgresName, SERVERS } from './table.ts';

const { logins, databases } = SERVERS.postgres;

/** pg_hba.conf: which login is asked for what. The address is `all`, since only loopback reaches the server. */
function hostBasedAccess(tls: boolean): string {
  const over = tls ? 'hostssl' : 'host';
  return [
    `local all ${logins.superuser.user},${logins.trust.user} trust`,
    'local all all scram-sha-256',
    ...(tls ? [`hostssl ${databases.nossl} all all reject`] : []),
    ...(tls ? [`hostnossl ${databases.tlsonly} all all reject`] : []),
    `${over} all ${logins.md5.user} all md5`,
    `${over} all ${logins.plain.user} all password`,
    ...(tls ? [`hostssl all ${logins.cert.user} all cert`] : []),
    `host all ${logins.md5.user},${logins.plain.user},${logins.cert.user} all reject`,
    `host all ${logins.trust.user} all trust`,
    'host all all all scram-sha-256',
    '',
  ].join('\n');
}

function settings(place: Place, name: PostgresName): Record<string, string> {
  const tls = name !== 'postgresClear';
  return {
    listen_addresses: place.listen.join(','),
    port: String(portOf(place, name)),
    unix_socket_directories: place.postgresSockets ?? join(place.directory, SERVERS[name].files.socketDirectory),
    hba_file: join(place.directory, name, 'pg_hba.conf'),
    max_connections: '200',
    shared_buffers: '32MB',
    fsync: 'off',
    full_page_writes: 'off',
    synchronous_commit: 'off',
    ssl: tls ? 'on' : 'off',
    ...(tls && { ssl_cert_file: place.tls.server.certFile, ssl_key_file: place.serverKey }),
    ...(tls && { ssl_ca_file: place.tls.ca.certFile }),
  };
}

/** Writes what the server needs before it starts. */
export async function configurePostgres(place: Place, name: PostgresName): Promise<void> {
  const socketDirectory = join(place.directory, SERVERS[name].files.socketDirectory);
  await mkdir(socketDirectory, { recursive: true });
  await writeFile(join(place.directory, name, 'pg_hba.conf'), hostBasedAccess(name !== 'postgresClear'));
  const lines = Object.entries(settings(place, name)).map(([setting, value]) => `${setting} = '${value}'\n`);
  await writeFile(join(place.directory, name, 'postgresql.conf'), lines.join(''));
  for (const folder of [join(place.directory, name), socketDirectory]) await give(place, folder, place.account);
}

/** Makes a cluster under the rig's folder and starts it. */
export async function startPostgres(place: Place, name: PostgresName): Promise<void> {
  const home = join(place.directory, name);
  const bin = await binaries(place, name);
  const as = isRoot() ? place.account : undefined;
  const data = join(home, 'data');
  await writeFile(join(home, 'password'), logins.superuser.password);
  await run(
    join(bin, 'initdb'),
    [
      ...['-D', data, '-U', logins.superuser.user, '-A', 'scram-sha-256', '--no-sync'],
      ...[`--pwfile=${join(home, 'password')}`, '-E', 'UTF8', '--locale=C'],
    ],
    { as, cwd: home },
  );
  await copyFile(join(home, 'postgresql.conf'), join(data, 'postgresql.auto.conf'));
  const log = join(home, 'log');
  await launch(
    join(bin, 'pg_ctl'),
    ['-D', data, '-l', log, '-w', '-t', '60', 'start'],
    join(place.directory, `${name}.log`),
    {
      as,
      cwd: home,
    },
  );
}

/** Creates the table's roles and databases on a fresh server. */
export async function createRoles(host: string, port: number): Promise<void> {
  const { user, password } = logins.superuser;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  try {
    const login = (role: { user: string; password: string }) =>
      `create role ${role.user} login password '${role.password}'`;
    await client.query(login(logins.scram));
    await client.query(login(logins.plain));
    await client.query(`${login(logins.limited)} connection limit 2`);
    await client.query(`create role ${logins.cert.user} login`);
    await client.query(`create role ${logins.trust.user} login`);
    await client.query("set password_encryption = 'md5'");
    await client.query(login(logins.md5));
    for (const name of [databases.app, databases.nossl, databases.tlsonly]) {
      await client.query(`create database ${name} owner ${logins.scram.user}`);
    }
    await client.query(
      `create database ${databases.latin1} owner ${logins.scram.user} encoding 'LATIN1' template template0`,
    );
  } finally {
    await client.end();
  }
}

/** Stops a server that startPostgres started; none there is fine. */
export async function stopPostgres(place: Pick<Place, 'directory' | 'account'>, name: PostgresName): Promise<void> {
  const data = join(place.directory, name, 'data');
  if (!(await exists(join(data, 'postmaster.pid')))) return;
  const bin = await binaries(place, name);
  const as = isRoot() ? place.account : undefined;
  await run(join(bin, 'pg_ctl'), ['-D', data, '-m', 'immediate', '-w', 'stop'], {
    as,
    cwd: join(place.directory, name),
  });
}

/** The folder of initdb and pg_ctl. @throws Error if there is none. */
async function binaries(place: Pick<Place, 'directory' | 'account'>, name: PostgresName): Promise<string> {
  if (name === 'postgres18') return embeddedPostgres(join(place.directory, name), place.account);
  const found = await debianPostgres();
  if (found === undefined) throw new Error('no PostgreSQL server on this machine (initdb, pg_ctl)');
  return found;
}

/** The newest PostgreSQL that Debian's packages installed, or the one on PATH. */
export async function debianPostgres(): Promise<string | undefined> {
  const root = '/usr/lib/postgresql';
  const versions = (await exists(root)) ? await readdir(root) : [];
  const newest = versions.map(Number).sort((a, b) => b - a);
  const folders = [
    ...newest.map((version) => join(root, String(version), 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  for (const folder of folders) {
    if ((await exists(join(folder, 'initdb'))) && (await exists(join(folder, 'pg_ctl')))) return folder;
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
