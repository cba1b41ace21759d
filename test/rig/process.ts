import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface RunOptions {
  /** Run as this user; only root can. */
  readonly as?: { readonly uid: number; readonly gid: number } | undefined;
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end and returns its standard output. @throws Error with its standard error if it failed. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd ?? '/',
    env: options.env ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options.as,
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => child.stdin.destroy()); // a program that reads no input may close it first
  child.stdin.end(options.input ?? '');
  const [code, signal] = await once(child, 'close');
  if (code === 0) return Buffer.concat(out).toString();
  const words = Buffer.concat([...err, ...out])
    .toString()
    .trim();
  throw new Error(`${command} ${args.join(' ')}: ${signal ?? `exit ${code}`}\n${words}`);
}

/** True if the program runs and ends with 0. */
export async function succeeds(command: string, args: readonly string[], options: RunOptions = {}): Promise<boolean> {
  return run(command, args, options).then(
    () => true,
    () => false,
  );
}

/**
 * Runs a program that puts a daemon into the background. Its output goes to `log`, since a daemon that inherits a
 * pipe would keep it open. @throws Error with the log if it failed.
 */
export async function launch(command: string, args: readonly string[], log: string, options: RunOptions = {}) {
  const output = openSync(log, 'a', 0o666);
  const child = spawn(command, args, {
    cwd: options.cwd ?? '/',
    env: options.env ?? process.env,
    stdio: ['ignore', output, output],
    ...options.as,
  });
  closeSync(output);
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command}: ${signal ?? `exit ${code}`}\n${readFileSync(log, 'utf8').trim()}`);
}

/** Resolves once something accepts connections there. @throws Error after 15 s. */
export async function waitForPort(host: string, port: number, what: string): Promise<void> {
  const giveUp = Date.now() + 15_000;
  for (;;) {
    const socket = connect(port, host);
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    if (Date.now() > giveUp) throw new Error(`${what}: nothing listens on ${host}:${port}`);
    await delay(25);
  }
}

/** Ends the daemon whose pid stands in a file, waits until it is gone. No file or no such process is fine. */
export async function stopPidFile(file: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  if (!(pid > 1) || !alive(pid)) return;
  process.kill(pid, signal);
  const giveUp = Date.now() + 10_000;
  while (alive(pid)) {
    if (Date.now() > giveUp) {
      process.kill(pid, 'SIGKILL');
      return;
    }
    await delay(25);
  }
}

/** A zombie counts as gone: in a container nobody may ever reap it. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || !/^State:\s+Z/m.test(readFileSync(status, 'utf8'));
}
