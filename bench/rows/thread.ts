import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { median, ms, type Row, ratioOf, rounds } from '../measure.ts';
import { type Stage, setStage } from '../stage.ts';
import { load, serviceAt, started } from './http.ts';

const CONNECTIONS = 32;
/** Of a clock tick in /proc, on every Linux (USER_HZ). */
const TICK_MS = 10;

/**
 * What the second thread for connections to HTTP services spares the first: its processor time for a request, which bounds
 * the rate where load and server have processors of their own. The rate of this machine stands beside it.
 */
export async function threadRow(stage: Stage, count: number): Promise<Row> {
  await using off = await setStage([], { BROKER_HTTP_THREAD: 'off' });
  await using on = await setStage([], { BROKER_HTTP_THREAD: 'on' });
  const server = await started(stage, [join(import.meta.dirname, '../peers/httpserver.ts')]);
  const measured = async (broker: Stage): Promise<() => Promise<Measured>> => {
    const target = await serviceAt(broker, server);
    return async () => {
      const before = await mainThreadMs(broker.daemonPid);
      const { requests, rate, p50, p99 } = await load(target, CONNECTIONS);
      return { spentMs: ((await mainThreadMs(broker.daemonPid)) - before) / requests, rate, p50, p99 };
    };
  };
  const runs = await rounds(count, { on: await measured(on), off: await measured(off) });
  const spent = (of: readonly Measured[]): number[] => of.map(({ spentMs }) => spentMs);
  const told = (of: readonly Measured[]): string => {
    const middle = (pick: (run: Measured) => number): number => median(of.map(pick));
    const us = (middle((run) => run.spentMs) * 1_000).toFixed(0);
    return `${us} us, ${middle((run) => run.rate).toFixed(0)}/s, p50 ${ms(middle((run) => run.p50))}, p99 ${ms(middle((run) => run.p99))}`;
  };
  return {
    what: `HTTP requests, ${CONNECTIONS} connections, processor time of the main thread with the second one`,
    versus: 'without',
    ratio: ratioOf(spent(runs.on), spent(runs.off)),
    target: '-',
    detail: `with ${told(runs.on)}; without ${told(runs.off)}`,
  };
}

interface Measured {
  readonly spentMs: number;
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

/** User and system time of the first thread of a process (proc(5), fields 14 and 15). */
async function mainThreadMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/task/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
