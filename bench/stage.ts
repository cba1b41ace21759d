import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type BrokerClient, connect } from '../src/cli/connect.ts';
import type { JsonObject } from '../src/core/json.ts';
import { Secret } from '../src/core/secret.ts';
import { toStruct } from '../src/core/struct.ts';
import type { RigFacts } from '../test/rig/facts.ts';
import { startRig, stopRig } from '../test/rig/rig.ts';
import type { ServerName } from '../test/rig/table.ts';
import { program } from './measure.ts';

export const ROOT = resolve(import.meta.dirname, '..');
const MASTER = 'master password of the bench';

/** A real PostgreSQL with data in it, a daemon from dist, and an admin's client. */
export interface Stage extends AsyncDisposable {
  readonly facts: RigFacts;
  readonly folder: string;
  readonly client: BrokerClient;
  readonly daemonPid: number;
  readonly env: NodeJS.ProcessEnv;
  put(name: string, kind: string, config: JsonObject, secrets: Readonly<Record<string, string>>): Promise<void>;
  /** Stores a Postgres service; `config` over the defaults. */
  addService(name: string, config: Record<string, string | number>): Promise<void>;
  /** Starts a helper process; it ends with the stage. */
  helper(file: string, args: readonly string[]): ChildProcess;
  psql(...args: string[]): Promise<string>;
}

/**
 * @param names the servers to start.
 * @param settings of the daemon, as environment variables.
 */
export async function setStage(
  names: readonly ServerName[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'broker-bench-'));
  const rig = await startRig(join(folder, 'rig.json'), { names });
  const { facts } = rig;
  const env = {
    ...process.env,
    BROKER_HOME: join(folder, 'home'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    BROKER_GRPC: 'off',
    BROKER_HTTP: '127.0.0.1:0',
    BROKER_LOG_LEVEL: 'warn',
    ...settings,
  };
  const children: ChildProcess[] = [];
  const helper = (file: string, args: readonly string[]): ChildProcess => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
    children.push(child);
    return child;
  };
  await writeFile(join(folder, 'master'), MASTER, { mode: 0o600 });
  await program(
    process.execPath,
    [join(ROOT, 'dist/cli/main.js'), 'up', '--password-file', join(folder, 'master')],
    env,
  );
  const address = `unix:${join(folder, 'home/broker.sock')}`;
  const { token, daemonPid } = await becomeAdmin(address);
  const client = connect({ address, token });
  const { postgres } = facts;
  const psql = (...args: string[]): Promise<string> =>
    program('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', ...args], {
      ...process.env,
      PGHOST: postgres.host,
      PGPORT: String(postgres.port),
      PGUSER: postgres.logins.scram.user,
      PGPASSWORD: postgres.logins.scram.password,
      PGDATABASE: postgres.databases.app,
    });
  const put: Stage['put'] = async (name, kind, config, secrets) => {
    const bytes = Object.fromEntries(Object.entries(secrets).map(([key, text]) => [key, Buffer.from(text)]));
    await client.services.put({ name, kind, config: toStruct(config) as object, secrets: bytes });
  };
  return {
    facts,
    folder,
    client,
    daemonPid,
    env,
    helper,
    psql,
    put,
    async addService(name, config) {
      const { host, port, ca, logins, databases } = postgres;
      const defaults = { host, port, user: logins.scram.user, database: databases.app, ca: ca.cert };
      await put(name, 'postgres', { ...defaults, ...config }, { password: logins.scram.password });
    },
    async [Symbol.asyncDispose]() {
      client.close();
      // As a user ends it: waits for the process too, which has files of the folder open.
      await program(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'down'], env);
      for (const child of children) if (child.exitCode === null) await ended(child);
      await stopRig(rig.state);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An elevated token ends after five minutes, which a full run outlasts: it makes one that lasts. */
async function becomeAdmin(address: string): Promise<{ token: Secret; daemonPid: number }> {
  using plain = connect({ address });
  const { token } = await plain.vault.elevate({ password: Buffer.from(MASTER) });
  using elevated = connect({ address, token });
  const made = await elevated.tokens.create({ name: 'bench', scope: 'admin', ttl: { seconds: '7200' } });
  return { token: Secret.fromText(made.text), daemonPid: (await elevated.vault.status({})).pid };
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** Resident kilobytes of a process (proc(5) VmRSS). */
export async function residentKb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}
