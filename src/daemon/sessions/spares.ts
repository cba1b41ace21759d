import type { OpenParams } from '../../core/driver.ts';
import type { SessionLimits } from './deps.ts';
import { type Held, sameParams } from './held.ts';
import { after } from './link.ts';

/** What is kept for one service. */
interface Stock {
  wanted: number;
  readonly idle: Map<Held, () => void>;
  dialling: number;
  /** The parameters its last client had: the next one will probably have them too. */
  lastParams: OpenParams | undefined;
  /** Set by a failed dial: not tried again before the next explicit open, or a changed password locks the account. */
  failed: boolean;
  stopLinger: () => void;
}

/**
 * Connections that are logged in already and wait for whoever is admitted next. Each is used once, never after a
 * client; a service keeps them only for a while after its last use.
 */
export class Spares {
  readonly #stocks = new Map<string, Stock>();
  readonly #limits: SessionLimits;
  readonly #now: () => number;
  readonly #report: (error: unknown, doing: string) => void;

  constructor(limits: SessionLimits, now: () => number, report: (error: unknown, doing: string) => void) {
    this.#limits = limits;
    this.#now = now;
    this.#report = report;
  }

  /** Number of idle spares, for tests and metrics. */
  count(service: string): number {
    return this.#stocks.get(service)?.idle.size ?? 0;
  }

  lastParams(service: string): OpenParams | undefined {
    return this.#stocks.get(service)?.lastParams;
  }

  /** One with exactly these parameters that has answered just now; dead, old and outdated ones are thrown away. */
  async take(service: string, revision: string | number, params: OpenParams): Promise<Held | undefined> {
    const stock = this.#stocks.get(service);
    if (!stock) return undefined;
    for (const held of [...stock.idle.keys()]) {
      if (!stock.idle.has(held)) continue;
      const outdated = held.revision !== revision || this.#now() - held.openedAt > this.#limits.spareMaxAgeMs;
      if (!outdated && !sameParams(held.params, params)) continue;
      this.#remove(stock, held);
      if (!outdated && (await held.alive(this.#limits.aliveTimeoutMs))) return held;
      await this.#discard(held);
    }
    return undefined;
  }

  /** Keeps a connection that no client has touched, or closes it where none is wanted. */
  async put(held: Held): Promise<void> {
    const stock = this.#stocks.get(held.service);
    const ageMs = this.#now() - held.openedAt;
    if (!stock || stock.wanted === 0 || ageMs >= this.#limits.spareMaxAgeMs) return this.#discard(held);
    const stopAge = after(this.#limits.spareMaxAgeMs - ageMs, () => {
      this.#remove(stock, held);
      void this.#discard(held);
    });
    stock.idle.set(held, stopAge);
    // The newest is the likeliest to be asked for.
    while (stock.idle.size > stock.wanted) {
      const [oldest] = stock.idle.keys();
      if (!oldest) return;
      this.#remove(stock, oldest);
      await this.#discard(oldest);
    }
  }

  /** The service is used: it keeps `wanted` spares for the linger time from now. */
  touch(service: string, wanted: number, params: OpenParams): void {
    const stock = this.#stock(service);
    stock.wanted = wanted;
    stock.lastParams = params;
    stock.stopLinger();
    stock.stopLinger = after(this.#limits.spareLingerMs, () => {
      this.drop(service).catch((error: unknown) => this.#report(error, 'dropping spares'));
    });
  }

  /** Somebody opens a session: a dial that failed may be tried again. */
  forgive(service: string): void {
    const stock = this.#stocks.get(service);
    if (stock) stock.failed = false;
  }

  /**
   * Dials until the wanted number is there. Not awaited by anybody's session: it reports its failures.
   * @param dial a fresh, admitted connection; undefined where there is no room for one.
   */
  async replenish(service: string, dial: () => Promise<Held | undefined>): Promise<void> {
    const stock = this.#stocks.get(service);
    while (stock && !stock.failed && this.#fitting(stock) + stock.dialling < stock.wanted) {
      stock.dialling++;
      try {
        const held = await dial();
        if (!held) return;
        // Dropped meanwhile (rotation, lock): what was dialled is of the old world.
        if (this.#stocks.get(service) === stock) await this.put(held);
        else await this.#discard(held);
      } catch (error) {
        stock.failed = true;
        this.#report(error, `dialling a spare for ${service}`);
      } finally {
        stock.dialling--;
      }
      if (this.#stocks.get(service) !== stock) return;
    }
  }

  /** Frees one connection for somebody who needs its place. @returns false when there is none. */
  async evict(service: string): Promise<boolean> {
    const stock = this.#stocks.get(service);
    const [oldest] = stock?.idle.keys() ?? [];
    if (!stock || !oldest) return false;
    this.#remove(stock, oldest);
    await this.#discard(oldest);
    return true;
  }

  /** Closes a service's spares and forgets it. @returns how many there were, those being dialled included. */
  async drop(service: string): Promise<number> {
    const stock = this.#stocks.get(service);
    if (!stock) return 0;
    this.#stocks.delete(service);
    stock.stopLinger();
    const idle = [...stock.idle.keys()];
    for (const held of idle) this.#remove(stock, held);
    await Promise.all(idle.map((held) => this.#discard(held)));
    return idle.length + stock.dialling;
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#stocks.keys()].map((service) => this.drop(service)));
  }

  /** Spares that the service's next client can probably use; others make room for such. */
  #fitting(stock: Stock): number {
    const { lastParams } = stock;
    return [...stock.idle.keys()].filter((held) => lastParams && sameParams(held.params, lastParams)).length;
  }

  #stock(service: string): Stock {
    const known = this.#stocks.get(service);
    if (known) return known;
    const made: Stock = {
      wanted: 0,
      idle: new Map(),
      dialling: 0,
      lastParams: undefined,
      failed: false,
      stopLinger: () => undefined,
    };
    this.#stocks.set(service, made);
    return made;
  }

  #remove(stock: Stock, held: Held): void {
    stock.idle.get(held)?.();
    stock.idle.delete(held);
  }

  async #discard(held: Held): Promise<void> {
    try {
      await held[Symbol.asyncDispose]();
    } catch (error) {
      this.#report(error, 'closing a spare');
    }
  }
}
