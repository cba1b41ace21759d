import { median, program, type Row, ratioOf, rounds } from '../measure.ts';
import { barePipe } from '../peers/peers.ts';
import type { Stage } from '../stage.ts';

/** Clients at once, and requests that each has under way. */
const LOADS = [
  { clients: 1, pipeline: 1, requests: 20_000 },
  { clients: 8, pipeline: 1, requests: 60_000 },
  { clients: 8, pipeline: 16, requests: 600_000 },
] as const;

/** redis-benchmark's GET: directly, through a bare pipe, and through broker without and with lists of commands. */
export async function redisRows(stage: Stage, count: number): Promise<Row[]> {
  const { host, port, logins } = stage.facts.redis;
  const { password } = logins.default;
  const open = async (name: string, config: Record<string, string | readonly string[]>): Promise<number> => {
    await stage.put(name, 'redis', { host, port, tls: 'disable', ...config }, { password });
    const session = await stage.client.sessions.open({
      service: name,
      connections: 0,
      acceptTimeout: { seconds: '300' },
    });
    return session.port;
  };
  // A pattern makes every name be looked up, and not only those that begin like a denied one.
  const lists = { allow_commands: ['get', 'set', 'config|get', 'ping'], deny_commands: ['flush*'] };
  const routes: Record<string, { readonly port: number; readonly password?: string }> = {
    direct: { port, password },
    pipe: { port: (await barePipe(stage, port)).port, password },
    broker: { port: await open('bench-redis', {}) },
    lists: { port: await open('bench-redis-lists', lists) },
  };
  const rows: Row[] = [];
  for (const load of LOADS) {
    const candidates = Object.fromEntries(
      Object.entries(routes).map(([name, route]) => [name, () => requests(route, load)]),
    );
    const runs = await rounds(count, candidates);
    const rate = (name: string): number[] => runs[name] ?? [];
    const what = `redis GET, ${load.clients} client${load.clients > 1 ? 's' : ''}, pipeline of ${load.pipeline}`;
    const detail = Object.entries(runs)
      .map(([name, values]) => `${name} ${median(values).toFixed(0)}/s`)
      .join('; ');
    const piped = ratioOf(rate('broker'), rate('pipe'));
    const observed = ratioOf(rate('lists'), rate('broker'));
    rows.push({ what, versus: 'bare pipe', ratio: piped, target: '>= 0.95', met: piped >= 0.95, detail });
    rows.push({
      what: `${what}, allow and deny lists`,
      versus: 'without lists',
      ratio: observed,
      target: '>= 0.95',
      met: observed >= 0.95,
      detail: '',
    });
  }
  return rows;
}

/** Requests a second. */
async function requests(
  route: { readonly port: number; readonly password?: string },
  load: (typeof LOADS)[number],
): Promise<number> {
  const args = ['-h', '127.0.0.1', '-p', String(route.port), '-t', 'get', '-d', '100', '--csv'];
  args.push('-c', String(load.clients), '-P', String(load.pipeline), '-n', String(load.requests));
  // The password by the environment is not for redis-benchmark.
  if (route.password !== undefined) args.push('-a', route.password);
  const output = await program('redis-benchmark', args);
  const found = /"GET","([\d.]+)"/.exec(output)?.[1];
  if (found === undefined) throw new Error(`redis-benchmark said: ${output}`);
  return Number(found);
}
