import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { Worker } from 'node:worker_threads';
import { BrokerError } from '../../core/errors.ts';
import { Lane } from './lane.ts';
import type { FromThread } from './messages.ts';

/** When there is a second thread: while it is of use, from the first request on, or never. */
export type ThreadMode = 'auto' | 'on' | 'off';

export interface SecondThreadParts {
  readonly mode: ThreadMode;
  /** Requests under way. */
  underWay(): number;
  /** A new thread, which hears and says what messages.ts has. */
  start(): Worker;
  /** For the daemon's log. */
  report(error: unknown, doing: string): void;
  /** Milliseconds that the machine's processors have been idle so far, all together; the system's word by default. */
  idleMs?(): number;
  /** Milliseconds between two looks at the load. */
  readonly lookMs?: number;
}

const LOOK_MS = 250;
/** Part of the time that the event loop is busy, and requests in the time of a look, from which on it is load. */
const BUSY = 0.8;
const MANY = 25;
/** Requests under way at each look: one after the other gain nothing from two threads, however busy they keep one. */
const SIDE_BY_SIDE = 8;
/** Part of a processor that has to be idle meanwhile: where others need them all, a thread more takes from them. */
const SPARE = 0.75;
/** Looks with few requests after which the thread goes. */
const QUIET_LOOKS = 40;

/**
 * The thread that takes over the servers' side of requests (connections, TLS, HTTP) while one processor is not enough and
 * another is idle. It knows nothing but what it connects to and what is to be sent: who may do what is decided, counted and
 * recorded in one place. Without load there is none, since a request takes longer through two threads.
 */
export class SecondThread implements AsyncDisposable {
  readonly #parts: SecondThreadParts;
  readonly #idleMs: () => number;
  #running: { readonly lane: Lane; readonly worker: Worker } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last = performance.eventLoopUtilization();
  /** As of the last look that saw load. */
  #busySince: { readonly at: number; readonly idleMs: number } | undefined;
  #requests = 0;
  #quiet = 0;
  #closed = false;

  constructor(parts: SecondThreadParts) {
    this.#parts = parts;
    this.#idleMs = parts.idleMs ?? machineIdleMs;
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  /** For one request; undefined where this thread is to do all of it. */
  lane(): Lane | undefined {
    if (this.#parts.mode === 'off' || this.#closed) return undefined;
    this.#requests += 1;
    if (this.#parts.mode === 'on') this.#running ?? this.#start();
    else if (this.#timer === undefined) this.#watch();
    return this.#running?.lane;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#end();
  }

  #watch(): void {
    this.#last = performance.eventLoopUtilization();
    this.#timer = setInterval(() => this.#look(), this.#parts.lookMs ?? LOOK_MS);
    this.#timer.unref();
  }

  #look(): void {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#last);
    const many = this.#requests >= MANY;
    this.#last = now;
    this.#requests = 0;
    this.#quiet = many ? 0 : this.#quiet + 1;
    if (!this.#running) this.#startIfOfUse(many && utilization >= BUSY && this.#parts.underWay() >= SIDE_BY_SIDE);
    if (this.#quiet < QUIET_LOOKS || (this.#running?.lane.load ?? 0) > 0) return;
    void this.#end();
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#quiet = 0;
  }

  #startIfOfUse(busy: boolean): void {
    const before = this.#busySince;
    this.#busySince = busy ? { at: performance.now(), idleMs: this.#idleMs() } : undefined;
    if (!before || !this.#busySince) return;
    const spare = (this.#busySince.idleMs - before.idleMs) / (this.#busySince.at - before.at);
    if (spare >= SPARE) this.#start();
  }

  #start(): void {
    const worker = this.#parts.start();
    const lane = new Lane((said, handed) => worker.postMessage(said, handed));
    this.#running = { lane, worker };
    this.#busySince = undefined;
    worker.on('message', (said: readonly FromThread[]) => lane.heard(said));
    worker.on('error', (error) => this.#parts.report(error, 'connections to HTTP services (their thread ended)'));
    worker.on('exit', () => {
      if (this.#running?.worker === worker) this.#running = undefined;
      lane.broken(new BrokerError('internal', 'internal error; the daemon log has the details'));
    });
    worker.unref();
  }

  async #end(): Promise<void> {
    const worker = this.#running?.worker;
    this.#running = undefined;
    await worker?.terminate();
  }
}

function machineIdleMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0);
}
