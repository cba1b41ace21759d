import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Driver } from '../../src/core/driver.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { OpenedLease, OpenRequest } from '../../src/daemon/sessions/manager.ts';
import { ssh } from '../../src/drivers/ssh/driver.ts';
import { caller, never, World } from './sessions.ts';
import { rigConfig } from './sshd.ts';

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The rig's OpenSSH as a service of a session manager, and stock clients that go through it. */
export class SshWorld implements AsyncDisposable {
  readonly world: World;
  readonly folder: string;

  private constructor(world: World, folder: string) {
    this.world = world;
    this.folder = folder;
  }

  static async make(fields: JsonObject): Promise<SshWorld> {
    const world = await World.make([ssh as Driver]);
    const config = await rigConfig(fields);
    const { private_key } = config;
    // Whoever resolves a service wipes its secrets.
    const fresh = (): unknown => ({ ...config, private_key: private_key?.clone() });
    world.services.set('box', { kind: 'ssh', config: fresh });
    return new SshWorld(world, await mkdtemp(join(tmpdir(), 'broker-ssh-')));
  }

  open(request: Partial<OpenRequest> = {}): Promise<OpenedLease> {
    return this.world.manager.open(caller(), { service: 'box', ...request }, never);
  }

  /** Options for OpenSSH's clients by which they reach the lease, and trust it by the known_hosts line of the hint. */
  async options(lease: OpenedLease, ...more: string[]): Promise<string[]> {
    const known = join(this.folder, `known-${lease.id}`);
    await writeFile(known, `${lease.hint.env.BROKER_KNOWN_HOSTS}\n`);
    const strict = [
      'StrictHostKeyChecking=yes',
      `UserKnownHostsFile=${known}`,
      'GlobalKnownHostsFile=none',
      'BatchMode=yes',
    ];
    return ['-F', 'none', ...[...strict, `Port=${lease.address.port}`, ...more].flatMap((option) => ['-o', option])];
  }

  /** One session, one `ssh ... COMMAND`. */
  async ssh(words: readonly string[], input?: Buffer | string, ...options: string[]): Promise<Result> {
    const lease = await this.open();
    return await execute('ssh', [...(await this.options(lease, ...options)), 'any@127.0.0.1', ...words], { input });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Runs a program to its end, at most 60 s. */
export async function execute(
  program: string,
  args: readonly string[],
  options: { input?: Buffer | string | undefined; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Result> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() };
}
