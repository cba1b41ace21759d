import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toStruct } from '../../src/core/struct.ts';
import { median, ms, program, quantile, type Row, ratioOf, rounds, timed } from '../measure.ts';
import { ROOT, type Stage } from '../stage.ts';

/** One `true` on a server: broker's call, cold and on a shared connection, against ssh, alone and with a ControlMaster. */
export async function execRows(stage: Stage, count: number): Promise<Row[]> {
  const { host, port, logins, hostKey, userKey } = stage.facts.openssh;
  const { user } = logins.ssh;
  const host_key = await readFile(hostKey, 'utf8');
  const config = { host, port, user, host_key, allowed_commands: ['true'] };
  await stage.put('bench-ssh', 'ssh', config, { private_key: await readFile(userKey, 'utf8') });
  const known = join(stage.folder, 'known');
  await writeFile(known, `[${host}]:${port} ${host_key}`);
  const options = [
    '-F',
    'none',
    '-i',
    userKey,
    '-p',
    String(port),
    '-o',
    `UserKnownHostsFile=${known}`,
    '-o',
    'BatchMode=yes',
  ];
  const control = join(stage.folder, 'control');
  const ssh = (...more: string[]) => timed(() => program('ssh', [...options, ...more, `${user}@${host}`, 'true']));
  const master = spawn('ssh', [...options, '-M', '-S', control, '-N', `${user}@${host}`], { stdio: 'ignore' });
  while (!existsSync(control)) await new Promise((resolve) => setTimeout(resolve, 20));
  const exec = (): Promise<number> => timed(() => call(stage));
  let flip = false;
  const cold = async (): Promise<number> => {
    // Any change of the service closes its connections.
    flip = !flip;
    await stage.client.services.set({ name: 'bench-ssh', config: toStruct({ allow_pty: flip }) as object });
    return await exec();
  };
  const cli = [join(ROOT, 'dist/cli/main.js'), 'exec', 'bench-ssh', '--', 'true'];
  try {
    const runs = await rounds(count, {
      ssh: () => ssh(),
      control: () => ssh('-S', control),
      cold,
      warm: exec,
      cli: () => timed(() => program(process.execPath, cli, stage.env)),
    });
    const shown = (name: keyof typeof runs): string =>
      `p50 ${ms(median(runs[name]))}, p99 ${ms(quantile(runs[name], 0.99))}`;
    const [warm, first] = [ratioOf(runs.warm, runs.control), ratioOf(runs.cold, runs.ssh)];
    return [
      {
        what: 'exec on a shared connection, without the command line’s own start',
        versus: 'ssh with ControlMaster',
        ratio: warm,
        target: '<= 1.3',
        met: warm <= 1.3,
        detail: `broker ${shown('warm')}; ssh ${shown('control')}; broker exec as a program ${shown('cli')}`,
      },
      {
        what: 'exec that logs in first',
        versus: 'ssh',
        ratio: first,
        target: '',
        detail: `broker ${shown('cold')}; ssh ${shown('ssh')}`,
      },
    ];
  } finally {
    const gone = once(master, 'exit');
    master.kill();
    await gone;
  }
}

async function call({ client }: Stage): Promise<void> {
  const exec = client.ssh.exec();
  let code: number | undefined;
  exec.on('data', ({ exit }) => {
    if (exit) code = exit.code;
  });
  exec.write({ start: { service: 'bench-ssh', argv: ['true'] } });
  exec.write({ endOfInput: true });
  exec.end();
  await once(exec, 'end');
  if (code !== 0) throw new Error(`true ended with ${code}`);
}
