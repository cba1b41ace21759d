import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { isRoot } from './account.ts';
import { debianPostgres } from './postgres.ts';
import { run } from './process.ts';
import { row, type ServerName, TOOLS } from './table.ts';

/** Debian keeps daemons where only root's PATH may look. */
const SYSTEM = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** The programs that the tests, and the named servers where they run here, need: each with its Debian package. */
export function programsOf(local: readonly ServerName[]): Record<string, string> {
  return Object.assign({}, TOOLS, ...local.map((name) => row(name).programs));
}

/** Those of `programs` that this machine lacks. */
export async function missing(programs: Readonly<Record<string, string>>): Promise<string[]> {
  const found = await Promise.all(Object.keys(programs).map(async (program) => [program, await has(program)] as const));
  return found.filter(([, there]) => !there).map(([program]) => program);
}

/** The one command that installs packages on Debian, for a person to paste. */
export function installCommand(packages: readonly string[]): string {
  const install = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  return `sudo sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive ${install}'`;
}

/**
 * The same for the rig itself, as a shell script: no installed daemon starts by itself (policy-rc.d), Postfix asks
 * nothing, and another apt-get that runs right now is waited for.
 */
export function installScript(packages: readonly string[]): string {
  return `set -e
export DEBIAN_FRONTEND=noninteractive
if [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
fi
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends ${packages.join(' ')}
`;
}

/**
 * Makes sure that every program is there: installs what is missing as root on Debian.
 * @param report gets one line before the installation starts.
 * @throws Error with the command to type where it may not install, or is no Debian.
 */
export async function ensurePrograms(
  programs: Readonly<Record<string, string>>,
  report: (line: string) => void,
  aptGet = '/usr/bin/apt-get',
): Promise<void> {
  const absent = await missing(programs);
  if (absent.length === 0) return;
  const packages = [...new Set(absent.map((program) => programs[program] ?? program))];
  if (!isRoot() || !(await exists(aptGet))) {
    throw new Error(`the tests need ${absent.join(', ')}; on Debian:\n  ${installCommand(packages)}`);
  }
  report(`installing ${packages.join(' ')}`);
  await run('sh', ['-c', installScript(packages)]);
  const still = await missing(programs);
  if (still.length > 0) throw new Error(`${packages.join(', ')} installed, but there is still no ${still.join(', ')}`);
}

async function has(program: string): Promise<boolean> {
  if (program === 'initdb') return (await debianPostgres()) !== undefined;
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM];
  const found = await Promise.all(folders.map((folder) => exists(join(folder, program))));
  return found.includes(true);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
