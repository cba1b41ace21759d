import type { AddressGuard } from '../../core/dial.ts';
import type { Driver, OpenParams } from '../../core/driver.ts';
import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import type { Grant, SessionAction } from '../../core/grant.ts';
import { MAX_LIVE_UPSTREAMS } from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import type { Caller } from '../caller.ts';
import type { Admission, ResolvedService, SessionDeps, SessionLimits } from './deps.ts';
import { Held } from './held.ts';
import { driverIo, TlsContexts } from './io.ts';
import { after, link } from './link.ts';
import { Slots } from './slots.ts';
import { Spares } from './spares.ts';

/** On whose behalf a connection is wanted, and for what: every one is admitted by the gate for its own caller. */
export interface Errand {
  readonly caller: Caller;
  readonly service: string;
  readonly action: SessionAction;
  readonly session: string;
  readonly kind?: string | undefined;
  readonly reason?: string | undefined;
}

export interface Obtained {
  readonly held: Held;
  readonly driver: Driver;
  /** Its secrets are disposed already; the rest is for `hint` and messages. */
  readonly service: ResolvedService;
  readonly fromSpare: boolean;
}

/** PostgreSQL: too_many_connections. */
const TOO_MANY_CONNECTIONS = '53300';
const NO_PARAMS: OpenParams = new Map();

/** Where authenticated connections come from: the spares, or a driver that logs in now. */
export class Upstreams {
  readonly #deps: SessionDeps;
  readonly #limits: SessionLimits;
  readonly #guard: AddressGuard;
  readonly #slots = new Slots();
  readonly #contexts = new TlsContexts();
  /** Ends the dialling of spares: they belong to no session whose end would end it. */
  #background = new AbortController();
  readonly spares: Spares;

  constructor(deps: SessionDeps, limits: SessionLimits, guard: AddressGuard) {
    this.#deps = deps;
    this.#limits = limits;
    this.#guard = guard;
    this.spares = new Spares(limits, deps.now, deps.report);
  }

  /** @throws BrokerError the gate's, as it is. */
  admit(errand: Errand): Promise<Admission> {
    return this.#deps.gate.enter(errand.caller, {
      action: errand.action,
      service: errand.service,
      session: errand.session,
      ...(errand.reason !== undefined && { reason: errand.reason }),
    });
  }

  /**
   * Takes a spare or dials.
   * @param grant stays with the caller of this method, and must live as long as what was obtained.
   * @param params undefined: those that the service's last client had.
   * @throws BrokerError with the service's name in front.
   */
  obtain(grant: Grant, errand: Errand, params: OpenParams | undefined, signal: AbortSignal): Promise<Obtained> {
    return this.#underGrant(grant, errand, signal, async (service, driver, linked) => {
      const wanted = params ?? this.spares.lastParams(service.name) ?? NO_PARAMS;
      const spare = await this.spares.take(service.name, service.revision, wanted);
      if (spare) return { held: spare, fromSpare: true };
      try {
        return { held: await this.#dial(service, driver, wanted, linked), fromSpare: false };
      } catch (error) {
        const full = error instanceof BrokerError && error.upstreamCode === TOO_MANY_CONNECTIONS;
        if (!full || (await this.spares.drop(service.name)) === 0) throw error;
        return { held: await this.#dial(service, driver, wanted, linked), fromSpare: false };
      }
    });
  }

  /** A client with `params` has come: from now on, and for a while, the service keeps spares like it. */
  touch({ service, driver }: Pick<Obtained, 'driver' | 'service'>, params: OpenParams): void {
    this.spares.touch(service.name, driver.spares(service.config), params);
  }

  /**
   * Dials the spares that are missing, each admitted for the errand's caller. Returns at once, and begins a moment later:
   * the client that has just come in must not wait for a handshake that is not its own.
   */
  replenish(errand: Errand, { service }: Pick<Obtained, 'service'>, params: OpenParams): void {
    const { signal } = this.#background;
    const dial = async (): Promise<Held | undefined> => {
      // Asked before the gate, which would put a refusal on record that nobody has caused.
      if (this.#slots.isFull(service.name, mostSessions(service))) return undefined;
      const { grant } = await this.admit(errand);
      using _ = grant;
      const made = await this.#underGrant(grant, errand, signal, async (fresh, driver, linked) => ({
        held: await this.#dial(fresh, driver, params, linked),
        fromSpare: false,
      }));
      return made.held;
    };
    after(this.#limits.replenishAfterMs, () => {
      if (signal.aborted) return;
      this.spares.replenish(errand.service, dial).catch((error: unknown) => this.#deps.report(error, 'keeping spares'));
    });
  }

  /** Keeps a connection that no client has touched. */
  async giveBack(held: Held): Promise<void> {
    await this.spares.put(held);
  }

  /** The service was changed or removed: nothing that was made with its old record is used again. */
  async drop(service: string): Promise<void> {
    this.#contexts.drop(service);
    await this.spares.drop(service);
  }

  async clear(reason: BrokerError): Promise<void> {
    this.#background.abort(reason);
    this.#background = new AbortController();
    this.#contexts.clear();
    await this.spares.clear();
  }

  async #underGrant(
    grant: Grant,
    errand: Errand,
    signal: AbortSignal,
    make: (
      service: ResolvedService,
      driver: Driver,
      signal: AbortSignal,
    ) => Promise<{ readonly held: Held; readonly fromSpare: boolean }>,
  ): Promise<Obtained> {
    let held: Held | undefined;
    try {
      using linked = link(signal, grant.signal);
      throwIfAborted(linked.signal);
      const service = await this.#deps.services.resolve(grant);
      using _ = secretsOf(service.config);
      const driver = this.#driverFor(service, errand.kind);
      const made = await make(service, driver, linked.signal);
      held = made.held;
      throwIfAborted(linked.signal);
      return { ...made, driver, service };
    } catch (error) {
      await held?.[Symbol.asyncDispose]();
      throw toBrokerError(error).forService(errand.service);
    }
  }

  #driverFor(service: ResolvedService, wantedKind: string | undefined): Driver {
    if (wantedKind !== undefined && wantedKind !== service.kind)
      throw new BrokerError('invalid_argument', `is a ${service.kind} service, not ${wantedKind}`, {
        hint: `broker ${service.kind} {service}`,
      });
    const driver = this.#deps.drivers.get(service.kind);
    if (driver) return driver;
    throw new BrokerError('invalid_argument', `a ${service.kind} service is not used through sessions`, {
      hint: `kinds with sessions: ${[...this.#deps.drivers.keys()].join(', ')}`,
    });
  }

  async #dial(service: ResolvedService, driver: Driver, params: OpenParams, signal: AbortSignal): Promise<Held> {
    const maxSessions = mostSessions(service);
    if (this.#slots.isFull(service.name, maxSessions)) await this.spares.evict(service.name);
    const release = this.#slots.take(service.name, maxSessions);
    using limited = link(signal);
    const stop = after(this.#limits.openTimeoutMs, () =>
      limited.abort(
        new BrokerError(
          'upstream_timeout',
          `${driver.describe(service.config)} did not finish the login within ${this.#limits.openTimeoutMs / 1000} s`,
        ),
      ),
    );
    try {
      const io = driverIo(service.name, this.#guard, this.#contexts);
      const upstream = await driver.open(service.config, params, io, limited.signal);
      return new Held(upstream, service.name, service.revision, this.#deps.now(), release);
    } catch (error) {
      release();
      // However the driver words an abort, the reason is the signal's.
      throwIfAborted(limited.signal);
      throw error;
    } finally {
      stop();
    }
  }
}

function mostSessions(service: ResolvedService): number {
  return service.policy.maxSessions || MAX_LIVE_UPSTREAMS;
}

/** Wipes on disposal what a parsed configuration holds. A driver that needs a secret for longer has cloned it. */
export function secretsOf(config: unknown): Disposable {
  return {
    [Symbol.dispose]() {
      if (typeof config !== 'object' || config === null) return;
      for (const value of Object.values(config)) if (value instanceof Secret) value[Symbol.dispose]();
    },
  };
}
