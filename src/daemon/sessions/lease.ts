import type { Duplex } from 'node:stream';
import { Conn } from '../../core/conn.ts';
import type { Arrival, Driver, LeaseAddress, Visitor } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { SessionEnd } from '../../core/relay.ts';
import { within } from '../../core/within.ts';
import { auditCaller, type PeerIdentity } from '../caller.ts';
import { type DoorRules, doorFor } from './door.ts';
import { endedError, endOfGrant, reasonOf } from './ending.ts';
import type { EndReason, Lease } from './events.ts';
import { Greetings } from './greetings.ts';
import { type Held, sameParams } from './held.ts';
import { LeaseJournal } from './journal.ts';
import { after, type Link, link } from './link.ts';
import type { LeaseParts } from './parts.ts';

export type Greet = Driver['greet'];

/** One connection of a client, from accept to its end. */
interface Visit {
  readonly conn: Conn;
  readonly scope: Link;
  admitted: boolean;
  refused: boolean;
  held: Held | undefined;
  /** Ends the grant of a connection that was not the lease's first. */
  release: () => void;
  readonly startedAt: number;
}

/**
 * A session: who may come in, for how long, and the connections that are live. It begins with one authenticated
 * upstream in hand and ends by itself when its clients are done, or when `end` is called; then everything is closed.
 */
export class LiveLease {
  readonly id: string;
  readonly service: string;
  readonly #parts: LeaseParts;
  readonly #openedAt: number;
  readonly #acceptUntil: number;
  readonly #scope: Link;
  readonly #greetings: Greetings;
  readonly #journal: LeaseJournal;
  readonly #recorded: Promise<void>;
  readonly #visits = new Set<Visit>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopTimers: (() => void)[] = [];
  #stopAccept: () => void;
  /** The connection that was opened before the address was returned, until a client or the end takes it. */
  #waiting: Held | undefined;
  readonly #facts: unknown;
  #address: LeaseAddress;
  #listener: AsyncDisposable | undefined;
  #served = 0;
  #bytesUp = 0;
  #bytesDown = 0;
  #endReason: EndReason | undefined;
  #endError: BrokerError | undefined;
  #ending: Promise<void> | undefined;
  /** Resolves when nothing is left of it but the record of its end, which is on its way. */
  readonly #gone: Promise<void>;
  #leave: () => void = () => undefined;

  constructor(parts: LeaseParts) {
    const { plan, deps, obtained, errand, limits } = parts;
    this.#gone = new Promise((resolve) => {
      this.#leave = resolve;
    });
    this.id = parts.id;
    this.service = obtained.service.name;
    this.#parts = parts;
    this.#openedAt = deps.now();
    this.#acceptUntil = this.#openedAt + plan.acceptTimeoutMs;
    this.#waiting = obtained.held;
    this.#facts = obtained.held.upstream.facts;
    this.#address = { listen: plan.listen === 'unix' ? 'unix' : 'tcp', host: '', port: 0, tls: plan.tls };
    this.#greetings = new Greetings(limits.maxGreeting, limits.greetTimeoutMs);
    this.#scope = link(parts.grant.signal, errand.caller.token?.signal);
    this.#scope.signal.addEventListener('abort', () => {
      if (this.#endReason) return;
      const { reason, error } = endOfGrant(toBrokerError(this.#scope.signal.reason));
      this.#finish(deps.now() >= parts.expiresAt ? 'lifetime' : reason, error);
    });
    this.#stopAccept = after(plan.acceptTimeoutMs, () => this.#finish('accept_timeout'));
    this.#stopTimers.push(after(parts.expiresAt - this.#openedAt, () => this.#finish('lifetime')));
    this.#journal = new LeaseJournal(parts, (error) => this.#finish('error', error));
    this.#recorded = this.#journal.opened(parts.intent);
    if (this.#scope.signal.aborted) this.#finish('revoked');
  }

  /** Set once: where the clients come in. Owned by the lease from now on. */
  attach(listener: AsyncDisposable, address: LeaseAddress): void {
    this.#listener = listener;
    this.#address = address;
  }

  get listen(): LeaseParts['plan']['listen'] {
    return this.#parts.plan.listen;
  }

  get endError(): BrokerError | undefined {
    return this.#endError;
  }

  view(): Lease {
    const { plan, errand, obtained, expiresAt } = this.#parts;
    const live = this.#live;
    return {
      id: this.id,
      kind: obtained.driver.kind,
      service: this.service,
      ...(errand.caller.token && { tokenId: errand.caller.token.id }),
      openedBy: auditCaller(errand.caller),
      ...(plan.reason !== undefined && { reason: plan.reason }),
      check: plan.check,
      address: this.#address,
      state: this.#endReason ? 'ended' : live > 0 ? 'connected' : 'waiting',
      ...(this.#endReason && { endReason: this.#endReason }),
      openedAt: this.#openedAt,
      expiresAt,
      acceptUntil: this.#acceptUntil,
      connections: { served: this.#served, live, limit: plan.connections },
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
    };
  }

  /**
   * A client has connected. Returns at once; a handshake that stalls holds up nobody.
   * @param peer who it is, looked up since the moment it was accepted; undefined: the caller itself, known otherwise.
   * @param greet for a client that speaks something else than the driver's protocol: broker's own work.
   */
  accept(socket: Duplex, peer: Promise<PeerIdentity | undefined> | undefined, greet?: Greet): void {
    const visit: Visit = {
      conn: new Conn(socket, 'client'),
      scope: link(this.#scope.signal),
      admitted: false,
      refused: false,
      held: undefined,
      release: () => undefined,
      startedAt: this.#parts.deps.now(),
    };
    const uid = this.#parts.errand.caller.peer?.uid;
    const owner = peer?.then((found) => found !== undefined && found.uid === uid) ?? Promise.resolve(true);
    const greeted = this.#endReason ? undefined : this.#greetings.begin(visit.scope, owner);
    if (!greeted) {
      visit.scope[Symbol.dispose]();
      visit.conn.destroy();
      return;
    }
    this.#visits.add(visit);
    const run = this.#visit(visit, peer, greeted, greet ?? this.#parts.obtained.driver.greet).catch((error: unknown) =>
      this.#parts.deps.report(error, `serving a client of ${this.service}`),
    );
    this.#running.add(run);
    void run.then(() => this.#running.delete(run));
  }

  /** Ends the lease and everything in it, in bounded time. Idempotent; later reasons do not replace the first. */
  end(reason: EndReason, error: BrokerError = endedError(reason)): Promise<void> {
    if (!this.#ending) {
      this.#endReason = reason;
      this.#endError = error;
      this.#ending = this.#end(reason, error);
    }
    return this.#ending;
  }

  /** As `end`, but does not wait until the end is on record. */
  async leave(reason: EndReason): Promise<void> {
    await Promise.race([this.end(reason), this.#gone]);
  }

  #finish(reason: EndReason, error?: BrokerError): void {
    this.end(reason, error).catch((failure: unknown) => this.#parts.deps.report(failure, 'ending a session'));
  }

  get #live(): number {
    let live = 0;
    for (const visit of this.#visits) if (visit.admitted) live++;
    return live;
  }

  async #visit(
    visit: Visit,
    peer: Promise<PeerIdentity | undefined> | undefined,
    greeted: () => void,
    greet: Greet,
  ): Promise<void> {
    let outcome: SessionEnd | undefined;
    try {
      let arrival: Arrival<Visitor, unknown>;
      try {
        arrival = await greet(visit.conn, this.#facts, this.#door(visit, peer), visit.scope.signal);
      } finally {
        greeted();
      }
      switch (arrival.type) {
        case 'client':
          outcome = await this.#serve(visit, arrival.visitor);
          break;
        case 'side':
          await this.#side(arrival.request, visit.scope.signal);
          break;
        case 'refused':
          // What the door refused is recorded already; this is a handshake that went wrong.
          if (!visit.refused) this.#journal.refused(arrival.error, await peer);
          break;
        case 'gone':
          break;
        default:
          arrival satisfies never;
      }
    } finally {
      visit.conn.destroy();
      await visit.held?.[Symbol.asyncDispose]();
      visit.release();
      visit.scope[Symbol.dispose]();
      this.#visits.delete(visit);
      if (visit.admitted) this.#left(visit, outcome);
    }
  }

  #door(visit: Visit, peer: Promise<PeerIdentity | undefined> | undefined) {
    const { plan, ticket, localTls, errand, emit, deps } = this.#parts;
    const checked = peer !== undefined;
    const rules: DoorRules = {
      idleMs: plan.idleMs,
      tls: localTls?.context,
      uid: checked && plan.check === 'peer' ? errand.caller.peer?.uid : undefined,
      ticket: checked ? ticket : undefined,
      localKey: checked ? undefined : deps.localKey?.bind(deps, this.service),
      recorded: this.#recorded,
      closed: () => this.#endError,
      count: () => this.#count(visit),
    };
    return doorFor(rules, peer ?? Promise.resolve(errand.caller.peer), {
      admitted: (found) => {
        emit('connected', this.view());
        this.#journal.connected(found);
      },
      refused: (error, found) => {
        visit.refused = true;
        this.#journal.refused(error, found);
      },
      note: (note) => this.#journal.note(note),
    });
  }

  #count(visit: Visit): BrokerError | undefined {
    const { connections } = this.#parts.plan;
    if (connections > 0 && this.#served >= connections) {
      const clients = connections === 1 ? 'one client' : `${connections} clients`;
      return new BrokerError(
        'exhausted',
        `this session is for ${clients} and has had ${connections === 1 ? 'it' : 'them'}`,
        {
          hint: 'open another session, or one with --connections 0 for pools and GUIs',
        },
      );
    }
    this.#served++;
    visit.admitted = true;
    this.#stopAccept();
    return undefined;
  }

  async #serve(visit: Visit, visitor: Visitor): Promise<SessionEnd | undefined> {
    const { plan, upstreams, errand, obtained } = this.#parts;
    try {
      upstreams.touch(obtained, visitor.params);
      visit.held = await this.#upstreamFor(visit, visitor);
    } catch (thrown) {
      const error = toBrokerError(thrown);
      if (error.code === 'internal') this.#parts.deps.report(thrown, `connecting to ${this.service}`);
      this.#journal.connectFailed(error);
      await visitor.refuse(error);
      return { outcome: 'error', error, bytesUp: 0, bytesDown: 0 };
    }
    upstreams.replenish(errand, obtained, visitor.params);
    return visit.held.upstream.serve(visitor, plan.idleMs, visit.scope.signal);
  }

  /** The connection that waits if it was opened with the client's parameters; else another that was. */
  async #upstreamFor(visit: Visit, visitor: Visitor): Promise<Held> {
    const { upstreams, errand, deps, limits, grant } = this.#parts;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting && sameParams(waiting.params, visitor.params)) {
      const rested = deps.now() - waiting.openedAt > limits.restAfterMs;
      if (!rested || (await waiting.alive(limits.aliveTimeoutMs))) return waiting;
      await waiting[Symbol.asyncDispose]();
    } else if (waiting) await upstreams.giveBack(waiting);
    // Whoever replaces the waiting connection has the lease's own grant; a further connection is admitted anew.
    const own = waiting ? grant : await this.#admitAgain(visit);
    return (await upstreams.obtain(own, errand, visitor.params, visit.scope.signal)).held;
  }

  /** A grant for one more connection, which lives under it as well as under the lease's. */
  async #admitAgain(visit: Visit): Promise<Grant> {
    const { upstreams, errand } = this.#parts;
    const { grant, recorded } = await upstreams.admit(errand);
    const withdrawn = (): void => visit.scope.abort(endOfGrant(toBrokerError(grant.signal.reason)).error);
    grant.signal.addEventListener('abort', withdrawn, { once: true });
    visit.release = () => {
      grant.signal.removeEventListener('abort', withdrawn);
      grant[Symbol.dispose]();
    };
    await recorded;
    return grant;
  }

  async #side(request: unknown, signal: AbortSignal): Promise<void> {
    for (const visit of [...this.#visits]) {
      const { upstream } = visit.held ?? {};
      if (upstream?.side && (await upstream.side(request, signal))) return;
    }
  }

  #left(visit: Visit, end: SessionEnd | undefined): void {
    const { plan, deps, emit } = this.#parts;
    this.#bytesUp += end?.bytesUp ?? 0;
    this.#bytesDown += end?.bytesDown ?? 0;
    emit('disconnected', this.view());
    if (plan.connections !== 1) this.#journal.disconnected(end, deps.now() - visit.startedAt);
    if (plan.connections > 0 && this.#served >= plan.connections && this.#live === 0)
      this.#finish(end ? reasonOf(end) : 'client_finished', end?.error);
  }

  async #end(reason: EndReason, error: BrokerError): Promise<void> {
    const { deps, grant, ticket, emit, limits } = this.#parts;
    this.#stopAccept();
    for (const stop of this.#stopTimers) stop();
    this.#scope.abort(error);
    this.#scope[Symbol.dispose]();
    await this.#listener?.[Symbol.asyncDispose]();
    await within(limits.endTimeoutMs, Promise.all(this.#running));
    for (const visit of this.#visits) visit.conn.destroy();
    await Promise.all([...this.#visits].map((visit) => visit.held?.[Symbol.asyncDispose]()));
    await this.#waiting?.[Symbol.asyncDispose]();
    this.#waiting = undefined;
    grant[Symbol.dispose]();
    ticket?.[Symbol.dispose]();
    emit('ended', this.view());
    this.#leave();
    await this.#journal.ended(reason, error, this.view(), deps.now() - this.#openedAt);
  }
}
