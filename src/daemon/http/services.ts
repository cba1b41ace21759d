import type { IncomingMessage } from 'node:http';
import { Bag } from '../../core/bag.ts';
import type { AddressGuard, HopListener } from '../../core/dial.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { HttpConfig } from '../../http/config.ts';
import type { HttpKind } from '../../http/kind.ts';
import { splitQuery } from '../../http/path.ts';
import { Counters } from '../../http/policy/counters.ts';
import { RequestRefused } from '../../http/policy/refusal.ts';
import type { Allowed, RequestPolicy } from '../../http/policy/rules.ts';
import { probeHttp } from '../../http/probe.ts';
import { type ExchangeIo, HttpService } from '../../http/service.ts';
import type { SecondThread } from '../../http/thread/second.ts';
import { bodyLength } from '../../http/upload.ts';
import { Upstream } from '../../http/upstream.ts';
import type { Caller } from '../caller.ts';
import type { Clock, Timer } from '../clock.ts';
import type { ResolvedService } from '../services.ts';
import { secretsOf } from '../sessions/secrets.ts';
import { requestPolicy } from './limits.ts';

/** What is open under a grant, and must end with it. */
export interface Live {
  cancel(reason: BrokerError): void;
}

export interface ServiceParts {
  /** @throws BrokerError the gate's. */
  admit(caller: Caller, service: string): Promise<Grant>;
  /** @throws BrokerError `not_found`, `denied`. */
  resolve(grant: Grant): ResolvedService;
  readonly kinds: ReadonlyMap<string, HttpKind>;
  /** Metadata services and broker's own ports, which no service reaches. */
  readonly guard: AddressGuard;
  /** For connections to services, under load. */
  readonly second?: Pick<SecondThread, 'lane'>;
  readonly clock: Clock;
}

/** Milliseconds after which a service that a caller no longer uses is let go of, and how often that is looked at. */
const IDLE_MS = 5 * 60_000;
const LOOK_MS = 60_000;

interface Shared {
  readonly revision: number;
  readonly upstream: Upstream;
  users: number;
}

/** A service as one caller may use it: decided once, and kept while its grant is active and its record the same. */
export class Access {
  readonly service: HttpService;
  readonly #policy: RequestPolicy;
  readonly live = new Bag<Live>();
  usedAt: number;
  readonly #end: () => void;
  #retired = false;

  constructor(service: HttpService, policy: RequestPolicy, now: number, end: () => void) {
    this.service = service;
    this.#policy = policy;
    this.usedAt = now;
    this.#end = end;
  }

  get retired(): boolean {
    return this.#retired;
  }

  /**
   * Lets a request pass, and counts it until it is released.
   * @param tail raw target behind the service's name.
   * @throws RequestRefused `denied`, `too_large`, `exhausted`.
   */
  admit(request: IncomingMessage, tail: string): Allowed {
    const { method = 'GET' } = request;
    const { path: rawPath } = splitQuery(tail);
    const decision = this.#policy.admit({ method, rawPath, contentLength: bodyLength(request) });
    if (!decision.allowed) throw new RequestRefused(decision);
    return decision;
  }

  /** Counts `live` as under way until the returned function is called. */
  enter(live: Live): () => void {
    const left = this.live.add(live);
    return () => {
      left();
      if (this.#retired && this.live.size === 0) this.#end();
    };
  }

  /** No more requests; those under way may finish. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    if (this.live.size === 0) this.#end();
  }

  /** As `retire`, and breaks off what is under way. */
  revoke(reason: BrokerError): void {
    this.retire();
    for (const each of this.live) each.cancel(reason);
  }
}

/**
 * The HTTP services in use. Deciding, revealing and making ready is done once for a caller (its token and user), not for
 * each request; connections are shared by all callers of a service.
 */
export class HttpServices {
  readonly #parts: ServiceParts;
  /** By service, then by token and uid. */
  readonly #accesses = new Map<string, Map<string, Access>>();
  readonly #shared = new Map<string, Shared>();
  readonly #counters = new Counters();
  /** By service, token and uid: accesses that are being decided. */
  readonly #opening = new Map<string, Promise<Access>>();
  #timer: Timer | undefined;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /** @throws BrokerError the gate's; `invalid_argument` for a service that is used through sessions. */
  get(caller: Caller, name: string): Access | Promise<Access> {
    const known = this.#known(caller, name);
    return known ?? this.#wait(caller, name);
  }

  #known(caller: Caller, name: string): Access | undefined {
    const known = this.#accesses.get(name)?.get(keyOf(caller));
    if (!known || known.retired) return undefined;
    known.usedAt = this.#parts.clock.now();
    return known;
  }

  /** Requests that come together are decided together: an access that another takes the place of would end unused. */
  async #wait(caller: Caller, name: string, tries = 3): Promise<Access> {
    const key = `${name} ${keyOf(caller)}`;
    let opening = this.#opening.get(key);
    if (!opening) {
      opening = this.#open(caller, name).finally(() => this.#opening.delete(key));
      this.#opening.set(key, opening);
    }
    const access = await opening;
    if (!access.retired) return access;
    // The record changed in the meantime.
    if (tries === 1) throw new BrokerError('unavailable', `${name} is being changed`);
    return this.#known(caller, name) ?? (await this.#wait(caller, name, tries - 1));
  }

  /** The record changed or went: the next request decides anew. */
  changed(name: string): void {
    const accesses = this.#accesses.get(name);
    this.#accesses.delete(name);
    for (const access of accesses?.values() ?? []) access.retire();
  }

  /** One connection of its own, and one request if the service names one. @throws BrokerError with the hop that failed. */
  async probe(grant: Grant, io: ExchangeIo, passed: HopListener, signal: AbortSignal): Promise<void> {
    const { name, kind, config } = this.#parts.resolve(grant);
    using _ = secretsOf(config);
    const found = this.#parts.kinds.get(kind);
    if (!found) throw new BrokerError('invalid_argument', `kind ${kind} is not known`);
    await probeHttp(name, found, config as HttpConfig, this.#parts.guard, io, passed, signal);
  }

  async #open(caller: Caller, name: string): Promise<Access> {
    const grant = await this.#parts.admit(caller, name);
    try {
      const resolved = this.#parts.resolve(grant);
      const access = this.#made(resolved, grant, caller);
      const key = keyOf(caller);
      const accesses = this.#accesses.get(name) ?? new Map<string, Access>();
      this.#accesses.set(name, accesses);
      accesses.get(key)?.retire();
      accesses.set(key, access);
      const revoked = (): void => {
        if (accesses.get(key) === access) accesses.delete(key);
        access.revoke(reasonOf(grant));
      };
      grant.signal.addEventListener('abort', revoked, { once: true });
      if (grant.signal.aborted) revoked();
      this.#look();
      return access;
    } catch (error) {
      grant[Symbol.dispose]();
      throw error;
    }
  }

  #made(resolved: ResolvedService, grant: Grant, caller: Caller): Access {
    const { name, config, revision } = resolved;
    const secrets = secretsOf(config);
    const kind = this.#parts.kinds.get(resolved.kind);
    if (!kind) {
      secrets[Symbol.dispose]();
      throw new BrokerError(
        'invalid_argument',
        `${name} is a service of the kind ${resolved.kind}, which is used through sessions`,
        {
          hint: `broker ${resolved.kind} ${name}`,
        },
      );
    }
    // The kind that the record names has parsed it.
    const parsed = config as HttpConfig;
    const shared = this.#upstream(name, revision, parsed);
    const service = new HttpService(name, kind, parsed, shared.upstream);
    const policy = requestPolicy(name, parsed, caller, this.#counters);
    return new Access(service, policy, this.#parts.clock.now(), () => {
      service[Symbol.dispose]();
      secrets[Symbol.dispose]();
      shared.users -= 1;
      if (shared.users === 0) {
        if (this.#shared.get(name) === shared) this.#shared.delete(name);
        shared.upstream.close(new BrokerError('ended', `${name} is not in use any more`));
      }
      grant[Symbol.dispose]();
    });
  }

  #upstream(name: string, revision: number, config: HttpConfig): Shared {
    const known = this.#shared.get(name);
    const shared =
      known?.revision === revision
        ? known
        : { revision, upstream: new Upstream(config, this.#parts.guard, this.#parts.second), users: 0 };
    this.#shared.set(name, shared);
    shared.users += 1;
    return shared;
  }

  #look(): void {
    this.#timer ??= this.#parts.clock.after(LOOK_MS, () => {
      this.#timer = undefined;
      const before = this.#parts.clock.now() - IDLE_MS;
      for (const [name, accesses] of this.#accesses) {
        for (const [key, access] of accesses) {
          if (access.live.size > 0 || access.usedAt > before) continue;
          accesses.delete(key);
          access.retire();
        }
        if (accesses.size === 0) this.#accesses.delete(name);
      }
      if (this.#accesses.size > 0) this.#look();
    });
  }
}

function keyOf({ token, peer, transport }: Caller): string {
  return `${transport} ${token?.id} ${peer?.uid}`;
}

function reasonOf(grant: Grant): BrokerError {
  const reason: unknown = grant.signal.reason;
  return reason instanceof BrokerError ? reason : new BrokerError('ended', 'the grant has ended');
}
