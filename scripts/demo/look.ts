import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** A client as it was while its connection was open. */
export interface Sight {
  /** The first line that it printed. */
  readonly answer: string;
  readonly environment: Buffer;
  readonly commandLine: Buffer;
}

export interface ClientCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Its standard input stays open behind this, so that it does not end. */
  readonly input?: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Runs a client until it has printed a line, looks at the process itself, then lets it end. */
export async function lookAt(command: ClientCommand): Promise<Sight> {
  const { file, args, env } = command;
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk;
  });
  const lines = createInterface(child.stdout);
  const line = once(lines, 'line').then(([text]: string[]) => text);
  child.stdin.on('error', () => child.stdin.destroy()); // it may have ended already; its exit code tells
  if (command.input) child.stdin.write(command.input);
  const answer = await Promise.race([line, closed.then(() => undefined)]);
  if (answer === undefined) throw new Error(`${file} ended without an answer\n${words.trim()}`);
  const sight = { answer, ...(await processOf(child, command)) };
  child.stdin.end();
  const [code] = await closed;
  if (code !== 0) throw new Error(`${file} ended with ${code}\n${words.trim()}`);
  return sight;
}

/** proc(5): what the kernel keeps of the process. Without /proc, what it was given. */
async function processOf(child: ChildProcess, { file, args, env }: ClientCommand): Promise<Omit<Sight, 'answer'>> {
  const folder = `/proc/${child.pid}`;
  if (existsSync(folder)) {
    const [environment, commandLine] = await Promise.all([
      readFile(join(folder, 'environ')),
      readFile(join(folder, 'cmdline')),
    ]);
    return { environment, commandLine };
  }
  const given = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return { environment: Buffer.from(given.join('\0')), commandLine: Buffer.from([file, ...args].join('\0')) };
}

/** A program's path; undefined if it is not on PATH. */
export function onPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}
