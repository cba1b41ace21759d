import { randomBytes, randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AddressGuard } from '../../core/dial.ts';
import type { LeaseAddress, ServerKey } from '../../core/driver.ts';
import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import {
  DROPPED_REST_MS,
  GREET_TIMEOUT_MS,
  LIFETIME_MS,
  OPEN_TIMEOUT_MS,
  PORT_REST_MS,
  SPARE_DELAY_MS,
  SPARE_LINGER_MS,
  SPARE_MAX_AGE_MS,
  TRUNK_IDLE_MS,
} from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import { within } from '../../core/within.ts';
import { auditCaller, type Caller, type PeerIdentity } from '../caller.ts';
import { descriptorOf } from '../peer/credentials.ts';
import type { LocalTls, SessionDeps, SessionLimits } from './deps.ts';
import { descriptorUse, refuseWhenFull } from './descriptors.ts';
import { endedError } from './ending.ts';
import type { Errand } from './errand.ts';
import { type EndReason, type Lease, type LeaseEvent, LeaseEvents, type OpenedLease } from './events.ts';
import { addressGuard } from './guard.ts';
import { type Greet, LiveLease } from './lease.ts';
import { type Link, link } from './link.ts';
import { type Listener, listenNowhere, listenTcp, listenUnix } from './listener.ts';
import { look } from './look.ts';
import { PortRest } from './ports.ts';
import { type ProbeResult, probe } from './probe.ts';
import { type OpenPlan, type OpenRequest, planOpen } from './request.ts';
import { streamPair } from './stream.ts';
import { Upstreams } from './upstreams.ts';

export type ConnectRequest = Pick<
  OpenRequest,
  'service' | 'action' | 'kind' | 'idleMs' | 'lifetimeMs' | 'reason' | 'params'
>;
export type { EndReason, Lease, LeaseEvent, OpenedLease } from './events.ts';
export type { OpenRequest } from './request.ts';

export const SESSION_LIMITS: SessionLimits = {
  openTimeoutMs: OPEN_TIMEOUT_MS,
  greetTimeoutMs: GREET_TIMEOUT_MS,
  portRestMs: PORT_REST_MS,
  spareLingerMs: SPARE_LINGER_MS,
  replenishAfterMs: SPARE_DELAY_MS,
  spareMaxAgeMs: SPARE_MAX_AGE_MS,
  trunkIdleMs: TRUNK_IDLE_MS,
  droppedRestMs: DROPPED_REST_MS,
  aliveTimeoutMs: 2_000,
  restAfterMs: 5_000,
  maxGreeting: 64,
  endTimeoutMs: 3_000,
};

/** Opens sessions and knows the live ones. */
export class SessionManager {
  readonly #deps: SessionDeps;
  readonly #limits: SessionLimits;
  readonly #leases = new Map<string, LiveLease>();
  readonly #ports = new Set<number>();
  readonly #opening = new Map<Link, Promise<unknown>>();
  readonly #rest: PortRest;
  readonly #upstreams: Upstreams;
  /** What nothing in this daemon may dial: metadata services, and broker's own ports, those of sessions included. */
  readonly guard: AddressGuard;
  readonly #events = new LeaseEvents();
  #stopping = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#limits = { ...SESSION_LIMITS, ...deps.limits };
    this.#rest = new PortRest(deps.now, this.#limits.portRestMs);
    this.guard = addressGuard((port) => this.#ports.has(port) || deps.isOwnPort(port));
    this.#upstreams = new Upstreams(deps, this.#limits, this.guard);
  }

  /**
   * Logs in upstream, then listens, then returns where: a wrong password is the answer to this call.
   * @throws BrokerError the gate's; `invalid_argument` for the request; `upstream_*` with its hop; `exhausted`;
   * `conflict` for a port in use; `cancelled`.
   */
  async open(caller: Caller, request: OpenRequest, signal: AbortSignal): Promise<OpenedLease> {
    const plan = planOpen(request, caller, this.#deps.peers);
    const ticketText = plan.check === 'ticket' ? randomBytes(16).toString('hex') : undefined;
    const { lease, obtained, ticket, localTls } = await this.#prepare(caller, plan, ticketText, signal);
    try {
      const listener = await this.#listen(lease, plan, obtained.driver.socketName);
      const address: LeaseAddress = {
        listen: plan.listen === 'unix' ? 'unix' : 'tcp',
        host: listener.host,
        port: listener.port,
        tls: plan.tls,
        ...(listener.path !== undefined && { path: listener.path }),
        ...(localTls && { caFile: localTls.caFile }),
      };
      const { config } = obtained.service;
      lease.attach(listener, address);
      // It may have ended while the port was being bound; its end did not know of the listener then.
      if (lease.endError) {
        await listener[Symbol.asyncDispose]();
        throw lease.endError;
      }
      throwIfAborted(signal);
      this.#emit('opened', lease.view());
      const reached = { ...address, ...(ticketText !== undefined && { ticket: ticketText }) };
      return {
        ...lease.view(),
        hint: obtained.driver.hint(reached, config, obtained.held.upstream.facts),
        ...(ticket && { ticket }),
      };
    } catch (thrown) {
      const error = toBrokerError(thrown);
      await lease.end('error', error);
      throw error.forService(plan.service);
    }
  }

  /**
   * A session for the caller itself, over a stream in memory instead of a listener. Ends when the stream is closed.
   * @param greet in place of the driver's, for a client that is broker itself.
   * @throws BrokerError as `open`.
   */
  async connect(
    caller: Caller,
    request: ConnectRequest,
    signal: AbortSignal,
    greet?: Greet,
  ): Promise<{ readonly lease: Lease; readonly stream: Duplex }> {
    // The caller is known already: whatever the check is called, its own stream needs none.
    const plan = planOpen({ ...request, check: 'ticket', connections: 1 }, caller, this.#deps.peers);
    const { lease } = await this.#prepare(caller, plan, undefined, signal);
    const [ours, theirs] = streamPair();
    lease.accept(ours, undefined, greet);
    this.#emit('opened', lease.view());
    return { lease: lease.view(), stream: theirs };
  }

  /**
   * A client of a session that was opened with listen `stream`; undefined when there is no such session. It is checked
   * like any client that nobody knows: by the ticket.
   */
  join(id: string): Duplex | undefined {
    const lease = this.#leases.get(id);
    if (lease?.listen !== 'stream') return undefined;
    const [ours, theirs] = streamPair();
    lease.accept(ours, Promise.resolve(undefined));
    return theirs;
  }

  /** Logs in to the grant's service once and reports each hop. */
  probe(caller: Caller, grant: Grant, signal: AbortSignal): Promise<ProbeResult> {
    return probe(this.#deps, this.#limits, this.guard, caller, grant, signal);
  }

  /** The keys by which the grant's server can be recognised, without a login. @throws BrokerError as Trust.look. */
  look(caller: Caller, grant: Grant, signal: AbortSignal): Promise<readonly ServerKey[]> {
    return look(this.#deps, this.#limits, this.guard, caller, grant, signal);
  }

  list(): Lease[] {
    return [...this.#leases.values()].map((lease) => lease.view());
  }

  get(id: string): Lease | undefined {
    return this.#leases.get(id)?.view();
  }

  /** Ends one session. A session that is not (or no longer) there is closed already. */
  async close(id: string, reason: EndReason): Promise<void> {
    await this.#leases.get(id)?.end(reason);
  }

  /** As `close`, for a caller that is done: the session is gone when this resolves, its record may be on the way still. */
  async leave(id: string): Promise<void> {
    await this.#leases.get(id)?.leave('closed');
  }

  /** Ends every session of a service, its spares too: it was removed. */
  async closeService(service: string, reason: EndReason): Promise<void> {
    const ended = [...this.#leases.values()].filter((lease) => lease.service === service).map((l) => l.end(reason));
    await Promise.all([...ended, this.dropSpares(service)]);
  }

  /** Ends everything, for lock and shutdown. Bounded: it never waits for a client longer than the drain. */
  async endAll(reason: EndReason): Promise<void> {
    if (reason === 'shutdown') this.#stopping = true;
    const error = endedError(reason);
    for (const opening of this.#opening.keys()) opening.abort(error);
    this.#upstreams.halt(error);
    const ended = [...this.#leases.values()].map((lease) => lease.end(reason));
    const dialling = Promise.allSettled(this.#opening.values());
    const results = await Promise.allSettled([...ended, within(this.#limits.endTimeoutMs, dialling)]);
    // Sessions first: what runs on a shared connection is to be told so over it.
    results.push(...(await Promise.allSettled([this.#upstreams.clear(error)])));
    for (const result of results) if (result.status === 'rejected') this.#deps.report(result.reason, 'ending sessions');
  }

  /**
   * A service's record was changed: live sessions stay, but for those on shared connections; what was logged in with the
   * old credential, and waits or is shared, goes.
   */
  async dropSpares(service: string): Promise<void> {
    await this.#upstreams.drop(service);
  }

  /** Spares waiting for a service, for metrics. */
  spareCount(service: string): number {
    return this.#upstreams.spares.count(service);
  }

  /** Shared connections of a service that are logged in, for metrics. */
  trunkCount(service: string): number {
    return this.#upstreams.trunkCount(service);
  }

  /** The live sessions first, as `opened`; then what happens to them. Ends when `signal` aborts. */
  watch(signal: AbortSignal): AsyncIterable<LeaseEvent> {
    const now = (): LeaseEvent[] => this.list().map((lease) => ({ type: 'opened', at: lease.openedAt, lease }));
    return this.#events.watch(now, signal);
  }

  async #prepare(caller: Caller, plan: OpenPlan, ticketText: string | undefined, signal: AbortSignal) {
    if (this.#stopping) throw new BrokerError('unavailable', 'broker is shutting down');
    const localTls = plan.tls ? await this.#localTls() : undefined;
    refuseWhenFull(await (this.#deps.descriptors ?? descriptorUse)());
    const id = randomUUID();
    const { service, action, kind, reason } = plan;
    const errand = { caller, service, action, session: id, kind, reason };
    using opening = link(signal);
    this.#opening.set(opening, Promise.resolve());
    try {
      throwIfAborted(signal);
      return await this.#start(plan, errand, ticketText, localTls, opening);
    } finally {
      this.#opening.delete(opening);
    }
  }

  async #start(
    plan: OpenPlan,
    errand: Errand,
    ticketText: string | undefined,
    localTls: LocalTls | undefined,
    opening: Link,
  ) {
    const { caller, session: id } = errand;
    // What the gate refuses it has recorded itself.
    const startedAt = this.#deps.now();
    const began = performance.now();
    const { grant, recorded } = await this.#upstreams.admit(errand);
    try {
      this.#upstreams.spares.forgive(plan.service);
      const obtaining = this.#upstreams.obtain(grant, errand, plan.params, opening.signal);
      this.#opening.set(opening, obtaining);
      const obtained = await obtaining;
      const lifetimeMs = Math.min(plan.lifetimeMs, obtained.service.policy.maxLifetimeMs || LIFETIME_MS);
      const expiresAt = Math.min(startedAt + lifetimeMs, caller.token?.expiresAt ?? Number.POSITIVE_INFINITY);
      const ticket = ticketText === undefined ? undefined : Secret.fromText(ticketText);
      const lease = new LiveLease({
        id,
        plan,
        errand,
        grant,
        intent: recorded,
        obtained,
        upstreams: this.#upstreams,
        deps: this.#deps,
        limits: this.#limits,
        ticket,
        localTls,
        expiresAt,
        emit: (type, view) => this.#emit(type, view),
      });
      this.#leases.set(id, lease);
      this.#deps.meter?.opened(lease.view(), performance.now() - began);
      return { lease, obtained, ticket, localTls };
    } catch (thrown) {
      grant[Symbol.dispose]();
      const error = toBrokerError(thrown);
      if (error.code === 'internal') this.#deps.report(thrown, `opening ${plan.service}`);
      await this.#deps.audit.record({
        action: 'session.open',
        outcome: error.code === 'denied' ? 'denied' : 'failed',
        caller: auditCaller(caller),
        service: plan.service,
        session: id,
        ...(plan.reason !== undefined && { reason: plan.reason }),
        code: error.code,
        message: error.message,
      });
      throw error;
    }
  }

  async #localTls() {
    if (!this.#deps.localTls) throw new BrokerError('invalid_argument', 'this daemon has no CA for TLS sessions');
    return this.#deps.localTls();
  }

  async #listen(lease: LiveLease, plan: OpenPlan, socketName: string): Promise<Listener> {
    const { peers } = this.#deps;
    if (plan.listen === 'stream') return listenNowhere(plan.port);
    if (plan.listen === 'unix') {
      return listenUnix(plan.socketDir ?? this.#deps.socketDir, socketName, (socket) => {
        const fd = descriptorOf(socket);
        lease.accept(socket, Promise.resolve(fd === undefined ? undefined : peers.unix(fd)));
      });
    }
    const listener = await listenTcp(plan.port, this.#rest, (socket) => lease.accept(socket, this.#tcpPeer(socket)));
    this.#ports.add(listener.port);
    return {
      ...listener,
      [Symbol.asyncDispose]: async () => {
        await listener[Symbol.asyncDispose]();
        this.#ports.delete(listener.port);
      },
    };
  }

  /** Begun at accept: a client that sends and leaves has no owner any more a moment later. Never rejects. */
  async #tcpPeer(socket: Socket): Promise<PeerIdentity | undefined> {
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    if (!localAddress || !remoteAddress || localPort === undefined || remotePort === undefined) return undefined;
    try {
      return await this.#deps.peers.tcp(
        { address: localAddress, port: localPort },
        { address: remoteAddress, port: remotePort },
      );
    } catch (error) {
      this.#deps.report(error, 'looking up a peer');
      return undefined;
    }
  }

  #emit(type: LeaseEvent['type'], lease: Lease): void {
    if (type === 'ended') this.#leases.delete(lease.id);
    const event = { type, at: this.#deps.now(), lease };
    this.#deps.meter?.event(event);
    this.#events.emit(event);
  }
}
