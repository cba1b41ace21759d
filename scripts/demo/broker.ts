import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../command.ts';

/** A daemon with a vault of its own, driven by the command line as a person would. */
export interface Broker extends AsyncDisposable {
  /** What a person exports to use it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Master password file. */
  readonly passwordFile: string;
  /** Runs `broker ARGS` as the client and returns its standard output. @throws Error with its words if it failed. */
  run(args: readonly string[], input?: string): Promise<string>;
  /** The same as somebody who knows the master password. */
  admin(args: readonly string[], input?: string): Promise<string>;
  /** Everything that broker's commands have printed so far. */
  readonly printed: readonly Buffer[];
  readonly commands: number;
  /** The files of the client's folder (`config`) or the daemon's (`home`, the audit log is in there). */
  files(of: 'config' | 'home'): Promise<Map<string, Buffer>>;
  readonly environment: NodeJS.ProcessEnv;
}

const MAIN = join(ROOT, 'dist/cli/main.js');
/** What of the caller's own broker must not reach this one. */
const FOREIGN = /^BROKER_/;

/** Makes a vault with a random master password and starts its daemon, all under `directory`. */
export async function startBroker(directory: string): Promise<Broker> {
  const home = join(directory, 'home');
  const config = join(directory, 'config');
  const commands = join(directory, 'bin');
  await Promise.all([home, config, commands].map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })));
  const passwordFile = join(directory, 'master-password');
  await writeFile(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  await symlink(MAIN, join(commands, 'broker'));
  const variables = { BROKER_HOME: home, XDG_CONFIG_HOME: config };
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
  const environment = { ...own, ...variables };
  const printed: Buffer[] = [];
  let count = 0;

  const start = async (args: readonly string[], env: NodeJS.ProcessEnv, input = ''): Promise<string> => {
    count += 1;
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => child.stdin.destroy()); // a command that reads nothing may have ended
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    printed.push(...out, ...err);
    if (code === 0) return Buffer.concat(out).toString();
    throw new Error(
      `broker ${args.join(' ')}: exit ${code}\n${Buffer.concat([...err, ...out])
        .toString()
        .trim()}`,
    );
  };
  const run = (args: readonly string[], input?: string) => start(args, environment, input);
  const admin = (args: readonly string[], input?: string) =>
    start(args, { ...environment, BROKER_PASSWORD_FILE: passwordFile }, input);
  // Its unix socket is enough, and the port may be somebody's.
  await admin(['up', '--grpc', 'off', '--http', 'off']);
  return {
    variables: { ...variables, PATH: `${commands}:$PATH` },
    ...{ passwordFile, run, admin, printed, environment },
    get commands() {
      return count;
    },
    files: (of) => read(of === 'home' ? home : config),
    async [Symbol.asyncDispose]() {
      await run(['down']);
    },
  };
}

/** Every file below a folder; sockets are none. */
async function read(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(file)] as const)));
}
