import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Certificates } from './certificates.ts';
import type { RigFacts } from './facts.ts';
import { localPlace, makeDirectory, prepareCertificates, startLocal, stopLocal } from './local.ts';
import { row, SERVER_NAMES, type ServerName } from './table.ts';

/** What the rig has to remember in order to stop again. */
export interface RigState {
  readonly directory: string;
  /** Servers that run from this machine's binaries. */
  readonly local: readonly ServerName[];
}

/** The file that BROKER_RIG names. */
export interface RigFile {
  readonly state: RigState;
  readonly facts: RigFacts;
}

/** Starts every server of the table at once and writes the file that tests read. */
export async function startRig(file: string, names: readonly ServerName[] = SERVER_NAMES): Promise<RigFile> {
  const directory = await makeDirectory();
  const state: RigState = { directory, local: names };
  try {
    const tls = await prepareCertificates(directory);
    const place = await localPlace(directory, tls);
    await allOf(names.map((name) => startLocal(place, name)));
    const servers = names.map((name) => [name, factsOf(name, directory, tls, '127.0.0.1', place.ports[name])]);
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
  await allOf(state.local.map((name) => stopLocal(state.directory, name)));
  await rm(state.directory, { recursive: true, force: true });
}

export async function readRig(file: string): Promise<RigFile> {
  return JSON.parse(await readFile(file, 'utf8'));
}

/** A server's facts: its row of the table with absolute paths and real ports. */
function factsOf(
  name: ServerName,
  directory: string,
  tls: Certificates,
  host: string,
  ports: Readonly<Record<string, number>>,
) {
  const { version, logins, databases, files } = row(name);
  const paths = Object.fromEntries(Object.entries(files).map(([fact, path]) => [fact, join(directory, path)]));
  const { certFile, cert } = tls.ca;
  return { host, version, ca: { certFile, cert }, logins, databases, ...ports, ...paths };
}

/** Waits for all, even if one fails early, so that nothing is started behind a clean-up. @throws all failures. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(work)).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('\n'));
}
