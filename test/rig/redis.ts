import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRoot } from './account.ts';
import { give, type Place, portOf } from './place.ts';
import { launch, stopPidFile } from './process.ts';
import { type RedisName, SERVERS } from './table.ts';

const { default: anyone, app, reader } = SERVERS.redis.logins;

/** Writes redis.conf, which a container uses as well. */
export async function configureRedis(place: Place, name: RedisName): Promise<void> {
  const home = join(place.directory, name);
  await mkdir(home, { recursive: true });
  await give(place, home, place.account);
  await writeFile(join(home, 'redis.conf'), `${lines(place, name, home).join('\n')}\n`);
}

function lines(place: Place, name: RedisName, home: string): string[] {
  const both = [
    `bind ${place.listen.join(' ')}`,
    `port ${portOf(place, name)}`,
    'save ""',
    'appendonly no',
    'maxclients 500',
    'databases 16',
    `pidfile ${join(home, 'pid')}`,
    `dir ${home}`,
  ];
  if (name === 'redisOpen') return [...both, 'protected-mode no'];
  return [
    ...both,
    `tls-port ${portOf(place, name, 'tlsPort')}`,
    `tls-cert-file ${place.tls.server.certFile}`,
    `tls-key-file ${place.tls.server.keyFile}`,
    `tls-ca-cert-file ${place.tls.ca.certFile}`,
    'tls-auth-clients optional',
    `unixsocket ${join(place.directory, SERVERS.redis.files.socket)}`,
    'unixsocketperm 777',
    `requirepass ${anyone.password}`,
    `user ${app.user} on >${app.password} ~* &* +@all`,
    `user ${reader.user} on >${reader.password} ~app:* +@read +@connection`,
  ];
}

export async function startRedis(place: Place, name: RedisName): Promise<void> {
  const home = join(place.directory, name);
  const daemon = ['--daemonize', 'yes', '--logfile', join(home, 'log')];
  await launch('redis-server', [join(home, 'redis.conf'), ...daemon], join(place.directory, `${name}.log`), {
    as: isRoot() ? place.account : undefined,
    cwd: home,
  });
}

export async function stopRedis(directory: string, name: RedisName): Promise<void> {
  await stopPidFile(join(directory, name, 'pid'));
}
