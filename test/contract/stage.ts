import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { Conn } from '../../src/core/conn.ts';
import type { SessionDeps } from '../../src/daemon/sessions/deps.ts';
import type { Lease, OpenedLease } from '../../src/daemon/sessions/manager.ts';
import type { FakeServer } from '../fakes/listener.ts';
import { caller, never, peers, World } from '../support/sessions.ts';
import type { ContractHarness } from './harness.ts';

/** The one service of a stage. */
export const SERVICE = 'app';

/** A fake upstream, and a session manager that has it as a service. */
export interface Stage extends AsyncDisposable {
  readonly server: FakeServer;
  readonly world: World;
  open(request?: Partial<Parameters<World['manager']['open']>[1]>, signal?: AbortSignal): Promise<OpenedLease>;
  enter(lease: Lease): Promise<Conn & Disposable>;
}

export async function setStage(harness: ContractHarness, deps: Partial<SessionDeps> = {}): Promise<Stage> {
  const server = await harness.start();
  const lookup = await peers();
  // What is kept for the next session would stand in the way of counting.
  const limits = { trunkIdleMs: 0, ...deps.limits };
  const way = await harness.way?.start();
  const drivers = [harness.driver, ...(harness.way ? [harness.way.driver] : [])];
  const world = await World.make(drivers, { peers: lookup, ...deps, limits });
  const noSpares = (): unknown => ({ ...(harness.config(server, harness.password) as object), spares: 0 });
  world.services.set(SERVICE, { kind: harness.driver.kind, config: noSpares });
  if (harness.way && way) world.services.set(harness.way.name, { kind: harness.way.driver.kind, config: way.config });
  return {
    server,
    world,
    open: (request = {}, signal = never) => world.manager.open(caller(), { service: SERVICE, ...request }, signal),
    async enter(lease) {
      const socket = connect({ host: lease.address.host, port: lease.address.port, allowHalfOpen: true });
      await once(socket, 'connect');
      return disposable(new Conn(harness.wrap?.(socket) ?? socket, 'client'));
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await way?.[Symbol.asyncDispose]();
    },
  };
}

/** A connection made by a process of another user, which only root can start. */
export async function connectAs(uid: number, lease: Lease, harness: ContractHarness): Promise<Conn & Disposable> {
  const where = `{host:'127.0.0.1',port:${lease.address.port},allowHalfOpen:true}`;
  const script = `const s=require('net').connect(${where});process.stdin.pipe(s).pipe(process.stdout)`;
  const stdio = ['pipe', 'pipe', 'inherit'] as const;
  const child = spawn(process.execPath, ['-e', script], { uid, gid: uid, cwd: '/', stdio: [...stdio] });
  const { stdout, stdin } = child;
  assert(stdout && stdin);
  const stream = Duplex.from({ readable: stdout, writable: stdin });
  const conn = new Conn(harness.wrap?.(stream) ?? stream, 'client');
  return Object.assign(conn, { [Symbol.dispose]: () => void child.kill() });
}

function disposable(conn: Conn): Conn & Disposable {
  return Object.assign(conn, { [Symbol.dispose]: () => conn.destroy() });
}

export async function refused(lease: Lease): Promise<void> {
  const socket = connect(lease.address.port, lease.address.host);
  const [error] = await once(socket, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
}

/** Files that the module loader's thread reads or caches; it shares our descriptors. */
const LOADER = /\.[cm]?[jt]s$|\.json$|\/tsx-\d+\//;

/** A descriptor that was closed since the folder was read, as that of the reading itself is. */
function gone(error: NodeJS.ErrnoException): string {
  if (error.code !== 'ENOENT') throw error;
  return '';
}

/** What keeps the process alive or holds a descriptor. Waits for sockets that are closing in this turn of the loop. */
export async function handles(): Promise<{ descriptors: number; resources: string[] }> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  const open = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(gone)),
  );
  const descriptors = open.filter((target) => !LOADER.test(target)).length;
  const resources = process.getActiveResourcesInfo().filter((name) => name !== 'FSReqPromise');
  return { descriptors, resources: resources.sort() };
}

type Handles = Awaited<ReturnType<typeof handles>>;

/** Milliseconds for what is closing: a connection says goodbye and waits for the other side's. What leaked stays. */
const CLOSING_MS = 20_000;

/**
 * Fails if there is more of anything than before many rounds of the same. There may be less: what was counted before can
 * have been closing.
 */
export async function nothingLeft(before: Handles): Promise<void> {
  const deadline = performance.now() + CLOSING_MS;
  let left = more(before, await handles());
  while (left.length > 0 && performance.now() < deadline) left = more(before, await handles());
  assert.deepEqual(left, []);
}

function more(before: Handles, after: Handles): string[] {
  const count = ({ resources }: Handles, name: string): number => resources.filter((each) => each === name).length;
  const resources = after.resources.filter((name) => count(after, name) > count(before, name));
  const { descriptors } = after;
  return descriptors <= before.descriptors
    ? resources
    : [...resources, `${before.descriptors} of ${descriptors} descriptors`];
}
