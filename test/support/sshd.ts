import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '../../src/core/secret.ts';
import { type SshConfig, sshConfig } from '../../src/drivers/ssh/config.ts';
import { rig } from './rig.ts';

export const run = promisify(execFile);

/** A service's configuration for the rig's OpenSSH: pinned, logging in with the rig's key, and nothing allowed. */
export async function rigConfig(
  fields: Parameters<typeof sshConfig.parse>[0] = {},
  secrets: Readonly<Record<string, string>> = {},
): Promise<SshConfig> {
  const { host, port, logins, hostKey, userKey } = rig().openssh;
  const pin = 'host_key' in fields || 'known_hosts' in fields ? {} : { host_key: await readFile(hostKey, 'utf8') };
  const given = Object.keys(secrets).length > 0 ? secrets : { private_key: await readFile(userKey, 'utf8') };
  const map = new Map(Object.entries(given).map(([name, text]) => [name, Secret.fromText(text)]));
  return sshConfig.parse({ host, port, user: logins.ssh.user, ...pin, ...fields }, map);
}

/** One more sshd, for what the rig's does not do. Its host key and folder are its own; it ends with the test. */
export class Sshd implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  hostKey: string;
  readonly #process: ReturnType<typeof spawn>;

  private constructor(port: number, folder: string, hostKey: string, process: ReturnType<typeof spawn>) {
    this.port = port;
    this.folder = folder;
    this.hostKey = hostKey;
    this.#process = process;
  }

  /** @param settings lines of sshd_config. `files` are written to its folder, which `%f` in the settings stands for. */
  static async start(settings: string, files: Readonly<Record<string, string>> = {}, type = 'ed25519'): Promise<Sshd> {
    const folder = await mkdtemp(join(tmpdir(), 'broker-sshd-'));
    await chmod(folder, 0o755);
    await mkdir('/run/sshd', { recursive: true }).catch(() => undefined);
    const port = await freePort();
    await run('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', join(folder, 'hostkey')]);
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o644 });
    const config = `Port ${port}\nListenAddress 127.0.0.1\nHostKey ${folder}/hostkey\nPidFile none\nStrictModes no\nUsePAM no\nSubsystem sftp internal-sftp\n`;
    await writeFile(join(folder, 'config'), config + settings.replaceAll('%f', folder));
    const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'config')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
      said += String(chunk);
      if (said.includes('Server listening')) break;
    }
    child.stderr.resume();
    if (!said.includes('Server listening')) throw new Error(`sshd did not start: ${said}`);
    const hostKey = await readFile(join(folder, 'hostkey.pub'), 'utf8');
    return new Sshd(port, folder, hostKey, child);
  }

  /** Gives it another host key. */
  async rotate(): Promise<void> {
    const file = join(this.folder, 'hostkey');
    await rm(file);
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    const { stderr } = this.#process;
    const ready = new Promise<void>((resolve) => {
      stderr?.on('data', (chunk: Buffer) => String(chunk).includes('Server listening') && resolve());
    });
    this.#process.kill('SIGHUP');
    await ready;
    this.hostKey = await readFile(`${file}.pub`, 'utf8');
  }

  /** Kills the processes of all its connections, what runs in them included, and leaves the listener. */
  async dropAll(): Promise<void> {
    const below = async (parent: number | undefined): Promise<number[]> => {
      const { stdout } = await run('pgrep', ['-P', String(parent)]).catch(() => ({ stdout: '' }));
      const pids = stdout.trim().split('\n').filter(Boolean).map(Number);
      return [...pids, ...(await Promise.all(pids.map(below))).flat()];
    };
    for (const pid of await below(this.#process.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        // One that ended by itself meanwhile is as good.
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, 'exit');
    if (this.#process.exitCode === null && this.#process.kill()) await gone;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Makes a key pair. @returns the private key's text; the files stay until `folder` goes. */
export async function makeKey(folder: string, name: string, ...options: string[]): Promise<string> {
  const file = join(folder, name);
  await run('ssh-keygen', ['-q', '-C', name, '-f', file, ...options]);
  return await readFile(file, 'utf8');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return address !== null && typeof address === 'object' ? address.port : 0;
}
