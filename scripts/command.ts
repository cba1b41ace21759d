import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

/** The project's folder. */
export const ROOT = resolve(import.meta.dirname, '..');

export interface Ended {
  readonly code: number;
  /** Both outputs together, in the order in which they came. */
  readonly output: string;
}

/** Runs one of the project's tools quietly, in the project's folder. The code of a tool that died of a signal is 1. */
export async function tool(command: string, args: readonly string[], options: { cwd?: string } = {}): Promise<Ended> {
  const child = spawn(command, args, { cwd: ROOT, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, 'close');
  return { code: code ?? 1, output: Buffer.concat(chunks).toString() };
}

/** Runs a tool of node_modules/.bin by its JavaScript file, with this very Node. */
export async function nodeTool(file: string, ...args: readonly string[]): Promise<Ended> {
  return tool(process.execPath, [resolve(ROOT, 'node_modules', file), ...args]);
}
