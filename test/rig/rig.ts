import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isRoot } from './account.ts';
import { type Certificates, readCertificates } from './certificates.ts';
import { type Containers, containerPlace, dockerAnswers, startContainers, stopContainers } from './docker.ts';
import type { RigFacts } from './facts.ts';
import { localPlace, makeDirectory, prepareCertificates, startLocal, stopLocal } from './local.ts';
import { ensurePrograms, programsOf } from './packages.ts';
import { row, SERVER_NAMES, type ServerName } from './table.ts';
import { type Elsewhere, parseServerUrl, variableOf } from './url.ts';

/** What the rig has to remember in order to stop again. */
export interface RigState {
  readonly directory: string;
  /** Servers that run from this machine's binaries. */
  readonly local: readonly ServerName[];
  readonly containers?: Containers;
}

/** The file that BROKER_RIG names. */
export interface RigFile {
  readonly state: RigState;
  readonly facts: RigFacts;
}

export interface RigOptions {
  /** Default: all. A test that asks for another server fails. */
  readonly names?: readonly ServerName[];
  readonly env?: NodeJS.ProcessEnv;
  /** Gets a line when something takes long. */
  readonly report?: (line: string) => void;
}

/**
 * Brings up every server at once and writes the file that tests read. A server comes from its BROKER_TEST_*_URL if
 * that is set, else from docker compose if an engine answers, else from this machine's binaries.
 * @throws Error that says what is missing; nothing is left running then.
 */
export async function startRig(file: string, options: RigOptions = {}): Promise<RigFile> {
  const { names = SERVER_NAMES, env = process.env, report = () => undefined } = options;
  const elsewhere = new Map(names.flatMap((name) => given(name, env)));
  const rest = names.filter((name) => !elsewhere.has(name));
  const inContainers = rest.length > 0 && (await dockerAnswers());
  const local = inContainers ? [] : rest;
  await ensurePrograms(programsOf(local), report);
  if (!isRoot()) refuseWithoutRoot(local);

  const directory = await makeDirectory();
  const containers = inContainers ? { project: basename(directory).toLowerCase(), names: rest } : undefined;
  const state: RigState = { directory, local, ...(containers && { containers }) };
  try {
    const tls = await certificates(directory, elsewhere.size > 0, env);
    const place = await localPlace(directory, tls);
    const started = containers && (await startContainers(containerPlace(directory, tls), containers));
    await allOf(local.map((name) => startLocal(place, name)));
    const servers = names.map((name) => {
      const ports = started?.[name] ?? place.ports[name];
      return [
        name,
        factsOf(name, tls, elsewhere.get(name) ?? { host: '127.0.0.1', ports, files: filesOf(name, directory) }),
      ];
    });
    const { uid, gid } = place.account;
    const facts = { ...Object.fromEntries(servers), tls, account: { uid, gid } } as RigFacts;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify({ state, facts }, undefined, 2), { mode: 0o600 });
    return { state, facts };
  } catch (error) {
    await stopRig(state);
    throw error;
  }
}

/** Stops what startRig started and removes its folder. */
export async function stopRig(state: RigState): Promise<void> {
  if (state.containers) await stopContainers(state.directory, state.containers);
  await allOf(state.local.map((name) => stopLocal(state.directory, name)));
  await rm(state.directory, { recursive: true, force: true });
}

export async function readRig(file: string): Promise<RigFile> {
  return JSON.parse(await readFile(file, 'utf8'));
}

function given(name: ServerName, env: NodeJS.ProcessEnv): [ServerName, Elsewhere][] {
  const url = env[variableOf(name)];
  return url === undefined ? [] : [[name, parseServerUrl(name, url)]];
}

/** Servers elsewhere have their certificates already: BROKER_TEST_TLS is a folder like the one that the rig makes. */
async function certificates(directory: string, anyElsewhere: boolean, env: NodeJS.ProcessEnv): Promise<Certificates> {
  if (!anyElsewhere) return prepareCertificates(directory);
  if (env.BROKER_TEST_TLS === undefined) {
    throw new Error('with a BROKER_TEST_*_URL, BROKER_TEST_TLS must name the folder of the certificates that it uses');
  }
  return readCertificates(env.BROKER_TEST_TLS);
}

function refuseWithoutRoot(local: readonly ServerName[]): void {
  const needRoot = local.filter((name) => name === 'dovecot' || name === 'postfix' || name === 'openssh');
  if (needRoot.length === 0) return;
  throw new Error(
    `only root can start ${needRoot.join(', ')} here: run this as root, start docker, or name the servers that you need: ` +
      'npm run rig -- start postgres postgresClear postgres18 redis redisOpen',
  );
}

function filesOf(name: ServerName, directory: string): Record<string, string> {
  return Object.fromEntries(Object.entries(row(name).files).map(([fact, path]) => [fact, join(directory, path)]));
}

/** A server's facts: its row of the table, with real ports and absolute paths. */
function factsOf(name: ServerName, tls: Certificates, { host, ports, files }: Elsewhere) {
  const { version, logins, databases } = row(name);
  const { certFile, cert } = tls.ca;
  return { host, version, ca: { certFile, cert }, logins, databases, ...ports, ...files };
}

/** Waits for all, even if one fails early, so that nothing is started behind a clean-up. @throws all failures. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(work)).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('\n'));
}
