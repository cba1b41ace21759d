import { EventEmitter, once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent } from '../../src/core/audit.ts';
import type { Driver } from '../../src/core/driver.ts';
import { BrokerError } from '../../src/core/errors.ts';
import { type Grant, GrantAuthority } from '../../src/core/grant.ts';
import type { Admission, AdmitRequest } from '../../src/daemon/admission.ts';
import type { Caller } from '../../src/daemon/caller.ts';
import { createPeerLookup, type PeerLookup } from '../../src/daemon/peer/lookup.ts';
import type { ResolvedService, SessionDeps } from '../../src/daemon/sessions/deps.ts';
import { SessionManager } from '../../src/daemon/sessions/manager.ts';

let realPeers: Promise<PeerLookup> | undefined;

/** The real lookup, made once: it is stateless. */
export function peers(): Promise<PeerLookup> {
  realPeers ??= createPeerLookup();
  return realPeers;
}

export interface FakeService {
  kind: string;
  /** A fresh parsed configuration, secrets included, whenever the service is resolved. */
  config: () => unknown;
  revision?: number;
  maxSessions?: number;
  maxLifetimeMs?: number;
}

/** Everything round a SessionManager: a gate, records and an audit log that tests can look into and turn. */
export class World implements AsyncDisposable {
  readonly services = new Map<string, FakeService>();
  readonly audit: AuditEvent[] = [];
  readonly admitted: AdmitRequest[] = [];
  readonly reported: unknown[] = [];
  readonly grants: Grant[] = [];
  readonly #authority = new GrantAuthority();
  readonly #changed = new EventEmitter();
  /** What the gate answers; undefined admits. */
  refuse: BrokerError | undefined;
  /** Set: the audit log cannot be written. */
  auditBroken = false;
  /** Set: audit records are not on disk before this resolves. */
  auditHold: Promise<void> | undefined;
  /** Set: the gate's intents, and they alone, are not on disk before this resolves. */
  intentHold: Promise<void> | undefined;
  /** Milliseconds added to the clock. */
  skewMs = 0;
  readonly manager: SessionManager;

  private constructor(drivers: readonly Driver[], lookup: PeerLookup, over: Partial<SessionDeps>) {
    this.manager = new SessionManager({
      drivers: new Map(drivers.map((driver) => [driver.kind, driver])),
      services: { resolve: (grant) => this.#resolve(grant) },
      gate: { enter: (_caller, request) => this.#enter(request) },
      audit: { record: (event) => this.#record(event) },
      peers: lookup,
      now: () => Date.now() + this.skewMs,
      isOwnPort: () => false,
      socketDir: join(tmpdir(), 'broker-test'),
      report: (error) => this.reported.push(error),
      ...over,
    });
  }

  static async make(drivers: readonly Driver[], over: Partial<SessionDeps> = {}): Promise<World> {
    return new World(drivers, over.peers ?? (await peers()), over);
  }

  /** Resolves with the first record that matches, past ones included. */
  async recorded(action: string, test: (event: AuditEvent) => boolean = () => true): Promise<AuditEvent> {
    for (;;) {
      const found = this.audit.find((event) => event.action === action && test(event));
      if (found) return found;
      await once(this.#changed, 'audit');
    }
  }

  #resolve(grant: Grant): ResolvedService {
    const service = this.services.get(grant.subject.name);
    if (!service || !this.#authority.vouches(grant)) throw new BrokerError('not_found', 'no such service');
    return {
      name: grant.subject.name,
      kind: service.kind,
      config: service.config(),
      policy: { maxSessions: service.maxSessions ?? 100, maxLifetimeMs: service.maxLifetimeMs ?? 8 * 3600_000 },
      revision: service.revision ?? 1,
    };
  }

  async #enter(request: AdmitRequest): Promise<Admission> {
    this.admitted.push(request);
    if (this.refuse) throw this.refuse;
    const grant = this.#authority.issue({ collection: 'service', name: request.service }, request.action);
    this.grants.push(grant);
    return { grant, recorded: this.intentHold ?? this.auditHold ?? Promise.resolve() };
  }

  async #record(event: AuditEvent): Promise<void> {
    if (this.auditBroken) throw new Error('disk full');
    await this.auditHold;
    this.audit.push(event);
    this.#changed.emit('audit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.endAll('shutdown');
  }
}

/** A caller whose uid the kernel told. */
export function caller(over: Partial<Caller> = {}): Caller {
  const uid = process.getuid?.() ?? 0;
  return { transport: 'unix', peer: { uid }, origin: `uid:${uid}`, ...over };
}

export function token(over: Partial<NonNullable<Caller['token']>> = {}): NonNullable<Caller['token']> {
  return {
    id: 'tok_1',
    name: 'agent',
    scope: 'proxy',
    grants: [{ services: '*', actions: ['open'] }],
    ancestors: [],
    expiresAt: undefined,
    signal: new AbortController().signal,
    ...over,
  };
}

/** Waits, turn by turn of the event loop, for what has no event of its own. @throws after 20 s. */
export async function eventually(test: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await test())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${test}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export const never: AbortSignal = new AbortController().signal;
