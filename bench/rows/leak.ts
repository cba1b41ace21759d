import { connect } from 'node:net';
import { join } from 'node:path';
import { GrantAuthority } from '../../src/core/grant.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Caller } from '../../src/daemon/caller.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { createLog } from '../../src/daemon/log.ts';
import { createPeerLookup } from '../../src/daemon/peer/lookup.ts';
import type { Row } from '../measure.ts';
import type { Stage } from '../stage.ts';
import { descriptors } from './memory.ts';

const PARALLEL = 8;

/** Sessions opened, used by a real client's bytes, closed: afterwards descriptors and heap are what they were. */
export async function leakRow(stage: Stage, sessions: number): Promise<Row> {
  if (!globalThis.gc) throw new Error('the leak row needs node --expose-gc');
  void GrantAuthority;
  const { facts } = stage;
  await using daemon = await Daemon.start({
    home: join(stage.folder, 'leak'),
    log: createLog('warn'),
    peers: await createPeerLookup(),
    version: 'bench',
    socketIsPrivate: true,
    sessionDir: join(stage.folder, 'leak', 'sessions'),
    socketDir: join(stage.folder, 'leak'),
    ownPorts: () => [],
    weaknesses: [],
    requestStop: () => undefined,
  });
  using password = Secret.fromText('master password of the leak row');
  await daemon.vault.initialize(password, AbortSignal.timeout(30_000));
  await daemon.unlocked();
  const { host, port, logins, databases, ca } = facts.postgres;
  const config = { host, port, user: logins.scram.user, database: databases.app, ca: ca.cert };
  await daemon.services.put(
    'leak',
    'postgres',
    { config, secrets: { password: Secret.fromText(logins.scram.password) } },
    true,
  );
  const uid = process.getuid?.() ?? 0;
  const caller: Caller = { transport: 'internal', origin: 'bench', peer: { uid } };
  const one = async (): Promise<void> => {
    const lease = await daemon.sessions.open(caller, { service: 'leak' }, AbortSignal.timeout(30_000));
    await use(lease.address.port);
  };
  const many = async (count: number): Promise<void> => {
    let left = count;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await one();
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    await daemon.sessions.dropSpares('leak');
  };
  await many(Math.min(1_000, sessions / 5));
  const before = await settle();
  await many(sessions);
  const after = await settle();
  const fds = after.fds - before.fds;
  const heapMb = (after.heap - before.heap) / 1024 / 1024;
  return {
    what: `${sessions.toLocaleString('en')} sessions opened, used, closed`,
    versus: 'before',
    target: '0 descriptors, <= 2 MB of heap',
    met: fds <= 0 && heapMb <= 2,
    detail: `${fds} descriptors, ${heapMb.toFixed(2)} MB of heap, ${daemon.sessions.list().length} sessions listed`,
  };
}

/** Descriptors and heap when nothing is left to collect or close. */
async function settle(): Promise<{ fds: number; heap: number }> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    globalThis.gc?.();
    best = Math.min(best, process.memoryUsage().heapUsed);
  }
  return { fds: await descriptors(process.pid), heap: best };
}

/** A startup message, a query, its answer, a goodbye: the bytes of a client, without a client's own garbage. */
function use(port: number): Promise<void> {
  const startup = Buffer.from('\0\0\0\x11\0\x03\0\0user\0any\0\0'.replace('\x11', '\x12'), 'latin1');
  startup.writeInt32BE(startup.length, 0);
  const query = Buffer.concat([Buffer.from('Q\0\0\0\0', 'latin1'), Buffer.from('select 1\0')]);
  query.writeInt32BE(query.length - 1, 1);
  const goodbye = Buffer.from('X\0\0\0\x04', 'latin1');
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let seen = '';
    let asked = false;
    socket.on('connect', () => socket.write(startup));
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1');
      // ReadyForQuery: 'Z', length 5, idle.
      if (!seen.endsWith('Z\0\0\0\x05I')) return;
      seen = '';
      socket.write(asked ? goodbye : query);
      asked = true;
    });
    socket.on('error', reject);
    socket.on('close', () => (asked ? resolve() : reject(new Error('the session ended before the query'))));
  });
}
