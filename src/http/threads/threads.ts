import { performance } from 'node:perf_hooks';
import type { Worker } from 'node:worker_threads';
import { BrokerError } from '../../core/errors.ts';
import { Lane } from './lane.ts';
import type { FromThread } from './messages.ts';

export interface ThreadParts {
  /** A new thread, which hears and says what messages.ts has. */
  start(): Worker;
  /** The most threads; 0 for none. */
  readonly most: number;
  /** From the first request on, whatever the load. */
  readonly always: boolean;
  /** For the daemon's log. */
  readonly report: (error: unknown, doing: string) => void;
}

/** Milliseconds between two looks at the load. */
const LOOK_MS = 250;
/** Part of the time that the event loop is busy, and requests in the time of a look, from which on it is load. */
const BUSY = 0.8;
const MANY = 25;
/** Looks with fewer requests than that after which the threads go. */
const QUIET_LOOKS = 40;

/**
 * The threads that take over the servers' side of requests (connections, TLS, parsing) while one processor is not
 * enough. They know nothing but what they connect to and what is to be sent: who may do what is decided, counted and
 * recorded in one place. Without load there are none, since a request takes longer through two threads.
 */
export class Threads implements AsyncDisposable {
  readonly #parts: ThreadParts;
  readonly #running = new Map<Lane, Worker>();
  #timer: NodeJS.Timeout | undefined;
  #last = performance.eventLoopUtilization();
  #requests = 0;
  #quiet = 0;
  #closed = false;

  constructor(parts: ThreadParts) {
    this.#parts = parts;
  }

  /** For one request: the thread with the least under way; undefined where this one is enough. */
  lane(): Lane | undefined {
    if (this.#parts.most === 0 || this.#closed) return undefined;
    this.#requests += 1;
    if (this.#timer === undefined) this.#watch();
    let least: Lane | undefined;
    for (const lane of this.#running.keys()) if (!least || lane.load < least.load) least = lane;
    return least;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.all([...this.#running.keys()].map((lane) => this.#end(lane)));
  }

  #watch(): void {
    this.#last = performance.eventLoopUtilization();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
    if (this.#parts.always) this.#start();
  }

  #look(): void {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#last);
    const many = this.#requests >= MANY;
    this.#last = now;
    this.#requests = 0;
    this.#quiet = many || this.#parts.always ? 0 : this.#quiet + 1;
    if (many && utilization >= BUSY && this.#running.size < this.#parts.most) this.#start();
    if (this.#quiet < QUIET_LOOKS) return;
    for (const lane of this.#running.keys()) if (lane.load === 0) void this.#end(lane);
    if (this.#running.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#quiet = 0;
  }

  #start(): void {
    const worker = this.#parts.start();
    const lane = new Lane((said, handed) => worker.postMessage(said, handed));
    this.#running.set(lane, worker);
    worker.on('message', (said: readonly FromThread[]) => lane.heard(said));
    worker.on('error', (error) => {
      this.#parts.report(error, 'connections to HTTP services (a thread of theirs ended)');
    });
    worker.on('exit', () => {
      this.#running.delete(lane);
      lane.broken(new BrokerError('internal', 'internal error; the daemon log has the details'));
    });
    worker.unref();
  }

  async #end(lane: Lane): Promise<void> {
    const worker = this.#running.get(lane);
    this.#running.delete(lane);
    await worker?.terminate();
  }
}
