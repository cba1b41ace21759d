import { resolve } from 'node:path';
import type { Certificates } from './certificates.ts';
import { CONTAINER_KEY, CONTAINER_MAIL, CONTAINER_SOCKETS } from './compose.ts';
import { configure } from './local.ts';
import type { Place } from './place.ts';
import { createRoles } from './postgres.ts';
import { run, succeeds } from './process.ts';
import { isPostgres, row, SERVER_NAMES, SERVERS, type ServerName } from './table.ts';

const COMPOSE_FILE = resolve(import.meta.dirname, '../../docker-compose.test.yml');

/** What is needed to stop the containers again. */
export interface Containers {
  readonly project: string;
  readonly names: readonly ServerName[];
}

/** True if a container engine answers, and docker has its compose plugin. */
export async function dockerAnswers(): Promise<boolean> {
  return (await succeeds('docker', ['info'])) && (await succeeds('docker', ['compose', 'version']));
}

/** The arguments of `docker` for one command on a rig's containers. */
export function composeArguments(project: string, ...command: readonly string[]): string[] {
  return ['compose', '--file', COMPOSE_FILE, '--project-name', project, ...command];
}

/** The port on this machine in the answer of `docker compose port`, `127.0.0.1:49153`. @throws Error for another answer. */
export function publishedPort(answer: string): number {
  const port = Number(/^127\.0\.0\.1:(\d+)\s*$/.exec(answer)?.[1]);
  if (!(port > 0)) throw new Error(`docker compose port answered ${JSON.stringify(answer)}`);
  return port;
}

/** Where the servers run inside containers: everything listens on its usual port, on every address. */
export function containerPlace(directory: string, tls: Certificates): Place {
  const root = { name: 'root', uid: 0, gid: 0 };
  const ports = Object.fromEntries(SERVER_NAMES.map((name) => [name, row(name).ports])) as Place['ports'];
  return {
    directory,
    tls,
    ports,
    listen: ['0.0.0.0'],
    account: root,
    mail: CONTAINER_MAIL,
    sshLogin: { ...root, name: SERVERS.openssh.logins.ssh.user },
    serverKey: CONTAINER_KEY,
    postgresSockets: CONTAINER_SOCKETS,
    owns: false,
    dovecotHost: 'dovecot',
  };
}

/** Starts containers for the named servers, waits until they are healthy, and says which ports they got. */
export async function startContainers(place: Place, { project, names }: Containers): Promise<Partial<Place['ports']>> {
  await Promise.all(names.map((name) => configure(place, name)));
  const env = { ...process.env, BROKER_RIG_DIRECTORY: place.directory };
  await run('docker', composeArguments(project, 'up', '--detach', '--wait', ...names), { env });
  const found = await Promise.all(
    names.map(async (name) => {
      const ports = Object.entries(row(name).ports).map(async ([fact, inside]) => {
        const answer = await run('docker', composeArguments(project, 'port', name, String(inside)), { env });
        return [fact, publishedPort(answer)] as const;
      });
      return [name, Object.fromEntries(await Promise.all(ports))] as const;
    }),
  );
  for (const [name, ports] of found) if (isPostgres(name)) await createRoles('127.0.0.1', ports.port ?? 0);
  return Object.fromEntries(found);
}

/** Removes the containers; what they wrote into the rig's folder is opened first, for whoever removes that. */
export async function stopContainers(directory: string, { project, names }: Containers): Promise<void> {
  const env = { ...process.env, BROKER_RIG_DIRECTORY: directory };
  const open = names.map((name) => composeArguments(project, 'exec', '-T', name, 'chmod', '-R', 'a+rwX', directory));
  await Promise.allSettled(open.map((args) => run('docker', args, { env }))); // a container that died cannot answer
  await run('docker', composeArguments(project, 'down', '--volumes', '--timeout', '3'), { env });
}
