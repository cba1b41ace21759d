import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { rig } from '../../test/support/rig.ts';

const run = promisify(execFile);
export const ROOT = resolve(import.meta.dirname, '../..');

/** What an example gets to see: an address and a token, and never the database's password. */
export interface Workspace extends AsyncDisposable {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs a program in the workspace; rejects with what it wrote when it fails. */
  exec(file: string, args: readonly string[], options?: { cwd?: string; env?: NodeJS.ProcessEnv }): Promise<string>;
}

/** A daemon of its own with the service `app-db`, and a copy of one example's folder to generate stubs into. */
export async function workspace(example: string): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'broker-example-'));
  const home = join(folder, 'home');
  const passwordFile = join(folder, 'master');
  const broker = (args: string[]): Promise<string> =>
    exec(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], { env: admin });
  const admin: NodeJS.ProcessEnv = {
    ...process.env,
    BROKER_HOME: home,
    XDG_CONFIG_HOME: join(folder, 'config'),
    BROKER_PASSWORD_FILE: passwordFile,
    BROKER_GRPC: 'off',
    BROKER_HTTP: 'off',
  };
  await writeFile(passwordFile, 'master password of an example', { mode: 0o600 });
  await cp(join(ROOT, 'examples', example), join(folder, example), { recursive: true });
  const { host, port, ca, logins, databases } = rig().postgres;
  const databasePassword = join(folder, 'database-password');
  await writeFile(databasePassword, logins.scram.password, { mode: 0o600 });
  await broker(['up']);
  const where = ['--host', host, '--port', String(port), '--user', logins.scram.user, '--database', databases.app];
  await broker([
    'service',
    'add',
    'app-db',
    '--kind',
    'postgres',
    ...where,
    '--ca-file',
    ca.certFile,
    '--password-file',
    databasePassword,
  ]);
  const token = await broker(['token', 'create', '--name', example, '--service', 'app-*', '--ttl', '10m']);
  return {
    folder: join(folder, example),
    env: { ...process.env, BROKER_ADDR: `unix:${join(home, 'broker.sock')}`, BROKER_TOKEN: token.trim() },
    exec,
    async [Symbol.asyncDispose]() {
      await broker(['down']);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function exec(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { stdout } = await run(file, args, options);
  return stdout;
}
