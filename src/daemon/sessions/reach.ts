import { isIP } from 'node:net';
import { Conn } from '../../core/conn.ts';
import {
  type AddressGuard,
  type Dialed,
  dial,
  formatHostPort,
  type HopListener,
  type Target,
} from '../../core/dial.ts';
import type { Berths, Driver, DriverIo, Trunk } from '../../core/driver.ts';
import { BrokerError, throwIfAborted } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import { MAX_LIVE_UPSTREAMS } from '../../core/limits.ts';
import type { Admission } from '../admission.ts';
import type { ResolvedService, SessionDeps, SessionLimits } from './deps.ts';
import type { Errand } from './errand.ts';
import { driverIo, TlsContexts } from './io.ts';
import { after, link } from './link.ts';
import { type DialTrunk, Pool } from './pool.ts';
import { secretsOf } from './secrets.ts';
import { Slots } from './slots.ts';
import { guardBehind, refuseCircle, viaOf } from './via.ts';

/** A service whose record is open, the driver of its kind, and in whose name and by which way it is reached. */
export interface Journey {
  readonly errand: Errand;
  readonly service: ResolvedService;
  readonly driver: Driver;
  /** The services that are reached through this one, the first one asked for first. */
  readonly behind?: readonly string[];
}

/** Who wants to know how the logins of shared connections go: `service test`. */
export interface HopWatch {
  passed(service: string): HopListener;
  failed(service: string, error: unknown): void;
}

interface NamedPool {
  readonly pool: Pool;
  readonly revision: string | number;
}

/** How services are reached: through shared connections where their kind has such, and through other services (`via`). */
export class Reach {
  readonly #deps: SessionDeps;
  readonly #limits: SessionLimits;
  readonly #guard: AddressGuard;
  readonly #watch: HopWatch | undefined;
  readonly #contexts = new TlsContexts();
  readonly #pools = new Map<string, NamedPool>();
  readonly slots = new Slots();

  constructor(deps: SessionDeps, limits: SessionLimits, guard: AddressGuard, watch?: HopWatch) {
    this.#watch = watch;
    this.#deps = deps;
    this.#limits = limits;
    this.#guard = guard;
  }

  /** Shared connections of a service that are logged in, for metrics. */
  count(service: string): number {
    return this.#pools.get(service)?.pool.size ?? 0;
  }

  /** @param grant the caller's own for the service: a first dial is made under it, further ones are admitted anew. */
  io(journey: Journey, grant: Grant, passed?: HopListener): DriverIo {
    const { service, driver } = journey;
    const berths = driver.trunks && this.#berths(journey, grant);
    return driverIo(service.name, this.#dialOf(journey), this.#contexts, this.#tokens(service), passed, berths);
  }

  /** The service was changed or removed: nothing that was made with its old record is used again. */
  async drop(service: string): Promise<void> {
    this.#contexts.drop(service);
    await this.#close(service, new BrokerError('ended', `${service} was changed`));
  }

  /** Closes all shared connections. Whoever uses one has been told to let go of it before. */
  async clear(reason: BrokerError): Promise<void> {
    this.#contexts.clear();
    await Promise.all([...this.#pools.keys()].map((service) => this.#close(service, reason)));
  }

  /** Runs a login with the time limit of all of it. @throws BrokerError `upstream_timeout`; the signal's reason. */
  async limited<T>(
    { service, driver }: Journey,
    signal: AbortSignal,
    login: (s: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { openTimeoutMs } = this.#limits;
    using limited = link(signal);
    const stop = after(openTimeoutMs, () =>
      limited.abort(
        new BrokerError(
          'upstream_timeout',
          `${driver.describe(service.config)} did not finish the login within ${openTimeoutMs / 1000} s`,
        ),
      ),
    );
    try {
      return await login(limited.signal);
    } catch (error) {
      // However the driver words an abort, the reason is the signal's.
      throwIfAborted(limited.signal);
      throw error;
    } finally {
      stop();
    }
  }

  #berths(journey: Journey, grant: Grant, again = (): Promise<Admission> => this.#admit(journey.errand)): Berths {
    const pool = this.#pool(journey.service, journey.driver);
    let own: Grant | undefined = grant;
    const dialTrunk: DialTrunk = async (signal) => {
      const given = own;
      own = undefined;
      if (given?.active) return await this.#dialTrunk(journey, given, signal);
      const admission = await again();
      using fresh = admission.grant;
      const trunk = await this.#dialTrunk(journey, fresh, signal);
      await admission.recorded;
      return trunk;
    };
    return { reserve: (use, signal) => pool.reserve(use, dialTrunk, signal), ended: pool.ended };
  }

  #pool(service: ResolvedService, driver: Driver): Pool {
    const known = this.#pools.get(service.name);
    if (known?.revision === service.revision) return known.pool;
    if (!driver.trunks) throw new BrokerError('internal', `${driver.kind} has no shared connections`);
    if (known) void this.drop(service.name);
    const pool = new Pool(driver.trunks.room, this.#limits, this.#deps.now, this.#deps.report);
    this.#pools.set(service.name, { pool, revision: service.revision });
    return pool;
  }

  async #close(service: string, reason: BrokerError): Promise<void> {
    const known = this.#pools.get(service);
    this.#pools.delete(service);
    await known?.pool.close(reason);
  }

  /** Logs in with the record as it is now. */
  async #dialTrunk(journey: Journey, grant: Grant, signal: AbortSignal): Promise<Trunk> {
    const { trunks } = journey.driver;
    if (!trunks) throw new BrokerError('internal', `${journey.driver.kind} has no shared connections`);
    const service = await this.#deps.services.resolve(grant);
    using _ = secretsOf(service.config);
    const release = this.slots.take(service.name, service.policy.maxSessions || MAX_LIVE_UPSTREAMS);
    try {
      const now = { ...journey, service };
      const io = driverIo(
        service.name,
        this.#dialOf(now),
        this.#contexts,
        this.#tokens(service),
        this.#watch?.passed(service.name),
      );
      const trunk = await this.limited(now, signal, (limited) => trunks.open(service.config, io, limited));
      void trunk.over.then(release);
      return trunk;
    } catch (error) {
      release();
      this.#watch?.failed(service.name, error);
      throw error;
    }
  }

  #tokens(service: ResolvedService): DriverIo['accessToken'] | undefined {
    return this.#deps.accessToken?.(service.name);
  }

  #dialOf(journey: Journey): (target: Target, passed: HopListener, signal: AbortSignal) => Promise<Dialed> {
    const via = viaOf(journey.service.config);
    if (via === undefined) return (target, passed, signal) => dial(target, this.#guard, passed, signal);
    return (target, passed, signal) => this.#dialVia(journey, via, target, passed, signal);
  }

  /** A connection that another service makes: admitted for the same caller, who needs no grant of its own for that one. */
  async #dialVia(
    { errand, service, behind = [] }: Journey,
    via: string,
    target: Target,
    passed: HopListener,
    signal: AbortSignal,
  ): Promise<Dialed> {
    const chain = [...behind, service.name];
    refuseCircle(chain, via);
    guardBehind(target, this.#guard);
    const admit = (): Promise<Admission> => this.#admit(errand, { service: via, target: service.name });
    const { grant, recorded } = await admit();
    using _ = grant;
    const bastion = await this.#deps.services.resolve(grant);
    using __ = secretsOf(bastion.config);
    const driver = this.#deps.drivers.get(bastion.kind);
    if (!driver?.trunks)
      throw new BrokerError('invalid_argument', `via names ${via}, which is no ssh service`, { hop: 'config' });
    const berths = this.#berths({ errand, service: bastion, driver, behind: chain }, grant, admit);
    const berth = await berths.reserve('stream', signal).catch((error: unknown) => {
      throw error instanceof BrokerError ? error.forService(via) : error;
    });
    try {
      await recorded;
      const stream = await berth.trunk.stream(target, signal);
      stream.once('close', () => berth[Symbol.dispose]());
      if (!isIP(target.host.replace(/^\[(.*)\]$/, '$1'))) passed('dns', `${target.host} is resolved by ${via}`);
      passed('tcp', `connected to ${formatHostPort(target.host, target.port)} from ${via}`);
      return { conn: new Conn(stream, 'upstream'), address: target };
    } catch (error) {
      berth[Symbol.dispose]();
      throw error instanceof BrokerError ? error.forService(via) : error;
    }
  }

  #admit(errand: Errand, through?: { readonly service: string; readonly target: string }): Promise<Admission> {
    const { caller, service, action, session, reason } = errand;
    return this.#deps.gate.enter(caller, {
      ...(through ? { action: 'via', ...through } : { action, service }),
      session,
      ...(reason !== undefined && { reason }),
    });
  }
}
