import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { account, isRoot } from './account.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { configureDovecot, startDovecot, stopDovecot } from './dovecot.ts';
import { configureOpenssh, startOpenssh, stopOpenssh } from './openssh.ts';
import type { Place } from './place.ts';
import { freePorts } from './port.ts';
import { configurePostfix, startPostfix, stopPostfix } from './postfix.ts';
import { configurePostgres, createRoles, startPostgres, stopPostgres } from './postgres.ts';
import { succeeds, waitForPort } from './process.ts';
import { configureRedis, startRedis, stopRedis } from './redis.ts';
import { isPostgres, isRedis, row, SERVER_NAMES, SERVERS, type ServerName } from './table.ts';

/** A new folder for a rig that the servers' users can search. @throws Error if a folder above it keeps them out. */
export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'broker-rig-'));
  await chmod(directory, 0o755);
  const as = isRoot() ? await account('broker_rig_server') : undefined;
  if (await succeeds('test', ['-x', directory], { as })) return directory;
  await rm(directory, { recursive: true });
  throw new Error(`${tmpdir()} is closed to other users: set TMPDIR to a folder that every user can search`);
}

/** Certificates of a rig; the servers that do not run as root may read the keys through their group. */
export async function prepareCertificates(directory: string): Promise<Certificates> {
  const certificates = await makeCertificates(join(directory, 'tls'));
  if (isRoot()) {
    const { gid } = await account('broker_rig_server');
    await chown(certificates.server.keyFile, 0, gid);
    await chmod(certificates.server.keyFile, 0o640);
  }
  return certificates;
}

/** Free loopback ports for every server of the table, IPv6 included where the machine has it. */
export async function localPlace(directory: string, tls: Certificates): Promise<Place> {
  const slots = SERVER_NAMES.flatMap((name) => Object.keys(row(name).ports).map((port) => ({ name, port })));
  const free = await freePorts(slots.length);
  const of = (name: ServerName) =>
    Object.fromEntries(slots.flatMap((slot, index) => (slot.name === name ? [[slot.port, free[index] ?? 0]] : [])));
  const ipv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
  const server = await account('broker_rig_server');
  return {
    directory,
    tls,
    account: server,
    mail: await account('broker_rig_mail'),
    sshLogin: await account(SERVERS.openssh.logins.ssh.user, '/bin/bash'),
    owns: isRoot(),
    serverKey: tls.server.keyFile,
    postgresSockets: undefined,
    listen: ipv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'],
    ports: Object.fromEntries(SERVER_NAMES.map((name) => [name, of(name)])) as Place['ports'],
    dovecotHost: '127.0.0.1',
  };
}

/** Starts one server from this machine's binaries; resolves when every port of it answers. */
export async function startLocal(place: Place, name: ServerName): Promise<void> {
  await configure(place, name);
  await start(place, name);
  const ports = Object.values(place.ports[name]);
  await Promise.all(ports.map((port) => waitForPort('127.0.0.1', port, name)));
  if (isPostgres(name)) await createRoles('127.0.0.1', place.ports[name].port ?? 0);
}

/** Writes one server's configuration into the rig's folder. */
export async function configure(place: Place, name: ServerName): Promise<void> {
  await mkdir(join(place.directory, name), { recursive: true });
  if (isPostgres(name)) return configurePostgres(place, name);
  if (isRedis(name)) return configureRedis(place, name);
  if (name === 'openssh') return configureOpenssh(place);
  return name === 'dovecot' ? configureDovecot(place) : configurePostfix(place);
}

async function start(place: Place, name: ServerName): Promise<void> {
  if (isPostgres(name)) return startPostgres(place, name);
  if (isRedis(name)) return startRedis(place, name);
  if (name === 'openssh') return startOpenssh(place);
  return name === 'dovecot' ? startDovecot(place) : startPostfix(place);
}

/** Stops one server that startLocal started, also one that came up only half. */
export async function stopLocal(directory: string, name: ServerName): Promise<void> {
  if (isPostgres(name)) return stopPostgres({ directory, account: await account('broker_rig_server') }, name);
  if (isRedis(name)) return stopRedis(directory, name);
  if (name === 'openssh') return stopOpenssh(directory);
  return name === 'dovecot' ? stopDovecot(directory) : stopPostfix(directory);
}
