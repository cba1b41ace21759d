import type { AddressGuard } from '../../core/dial.ts';
import type { Driver, OpenParams } from '../../core/driver.ts';
import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import { MAX_LIVE_UPSTREAMS } from '../../core/limits.ts';
import type { Admission } from '../admission.ts';
import type { ResolvedService, SessionDeps, SessionLimits } from './deps.ts';
import type { Errand } from './errand.ts';
import { Held } from './held.ts';
import { after, link } from './link.ts';
import { Reach } from './reach.ts';
import { secretsOf } from './secrets.ts';
import { Spares } from './spares.ts';

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
  readonly #reach: Reach;
  /** Ends the dialling of spares: they belong to no session whose end would end it. */
  #background = new AbortController();
  readonly spares: Spares;

  constructor(deps: SessionDeps, limits: SessionLimits, guard: AddressGuard) {
    this.#deps = deps;
    this.#limits = limits;
    this.#reach = new Reach(deps, limits, guard);
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
        return { held: await this.#dial(grant, errand, service, driver, wanted, linked), fromSpare: false };
      } catch (error) {
        const full = error instanceof BrokerError && error.upstreamCode === TOO_MANY_CONNECTIONS;
        if (!full || (await this.spares.drop(service.name)) === 0) throw error;
        return { held: await this.#dial(grant, errand, service, driver, wanted, linked), fromSpare: false };
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
      if (this.#reach.slots.isFull(service.name, mostSessions(service))) return undefined;
      const { grant } = await this.admit(errand);
      using _ = grant;
      const made = await this.#underGrant(grant, errand, signal, async (fresh, driver, linked) => ({
        held: await this.#dial(grant, errand, fresh, driver, params, linked),
        fromSpare: false,
      }));
      return made.held;
    };
    after(this.#limits.replenishAfterMs, () => {
      if (signal.aborted) return;
      this.spares.replenish(errand.service, dial).catch((error: unknown) => this.#deps.report(error, 'keeping spares'));
    });
  }

  /** Shared connections of a service that are logged in. */
  trunkCount(service: string): number {
    return this.#reach.count(service);
  }

  /** Keeps a connection that no client has touched. */
  async giveBack(held: Held): Promise<void> {
    await this.spares.put(held);
  }

  /** The service was changed or removed: nothing that was made with its old record is used again. */
  async drop(service: string): Promise<void> {
    await Promise.all([this.#reach.drop(service), this.spares.drop(service)]);
  }

  /** Ends what is dialled for nobody in particular. */
  halt(reason: BrokerError): void {
    this.#background.abort(reason);
    this.#background = new AbortController();
  }

  async clear(reason: BrokerError): Promise<void> {
    this.halt(reason);
    await this.spares.clear();
    await this.#reach.clear(reason);
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
    const driver = this.#deps.drivers.get(service.kind);
    if (!driver)
      throw new BrokerError('invalid_argument', `is used over HTTP (${service.kind}), not through sessions`, {
        hint: 'broker http {service} GET /, or /proxy/{service}/ on the HTTP port',
      });
    if (wantedKind !== undefined && wantedKind !== service.kind)
      throw new BrokerError('invalid_argument', `is of kind ${service.kind}, not ${wantedKind}`, {
        hint: `broker ${service.kind} {service}`,
      });
    return driver;
  }

  async #dial(
    grant: Grant,
    errand: Errand,
    service: ResolvedService,
    driver: Driver,
    params: OpenParams,
    signal: AbortSignal,
  ): Promise<Held> {
    const journey = { errand, service, driver };
    const maxSessions = mostSessions(service);
    const { slots } = this.#reach;
    if (!driver.trunks && slots.isFull(service.name, maxSessions)) await this.spares.evict(service.name);
    // A shared connection takes one for itself.
    const release = driver.trunks ? () => undefined : slots.take(service.name, maxSessions);
    try {
      const io = this.#reach.io(journey, grant);
      const upstream = await this.#reach.limited(journey, signal, (limited) =>
        driver.open(service.config, params, io, limited),
      );
      return new Held(upstream, service.name, service.revision, this.#deps.now(), release);
    } catch (error) {
      release();
      throw error;
    }
  }
}

function mostSessions(service: ResolvedService): number {
  return service.policy.maxSessions || MAX_LIVE_UPSTREAMS;
}
