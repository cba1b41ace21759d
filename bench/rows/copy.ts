import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { median, program, type Row, ratioOf, rounds, timed } from '../measure.ts';
import { ROOT, type Stage } from '../stage.ts';

/** One big file each way: broker cp against scp, both as programs, onto the same disk of the same machine. */
export async function copyRows(stage: Stage, count: number, megabytes: number): Promise<Row[]> {
  const { host, port, logins, hostKey, userKey, directory } = stage.facts.openssh;
  const { user } = logins.ssh;
  const host_key = await readFile(hostKey, 'utf8');
  const config = { host, port, user, host_key, sftp_read: [directory], sftp_write: [directory] };
  await stage.put('bench-cp', 'ssh', config, { private_key: await readFile(userKey, 'utf8') });
  const known = join(stage.folder, 'known-cp');
  await writeFile(known, `[${host}]:${port} ${host_key}`);
  const trusting = ['-o', `UserKnownHostsFile=${known}`, '-o', 'BatchMode=yes'];
  const options = ['-q', '-F', 'none', '-i', userKey, '-P', String(port), ...trusting];
  const here = join(stage.folder, 'big');
  await using file = await open(here, 'w');
  await file.truncate(megabytes * 1_000_000);
  const [there, back] = [join(directory, 'bench-big'), join(stage.folder, 'back')];
  const cli = join(ROOT, 'dist/cli/main.js');
  const run = async (file: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> => {
    // broker syncs what it has copied, scp does not: without this, broker would also sync what scp left behind.
    await program('sync', []);
    return timed(() => program(file, args, env));
  };
  const broker = (from: string, to: string) => run(process.execPath, [cli, 'cp', from, to], stage.env);
  const scp = (from: string, to: string) => run('scp', [...options, from, to]);
  // Whoever comes first finds it there.
  await scp(here, `${user}@${host}:${there}`);
  const runs = await rounds(count, {
    up: () => broker(here, `bench-cp:${there}`),
    scpUp: () => scp(here, `${user}@${host}:${there}`),
    down: () => broker(`bench-cp:${there}`, back),
    scpDown: () => scp(`${user}@${host}:${there}`, back),
  });
  const rate = (times: readonly number[]): string => `${Math.round((megabytes * 1_000) / median(times))} MB/s`;
  const row = (what: string, ours: readonly number[], theirs: readonly number[]): Row => {
    const ratio = ratioOf(theirs, ours);
    const detail = `broker ${rate(ours)}; scp ${rate(theirs)}; ${megabytes} MB, both programs started anew`;
    return { what, versus: 'scp', ratio, target: '>= 0.7', met: ratio >= 0.7, detail };
  };
  return [row('cp to a server', runs.up, runs.scpUp), row('cp from a server', runs.down, runs.scpDown)];
}
