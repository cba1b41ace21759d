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

/**
 * @param options.check false: leave out the check of the types, which takes most of the time. The next build that checks
 *   catches up.
 * @returns false, with the compiler's words on stderr, if the sources do not compile.
 */
export async function build({ check = true } = {}): Promise<boolean> {
  const [compiled, bundles] = await Promise.all([compile(check), Promise.all([bundleCommand(), bundleClient()])]);
  if (!compiled) return false;
  const wanted = new Map([...(await daemonFiles()), ...(await clientTypes()), ...bundles.flat()]);
  await place(wanted);
  await chmod(join(DIST, 'cli/main.js'), 0o755);
  return true;
}

async function compile(check: boolean): Promise<boolean> {
  if (!existsSync(COMPILED)) await rm(MEMORY, { force: true });
  const options = ['--incremental', '--tsBuildInfoFile', MEMORY, '--outDir', COMPILED];
  if (!check) options.push('--noCheck');
  const { code, output } = await nodeTool('typescript/bin/tsc', '-p', 'tsconfig.build.json', ...options);
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
    plugins: [oneChunk, clientOnly],
    // grpc-js is CommonJS and calls require() for Node's own modules.
    banner: { js: REQUIRE },
  });
}

/** esbuild does not see what stands in a banner: a short name in it would one day be one that the minifier gives as well. */
const REQUIRE =
  "import { createRequire as requireForBundle } from 'node:module'; const require = requireForBundle(import.meta.url);";

/** Commands that have no use for the client of the control API; the daemon should not even have it in memory. */
const APART = new Set(['commands/completion.ts', 'commands/daemon.ts', 'commands/version.ts']);
const CLI = resolve(ROOT, 'src/cli');
const DYNAMIC = /\bimport\('(\.[^']+\.ts)'\)/g;

/**
 * Left alone, esbuild cuts the commands into dozens of files, and finding each of them takes longer than reading all: what
 * the command line imports dynamically becomes one module, but for what is APART.
 */
const oneChunk: esbuild.Plugin = {
  name: 'one-chunk',
  setup({ onLoad, onResolve }) {
    const key = (file: string): string => file.replace(/\W/g, '_');
    /** Where a dynamic import of a module leads; undefined if it is left as it is. */
    const target = (importer: string, specifier: string): string | undefined => {
      const file = relative(CLI, resolve(dirname(importer), specifier));
      return APART.has(file) ? undefined : file;
    };
    onLoad({ filter: /[/\\]src[/\\]cli[/\\].*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace(DYNAMIC, (original, specifier: string) => {
        const file = target(path, specifier);
        return file === undefined ? original : `import('commands').then((all) => all.${key(file)})`;
      });
      return { contents, loader: 'ts' };
    });
    onResolve({ filter: /^commands$/ }, () => ({ path: 'all', namespace: 'commands' }));
    onLoad({ filter: /./, namespace: 'commands' }, async () => {
      const together = new Set<string>();
      for (const path of (await filesIn(CLI)).map((file) => join(CLI, file))) {
        for (const [, specifier = ''] of (await readFile(path, 'utf8')).matchAll(DYNAMIC)) {
          const file = target(path, specifier);
          if (file !== undefined) together.add(file);
        }
      }
      const lines = [...together].map((file) => `export * as ${key(file)} from './${file}';`);
      return { contents: lines.join('\n'), resolveDir: CLI };
    });
  },
};

/**
 * Of grpc-js what the client in src/cli/connect.ts is made of: its index brings the server, balancers of many addresses and
 * their statistics along, a third of the whole.
 */
const clientOnly: esbuild.Plugin = {
  name: 'client-only',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^@grpc\/grpc-js$/ }, () => ({ path: 'client', namespace: 'grpc' }));
    onLoad({ filter: /./, namespace: 'grpc' }, () => ({ contents: CLIENT, resolveDir: ROOT }));
    // Compression, which broker does not use, is the only one to want it.
    onResolve({ filter: /^zlib$/ }, () => ({ path: 'zlib', namespace: 'late' }));
    onLoad({ filter: /./, namespace: 'late' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => require('node:${path}')[name] });`,
    }));
    // Its own console of channels, which needs a server.
    onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ path }) => ({ path, external: true }));
  },
};

/** In the order of its own index: its modules import each other in circles. */
const CLIENT = `
import '@grpc/grpc-js/build/src/call-credentials';
import '@grpc/grpc-js/build/src/channel';
import { ChannelCredentials } from '@grpc/grpc-js/build/src/channel-credentials';
import { Client } from '@grpc/grpc-js/build/src/client';
import { Metadata } from '@grpc/grpc-js/build/src/metadata';
import * as dns from '@grpc/grpc-js/build/src/resolver-dns';
import * as uds from '@grpc/grpc-js/build/src/resolver-uds';
import * as ip from '@grpc/grpc-js/build/src/resolver-ip';
import * as first from '@grpc/grpc-js/build/src/load-balancer-pick-first';
for (const each of [dns, uds, ip, first]) each.setup();
export { Client, ChannelCredentials as credentials, Metadata };
`;

/** The typed client that programs import: our own code in one file; grpc-js comes from their node_modules. */
async function bundleClient(): Promise<Files> {
  return bundle({ ...COMMON, entryPoints: [join(ROOT, 'src/index.ts')], outdir: DIST, packages: 'external' });
}

async function bundle(options: esbuild.BuildOptions & { write: false }): Promise<Files> {
  const { outputFiles } = await esbuild.build(options);
  return outputFiles.map(({ path, contents }) => [relative(DIST, path), Buffer.from(contents)]);
}

/** The compiler leaves the endings of dynamic imports as they are in functions whose `using` it has to write out. */
function rewritten(module: Buffer): Buffer {
  const text = module.toString('utf8');
  return Buffer.from(text.replace(/\bimport\((['"])(\.[^'"]+)\.ts\1\)/g, 'import($1$2.js$1)'), 'utf8');
}

/**
 * Everything that the daemon runs: the compiled modules of all floors below the command line, and its data (presets). Listed by their sources,
 * since tsc leaves there what it made of a source that is gone.
 */
async function daemonFiles(): Promise<Files> {
  const sources = await filesIn(resolve(ROOT, 'src'));
  const modules = sources
    .filter((path) => path.endsWith('.ts') && !path.startsWith('cli/') && path !== 'index.ts')
    .map((path) => path.replace(/\.ts$/, '.js'));
  const read = await Promise.all(
    modules.map(async (path) => [path, rewritten(await readFile(join(COMPILED, path)))] as const),
  );
  const data = sources.filter((path) => path.endsWith('.json'));
  return [
    ...read.filter(([, content]) => content.length > 1_000 || !EMPTY.test(content.toString())),
    ...(await Promise.all(data.map(async (path) => [path, await readFile(resolve(ROOT, 'src', path))] as const))),
  ];
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
