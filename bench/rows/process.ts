import { join } from 'node:path';
import { median, ms, program, quantile, type Row, ratioOf, rounds, timed } from '../measure.ts';
import { ROOT, type Stage } from '../stage.ts';

/** Start-up of the command line against that of Node itself. */
export async function processRows(stage: Stage, count: number): Promise<Row[]> {
  const { client } = stage;
  await stage.addService('bench-cli', { spares: 0 });
  const broker = (...args: string[]) =>
    timed(() => program(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], stage.env));
  const runs = await rounds(count, {
    node: () => timed(() => program(process.execPath, ['-e', '0'])),
    help: () => broker('--help'),
    postgres: () => broker('postgres', 'bench-cli', '--timeout', '1s'),
    open: async () => {
      let id = '';
      const took = await timed(async () => {
        id = (await client.sessions.open({ service: 'bench-cli' })).id;
      });
      await client.sessions.close({ id });
      return took;
    },
  });
  const help = ratioOf(runs.help, runs.node);
  const less = runs.postgres.map((took, i) => took - (runs.open[i] ?? 0));
  const postgres = ratioOf(less, runs.node);
  const shown = (name: keyof typeof runs): string =>
    `p50 ${ms(median(runs[name]))}, p99 ${ms(quantile(runs[name], 0.99))}`;
  return [
    {
      what: 'broker --help',
      versus: 'node -e 0',
      ratio: help,
      target: '< 2',
      met: help < 2,
      detail: `broker ${shown('help')}; node ${shown('node')}`,
    },
    {
      what: 'broker postgres X, less the open',
      versus: 'node -e 0',
      ratio: postgres,
      target: '<= 2.0',
      met: postgres <= 2,
      detail: `broker ${shown('postgres')}; the open ${shown('open')}`,
    },
  ];
}
