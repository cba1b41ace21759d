import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, program, quantile, type Row, ratioOf, rounds, timed } from '../measure.ts';
import { barePipe, haproxy, pgbouncer, type Route } from '../peers/peers.ts';
import type { Stage } from '../stage.ts';

const SECONDS = 3;

/** Queries a second and bulk transfer: direct, a bare pipe, broker and the peers found, over the same plain TCP. */
export async function relayRows(stage: Stage, count: number): Promise<Row[]> {
  const { facts, client } = stage;
  const { port } = facts.postgresClear;
  await program(
    'psql',
    [
      '-qAtX',
      '-c',
      'create table bulk as select i, repeat(md5(i::text), 3) as t from generate_series(1, 500000) i',
      '-c',
      'create unlogged table sink (i int, t text)',
    ],
    environment(stage, { port, password: password(stage) }),
  );
  await pgbench(stage, { port, password: password(stage) }, ['-i', '-q', '-s', '2']);
  await stage.addService('bench-clear', { port, tls: 'disable' });
  const session = await client.sessions.open({
    service: 'bench-clear',
    connections: 0,
    acceptTimeout: { seconds: '300' },
  });
  const named: Record<string, Route | undefined> = {
    direct: { port, password: password(stage) },
    pipe: await barePipe(stage, port),
    broker: { port: session.port },
    haproxy: await haproxy(stage, port),
    pgbouncer: await pgbouncer(stage, port),
  };
  const routes = Object.fromEntries(
    Object.entries(named).filter((entry): entry is [string, Route] => entry[1] !== undefined),
  );
  const each = <T>(work: (route: Route) => Promise<T>): Record<string, () => Promise<T>> =>
    Object.fromEntries(Object.entries(routes).map(([name, route]) => [name, () => work(route)]));

  const rows: Row[] = [];
  for (const clients of [1, 8]) {
    const runs = await rounds(
      count,
      each((route) => transactions(stage, route, clients)),
    );
    const tps = (name: string): number[] => (runs[name] ?? []).map((run) => run.tps);
    const show = Object.entries(runs).map(([name, list]) => {
      const latencies = list.flatMap((run) => run.latencies);
      return `${name} ${median(list.map((run) => run.tps)).toFixed(0)}/s (p50 ${quantile(latencies, 0.5)} us, p99 ${quantile(latencies, 0.99)} us)`;
    });
    const ratio = ratioOf(tps('broker'), tps('pipe'));
    rows.push({
      what: `pgbench -S, ${clients} client${clients > 1 ? 's' : ''}`,
      versus: 'bare pipe',
      ratio,
      target: '>= 0.95',
      met: ratio >= 0.95,
      detail: show.join('; '),
    });
  }
  const file = join(stage.folder, 'bulk.copy');
  await program(
    'psql',
    ['-qAtX', '-c', `\\copy bulk to '${file}'`],
    environment(stage, { port, password: password(stage) }),
  );
  const bulk: [string, string[]][] = [
    ['COPY out, 50 MB', ['-c', '\\copy bulk to /dev/null']],
    ['COPY in, 50 MB', ['-c', 'truncate sink', '-c', `\\copy sink from '${file}'`]],
    [
      'select of 20,000 rows, 20 times',
      ['-o', '/dev/null', ...Array.from({ length: 20 }, () => ['-c', 'select * from bulk limit 20000']).flat()],
    ],
  ];
  for (const [what, args] of bulk) {
    const runs = await rounds(
      count,
      each((route) => timed(() => program('psql', ['-qAtX', ...args], environment(stage, route)))),
    );
    const speed = (name: string): number[] => (runs[name] ?? []).map((time) => 1 / time);
    const ratio = ratioOf(speed('broker'), speed('pipe'));
    const direct = ratioOf(speed('broker'), speed('direct'));
    const show = Object.entries(runs).map(([name, times]) => `${name} ${median(times).toFixed(0)} ms`);
    rows.push({ what, versus: 'bare pipe', ratio, target: '>= 0.95', met: ratio >= 0.95, detail: show.join('; ') });
    rows.push({ what, versus: 'direct', ratio: direct, target: '>= 0.8', met: direct >= 0.8, detail: '' });
  }
  await client.sessions.close({ id: session.id });
  return rows;
}

function password(stage: Stage): string {
  return stage.facts.postgres.logins.scram.password;
}

function environment(stage: Stage, route: Route): NodeJS.ProcessEnv {
  const { logins, databases } = stage.facts.postgres;
  return {
    ...process.env,
    PGHOST: '127.0.0.1',
    PGPORT: String(route.port),
    PGUSER: logins.scram.user,
    PGDATABASE: databases.app,
    PGSSLMODE: 'disable',
    ...(route.password && { PGPASSWORD: route.password }),
  };
}

async function pgbench(stage: Stage, route: Route, args: readonly string[]): Promise<string> {
  const beside = '/usr/lib/postgresql/15/bin/pgbench';
  return await program(existsSync(beside) ? beside : 'pgbench', args, environment(stage, route));
}

/** `pgbench -S`: transactions a second, and each one's microseconds. */
async function transactions(
  stage: Stage,
  route: Route,
  clients: number,
): Promise<{ tps: number; latencies: number[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'broker-pgbench-'));
  try {
    const log = ['--log', `--log-prefix=${join(folder, 'log')}`];
    const output = await pgbench(stage, route, [
      '-S',
      '-n',
      '-M',
      'simple',
      '-c',
      String(clients),
      '-j',
      '1',
      '-T',
      String(SECONDS),
      ...log,
    ]);
    const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
    const latencies = files
      .flatMap((text) => text.split('\n'))
      .filter(Boolean)
      .map((line) => Number(line.split(' ')[2]));
    return { tps: Number(/tps = ([\d.]+)/.exec(output)?.[1]), latencies };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
