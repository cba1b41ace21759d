/** `npm run build`: compiles src to dist, only what changed. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { nodeTool, ROOT } from './command.ts';

/** What tsc remembers between builds. Worth nothing without the files it wrote. */
const MEMORY = resolve(ROOT, 'build/dist.tsbuildinfo');

/** @returns false, with the compiler's words on stderr, if the sources do not compile. */
export async function build(): Promise<boolean> {
  if (!existsSync(resolve(ROOT, 'dist'))) await rm(MEMORY, { force: true });
  const incremental = ['--incremental', '--tsBuildInfoFile', MEMORY];
  const { code, output } = await nodeTool('typescript/bin/tsc', '-p', 'tsconfig.build.json', ...incremental);
  process.stderr.write(output);
  return code === 0;
}

if (process.argv[1] === import.meta.filename && !(await build())) process.exitCode = 1;
