import { setMaxListeners } from 'node:events';
import type { Berth, ChannelUse, SharedUse, Trunk } from '../../core/driver.ts';
import { type BrokerError, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS, MAX_DROPPED, MAX_HANDSHAKES } from '../../core/limits.ts';
import type { SessionLimits } from './deps.ts';
import { after } from './link.ts';

/** Logs in once, on behalf of whoever waits for it. */
export type DialTrunk = (signal: AbortSignal) => Promise<Trunk>;

interface Moored {
  readonly trunk: Trunk;
  readonly used: Record<ChannelUse, number>;
  /** It was given to one alone, and is nobody else's any more. */
  taken: boolean;
  /** Places given out since it was made. */
  given: number;
  /** As the kind says, less what the server refused. */
  readonly room: Record<SharedUse, number>;
  /** When the server last showed that it is there, in epoch ms. */
  provenAt: number;
  proving: boolean;
  stopIdle: () => void;
}

interface Waiter {
  readonly use: ChannelUse;
  readonly dial: DialTrunk;
  /** Its dial is under way, or was and is not to be repeated yet. */
  dialled: boolean;
  /** How often the server dropped its login while it took others. */
  dropped: number;
  stopRest: () => void;
  readonly resolve: (berth: Berth) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The shared connections of one service. Whoever asks gets a place on one that is logged in; where none has room one more
 * is dialled, a few at a time. An idle one is kept for a while; all are closed when the service is not what it was.
 */
export class Pool {
  /** Of a new connection: as the kind says, less what the server refused on another. */
  readonly #room: Record<SharedUse, number>;
  readonly #limits: SessionLimits;
  readonly #now: () => number;
  readonly #report: (error: unknown, doing: string) => void;
  readonly #moored = new Set<Moored>();
  readonly #waiting = new Set<Waiter>();
  readonly #dialling = new Map<AbortController, Promise<void>>();
  readonly #ended = new AbortController();

  constructor(
    room: Readonly<Record<SharedUse, number>>,
    limits: SessionLimits,
    now: () => number,
    report: (error: unknown, doing: string) => void,
  ) {
    // Every session on a connection listens to it.
    setMaxListeners(0, this.#ended.signal);
    this.#room = { ...room };
    this.#limits = limits;
    this.#now = now;
    this.#report = report;
  }

  /** Aborts when the pool is closed: whoever has a place lets go of it. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Connections that are logged in, for metrics and tests. */
  get size(): number {
    return this.#moored.size;
  }

  /** True when nothing of it is in use or on its way. */
  get empty(): boolean {
    return this.#moored.size + this.#waiting.size + this.#dialling.size === 0;
  }

  /**
   * @param dial called if a connection is missing; what it makes is for anybody who waits.
   * @throws BrokerError what `dial` failed with; the pool's end; the signal's reason.
   */
  reserve(use: ChannelUse, dial: DialTrunk, signal: AbortSignal): Promise<Berth> {
    return new Promise((resolve, reject) => {
      if (this.ended.aborted) return reject(toBrokerError(this.ended.reason));
      if (signal.aborted) return reject(toBrokerError(signal.reason));
      const settle = (): void => {
        waiter.stopRest();
        signal.removeEventListener('abort', aborted);
        this.#waiting.delete(waiter);
      };
      const aborted = (): void => {
        waiter.reject(toBrokerError(signal.reason));
        // Nobody would want what is on its way.
        if (this.#waiting.size === 0) for (const dialling of this.#dialling.keys()) dialling.abort(signal.reason);
      };
      const waiter: Waiter = {
        use,
        dial,
        dialled: false,
        dropped: 0,
        stopRest: () => undefined,
        resolve: (berth) => {
          settle();
          resolve(berth);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal.addEventListener('abort', aborted, { once: true });
      this.#waiting.add(waiter);
      this.#serve();
    });
  }

  /** Ends everything: what is dialled and waited for at once, the connections when they are let go of or soon after. */
  async close(reason: BrokerError): Promise<void> {
    this.#ended.abort(reason);
    for (const waiter of [...this.#waiting]) waiter.reject(reason);
    for (const dialling of this.#dialling.keys()) dialling.abort(reason);
    const moored = [...this.#moored];
    const late = moored.map(
      (each) =>
        new Promise<void>((resolve) => {
          const stop = after(DRAIN_MS, () => resolve(this.#discard(each)));
          void each.trunk.over.then(() => {
            stop();
            resolve();
          });
          if (isIdle(each)) {
            stop();
            resolve(this.#discard(each));
          }
        }),
    );
    await Promise.all([...late, ...this.#dialling.values()]);
  }

  /** Gives places to those who wait, in their order, and dials what is missing. */
  #serve(): void {
    for (const waiter of [...this.#waiting]) {
      const moored = this.#withRoom(waiter.use);
      if (moored) waiter.resolve(this.#berth(moored, waiter.use));
    }
    // A connection that is asked for a sign of life may have room for them all the same.
    const proving = [...this.#moored].some((moored) => moored.proving);
    while (!proving && this.#dialling.size < MAX_HANDSHAKES) {
      const uncovered = this.#waiting.size > this.#dialling.size * this.#room.session;
      const next = [...this.#waiting].find((waiter) => !waiter.dialled);
      if (!uncovered || !next) return;
      next.dialled = true;
      this.#dial(next);
    }
  }

  #withRoom(use: ChannelUse): Moored | undefined {
    for (const moored of this.#moored) {
      if (moored.proving || !hasRoom(moored, use)) continue;
      if (this.#now() - moored.provenAt <= this.#limits.restAfterMs) return moored;
      moored.proving = true;
      void this.#prove(moored);
    }
    return undefined;
  }

  async #prove(moored: Moored): Promise<void> {
    const limit = new AbortController();
    const stop = after(this.#limits.aliveTimeoutMs, () => limit.abort());
    const alive = await moored.trunk.alive(limit.signal).catch(() => false);
    stop();
    moored.proving = false;
    if (alive) moored.provenAt = this.#now();
    else await this.#discard(moored);
    this.#serve();
  }

  #dial(waiter: Waiter): void {
    const stop = new AbortController();
    const dialled = this.#dialled(waiter, stop.signal).finally(() => {
      this.#dialling.delete(stop);
      this.#serve();
    });
    this.#dialling.set(stop, dialled);
  }

  /** Never rejects: a failure is told to those who waited for it. */
  async #dialled(waiter: Waiter, signal: AbortSignal): Promise<void> {
    try {
      const trunk = await waiter.dial(signal);
      if (signal.aborted || this.ended.aborted) return void (await trunk[Symbol.asyncDispose]());
      this.#moor(trunk);
    } catch (thrown) {
      const error = toBrokerError(thrown);
      const failed = error.code.startsWith('upstream_') && error.code !== 'upstream_auth';
      const alone = this.#moored.size === 0 && this.#dialling.size <= 1;
      // One that drops a connection while it takes others is busy: sshd counts a login for a while after it is through.
      if (failed && !alone && waiter.dropped < MAX_DROPPED) return this.#rest(waiter);
      waiter.reject(error);
      // A refusal of this caller is no news for the others. A server that fails is: asking again for each of them would
      // lock the account, or take the time limit of each.
      const hopeless = error.code === 'upstream_auth' || (failed && alone);
      if (hopeless) for (const other of [...this.#waiting]) other.reject(error);
    }
  }

  /** It gets the first place that is free meanwhile; else it dials again, each time after twice as long. */
  #rest(waiter: Waiter): void {
    if (!this.#waiting.has(waiter)) return;
    waiter.stopRest = after(this.#limits.droppedRestMs * 2 ** waiter.dropped++, () => {
      waiter.dialled = false;
      this.#serve();
    });
  }

  #moor(trunk: Trunk): void {
    const moored: Moored = {
      trunk,
      used: { session: 0, stream: 0, alone: 0 },
      taken: false,
      given: 0,
      room: { ...this.#room },
      provenAt: this.#now(),
      proving: false,
      stopIdle: () => undefined,
    };
    this.#moored.add(moored);
    void trunk.over.then(() => this.#discard(moored));
    this.#whenIdle(moored);
  }

  #berth(moored: Moored, use: ChannelUse): Berth {
    moored.stopIdle();
    const before = moored.used[use]++;
    const turn = ++moored.given;
    moored.taken = use === 'alone';
    let left = false;
    return {
      trunk: moored.trunk,
      refused: () => {
        const others = moored.used[use] - (left ? 0 : 1);
        if (use === 'alone') return false;
        if (others > 0 && others < moored.room[use]) this.#room[use] = moored.room[use] = others;
        // Those whose channels were in the way may have left before the refusal arrived.
        return before > 0 || others > 0 || moored.given > turn;
      },
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        moored.used[use]--;
        this.#whenIdle(moored);
        if (this.#waiting.size > 0) this.#serve();
      },
    };
  }

  #whenIdle(moored: Moored): void {
    if (!isIdle(moored)) return;
    moored.stopIdle();
    const { trunkIdleMs } = this.#limits;
    const close = (): void => void this.#discard(moored);
    // Those who wait for it get it first.
    if (this.ended.aborted || moored.taken) close();
    else moored.stopIdle = after(trunkIdleMs, close);
  }

  async #discard(moored: Moored): Promise<void> {
    this.#forget(moored);
    try {
      await moored.trunk[Symbol.asyncDispose]();
    } catch (error) {
      this.#report(error, 'closing a shared connection');
    }
  }

  #forget(moored: Moored): void {
    moored.stopIdle();
    this.#moored.delete(moored);
  }
}

function isIdle({ used }: Moored): boolean {
  return used.session + used.stream + used.alone === 0;
}

function hasRoom(moored: Moored, use: ChannelUse): boolean {
  if (moored.taken) return false;
  return use === 'alone' ? isIdle(moored) : moored.used[use] < moored.room[use];
}
