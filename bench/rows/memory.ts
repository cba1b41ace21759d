import { readdir } from 'node:fs/promises';
import pg from 'pg';
import type { Row } from '../measure.ts';
import { residentKb, type Stage } from '../stage.ts';

const SESSIONS = 90;

/** Resident memory of the daemon: idle, and what each further idle session adds. First of all rows: later ones warm it. */
export async function memoryRows(stage: Stage): Promise<Row[]> {
  const { client, daemonPid } = stage;
  const idle = await residentKb(daemonPid);
  await stage.addService('bench-memory', { spares: 0 });
  const warm = await hold(stage, 10);
  const before = await residentKb(daemonPid);
  const held = await hold(stage, SESSIONS - 10);
  const after = await residentKb(daemonPid);
  for (const release of [...warm, ...held]) await release();
  void client;
  const each = (after - before) / (SESSIONS - 10);
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
      detail: `${each.toFixed(1)} KiB, over ${SESSIONS - 10} TLS sessions`,
    },
  ];
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
