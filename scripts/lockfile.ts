/**
 * `npm run lockfile`: adds to package-lock.json the optional platform packages that npm left out because a registry did
 * not serve them. npm itself refuses such a lock file in `npm ci`, though nothing on this platform needs them.
 * `--check` only says what is missing.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ROOT } from './command.ts';

const FILE = resolve(ROOT, 'package-lock.json');

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly license?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lockfile {
  packages: Record<string, Locked>;
}

/** The entries that a lock file lacks: optional dependencies with an exact version that stand nowhere in it. */
function missing({ packages }: Lockfile): [string, Locked][] {
  return Object.values(packages).flatMap((parent) =>
    Object.entries(parent.optionalDependencies ?? {})
      .filter(([name, version]) => !(`node_modules/${name}` in packages) && /^\d/.test(version))
      .map(([name, version]): [string, Locked] => [`node_modules/${name}`, stub(name, version, parent)]),
  );
}

/** What npm needs in order to pass a package over: the platform, which is in its name (`cli-linux-x64-musl`). */
function stub(name: string, version: string, parent: Locked): Locked {
  const [, os, cpu, libc] = /(aix|android|darwin|freebsd|linux|win32)-(\w+)(?:-(musl|gnu))?$/.exec(name) ?? [];
  if (os === undefined || cpu === undefined) throw new Error(`${name} is missing, and its name tells no platform`);
  return {
    version,
    cpu: [cpu],
    ...(parent.dev && { dev: true }),
    ...(libc === 'musl' && { libc: ['musl'] }),
    ...(parent.license && { license: parent.license }),
    optional: true,
    os: [os],
  };
}

const lock: Lockfile = JSON.parse(await readFile(FILE, 'utf8'));
const gaps = missing(lock);
if (process.argv.includes('--check')) {
  if (gaps.length > 0) {
    console.error(
      `npm ci would refuse package-lock.json: ${gaps.map(([path]) => path).join(', ')}. Run: npm run lockfile`,
    );
    process.exitCode = 1;
  }
} else {
  const all = Object.entries({ ...lock.packages, ...Object.fromEntries(gaps) });
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, 'en')));
  if (gaps.length > 0) await writeFile(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
  console.log(`${gaps.length} entries added`);
}
