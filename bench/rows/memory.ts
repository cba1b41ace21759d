import { readdir } from 'node:fs/promises';
import pg from 'pg';
import { median, type Row } from '../measure.ts';
import { residentKb, type Stage } from '../stage.ts';

/** What the server takes, less a few for others. */
const SESSIONS = 80;
const BATCH = 20;
const CYCLES = 4;

/** Resident memory of the daemon: idle, and what each further idle session adds. First of all rows: later ones warm it. */
export async function memoryRows(stage: Stage): Promise<Row[]> {
  const { daemonPid } = stage;
  const idle = await residentKb(daemonPid);
  await stage.addService('bench-memory', { spares: 0 });
  const each = await perSession(stage);
  return [
    {
      what: 'daemon idle, resident',
      versus: '-',
      target: '<= 90 MB',
      met: idle <= 90 * 1024,
      detail: `${(idle / 1024).toFixed(1)} MB`,
    },
    {
      what: 'each further idle session',
      versus: '-',
      target: '<= 64 KiB',
      met: each <= 64,
      detail: `${each.toFixed(1)} KiB, median slope of ${(CYCLES * SESSIONS) / BATCH} batches of ${BATCH} TLS sessions`,
    },
  ];
}

/**
 * KiB that an idle session adds, as the median over batches that are opened one after the other. The first sessions of
 * a process make V8's young generation, pools and compiled code grow, once and by megabytes: SESSIONS are opened and
 * closed before anything is measured. The daemon cannot be asked to collect garbage, which grows a batch's reading by
 * what waits to be collected and shrinks that of the batch in which it is: the median leaves both kinds out.
 */
async function perSession(stage: Stage): Promise<number> {
  const slopes: number[] = [];
  for (let cycle = 0; cycle <= CYCLES; cycle++) {
    const held: (() => Promise<unknown>)[] = [];
    for (let before = await residentKb(stage.daemonPid); held.length < SESSIONS; ) {
      held.push(...(await hold(stage, BATCH)));
      const after = await residentKb(stage.daemonPid);
      if (cycle > 0) slopes.push((after - before) / BATCH);
      before = after;
    }
    for (const release of held) await release();
  }
  console.error(`  KiB per session, by batch: ${slopes.map((slope) => slope.toFixed(0)).join(' ')}`);
  return median(slopes);
}

async function hold(stage: Stage, count: number): Promise<(() => Promise<unknown>)[]> {
  const held: (() => Promise<unknown>)[] = [];
  for (let i = 0; i < count; i++) {
    const { id, port } = await stage.client.sessions.open({ service: 'bench-memory' });
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'any', database: 'any' });
    client.on('error', () => undefined); // closed from the other side at the end of the row
    await client.connect();
    held.push(() => stage.client.sessions.close({ id }));
  }
  return held;
}

/** Open file descriptors of a process. */
export async function descriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}
