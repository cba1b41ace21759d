/**
 * `npm run build`: src to dist. The daemon is what the compiler makes of it; the command line and the typed client are
 * bundles, since a command must start at once. dist holds what is published and nothing that an older build left.
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import * as esbuild from 'esbuild';
import { nodeTool, ROOT } from './command.ts';

const DIST = resolve(ROOT, 'dist');
/** What tsc writes, and what it remembers between builds, which is worth nothing without the files it wrote. */
const COMPILED = resolve(ROOT, 'build/compiled');
const MEMORY = resolve(ROOT, 'build/compiled.tsbuildinfo');

/** A module that only held types. */
const EMPTY = /^(?:\s*\/\/[^\n]*\n|\s)*export \{\};\s*$/;

/** @returns false, with the compiler's words on stderr, if the sources do not compile. */
export async function build(): Promise<boolean> {
  const [compiled, bundles] = await Promise.all([compile(), Promise.all([bundleCommand(), bundleClient()])]);
  if (!compiled) return false;
  const wanted = new Map([...(await daemonFiles()), ...(await clientTypes()), ...bundles.flat()]);
  await place(wanted);
  await chmod(join(DIST, 'cli/main.js'), 0o755);
  return true;
}

async function compile(): Promise<boolean> {
  if (!existsSync(COMPILED)) await rm(MEMORY, { force: true });
  const incremental = ['--incremental', '--tsBuildInfoFile', MEMORY, '--outDir', COMPILED];
  const { code, output } = await nodeTool('typescript/bin/tsc', '-p', 'tsconfig.build.json', ...incremental);
  process.stderr.write(output);
  return code === 0;
}

type Files = (readonly [path: string, content: Buffer])[];

const COMMON = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
} as const satisfies esbuild.BuildOptions;

/**
 * The command line: a small entry, and beside it, in cli/commands, what each command needs. Help loads the entry only.
 * A chunk finds the daemon at `../../daemon/main.js` (commands/daemon.ts), which is why they lie one folder down.
 */
async function bundleCommand(): Promise<Files> {
  return bundle({
    ...COMMON,
    entryPoints: [join(ROOT, 'src/cli/main.ts')],
    outdir: join(DIST, 'cli'),
    chunkNames: 'commands/[name]-[hash]',
    splitting: true,
    minify: true,
    // grpc-js loads it for its own admin services, which a client does not have.
    external: ['@grpc/proto-loader'],
    // grpc-js is CommonJS and calls require() for Node's own modules.
    banner: { js: "import { createRequire as $r } from 'node:module'; const require = $r(import.meta.url);" },
  });
}

/** The typed client that programs import: our own code in one file; grpc-js comes from their node_modules. */
async function bundleClient(): Promise<Files> {
  return bundle({ ...COMMON, entryPoints: [join(ROOT, 'src/index.ts')], outdir: DIST, packages: 'external' });
}

async function bundle(options: esbuild.BuildOptions & { write: false }): Promise<Files> {
  const { outputFiles } = await esbuild.build(options);
  return outputFiles.map(({ path, contents }) => [relative(DIST, path), Buffer.from(contents)]);
}

/** Everything that the daemon runs: the compiled modules of all floors below the command line. */
async function daemonFiles(): Promise<Files> {
  const paths = await filesIn(COMPILED);
  const modules = paths.filter((path) => path.endsWith('.js') && !path.startsWith('cli/') && path !== 'index.js');
  const read = await Promise.all(modules.map(async (path) => [path, await readFile(join(COMPILED, path))] as const));
  return read.filter(([, content]) => content.length > 1_000 || !EMPTY.test(content.toString()));
}

/** The client's declarations, and those that they import. */
async function clientTypes(): Promise<Files> {
  const found = new Map<string, Buffer>();
  const waiting = ['index.d.ts'];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    const content = await readFile(join(COMPILED, path));
    found.set(path, content);
    for (const [, target = ''] of content.toString().matchAll(/(?:from|import\()\s*['"](\.[^'"]+)\.[jt]s['"]/g)) {
      waiting.push(join(dirname(path), `${target}.d.ts`));
    }
  }
  return [...found];
}

/** Makes dist hold exactly these files. What is there already and the same is left alone. */
async function place(wanted: ReadonlyMap<string, Buffer>): Promise<void> {
  await mkdir(DIST, { recursive: true });
  const kept = await filesIn(DIST);
  await Promise.all(kept.filter((path) => !wanted.has(path)).map((path) => rm(join(DIST, path))));
  for (const [path, content] of wanted) {
    const target = join(DIST, path);
    if (kept.includes(path) && (await readFile(target)).equals(content)) continue;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

if (process.argv[1] === import.meta.filename && !(await build())) process.exitCode = 1;
