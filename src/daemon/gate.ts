import type { AuditEvent, AuditSink } from '../core/audit.ts';
import { BrokerError, type ErrorCode } from '../core/errors.ts';
import type { Action, Grant, GrantAuthority, GrantSubject } from '../core/grant.ts';
import { LIFETIME_MS } from '../core/limits.ts';
import { type Admission, type AdmitRequest, eventOf, lockedError, purpose } from './admission.ts';
import { auditCaller, type Caller } from './caller.ts';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { decide, isSession, latestEnd, mayKnow, type Rule, type ServicePolicy } from './policy.ts';

export type { Admission, AdmitRequest, lockedError } from './admission.ts';

/** The services as the gate sees them. */
export interface GateServices {
  /** undefined: there is no such service. @throws BrokerError `locked`. */
  policy(name: string): ServicePolicy | undefined;
  /** @throws BrokerError `locked`. */
  names(): readonly string[];
  /** Globs on the names of the services that may be reached through this one. @throws BrokerError `locked`. */
  carries(name: string): readonly string[];
}

/** The vault as the gate sees it. */
export interface GateVault {
  readonly state: 'absent' | 'locked' | 'unlocked';
  onLock(fn: () => void): unknown;
}

/** Where the gate records: `record` resolves when the disk has it, `write` when the file has it (synced within 100 ms). */
export interface GateAudit extends AuditSink {
  write(event: AuditEvent): Promise<void>;
}

export interface GateParts {
  readonly authority: GrantAuthority;
  readonly services: GateServices;
  readonly audit: GateAudit;
  readonly vault: GateVault;
  readonly clock?: Clock;
}

interface Held {
  readonly grant: Grant;
  readonly caller: Caller;
  readonly session: string | undefined;
  readonly issuedAt: number;
  timer: Timer | undefined;
}

interface Refusal {
  readonly told: BrokerError;
  readonly actual: { readonly code: ErrorCode; readonly message: string };
  readonly rule: string;
}

const HINT_TOKEN = 'broker login, or give a valid token in BROKER_TOKEN';
const HINT_ADMIN =
  'set BROKER_TOKEN to an admin token, or give the master password (prompt, --password-file, BROKER_PASSWORD_FILE)';
/** Stands in for the policy of a service that does not exist. */
const ANYBODY: ServicePolicy = { allowTokens: [], allowUids: [], maxSessions: 0, maxLifetimeMs: 0 };
const NAMELIKE = /^[a-zA-Z0-9._-]{1,128}$/;
/** Rules whose refusal must look as if the service did not exist. */
const HIDING: readonly Rule[] = ['grant', 'allow_tokens', 'allow_uids'];
/** Names in a hint. */
const MAX_NAMED = 20;

/**
 * The only way to a secret: looks up, decides, records, and only then issues a Grant. What it issues ends with the token
 * that asked, with the lock of the vault, with the service or a policy that no longer lets the caller in, after the
 * service's longest lifetime, or when its holder releases it.
 */
export class Gate {
  readonly #authority: GrantAuthority;
  readonly #services: GateServices;
  readonly #audit: GateAudit;
  readonly #vault: GateVault;
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();
  /** One listener per token however many grants it has. */
  readonly #byToken = new Map<AbortSignal, Set<Grant>>();

  constructor(parts: GateParts) {
    this.#authority = parts.authority;
    this.#services = parts.services;
    this.#audit = parts.audit;
    this.#vault = parts.vault;
    this.#clock = parts.clock ?? systemClock;
    parts.vault.onLock(() => this.endAll(new BrokerError('ended', 'the vault was locked')));
  }

  /**
   * Decides, and resolves with the grant once the intent is on disk (for `http`: in the file, synced within 100 ms).
   * @throws BrokerError `locked`, `not_found` (also for a service that this caller may not know of), `unauthenticated`,
   *   `denied`, `exhausted`; whatever the audit log failed with.
   */
  async admit(caller: Caller, request: AdmitRequest): Promise<Grant> {
    const { grant, recorded } = await this.enter(caller, request);
    await recorded;
    return grant;
  }

  /**
   * As `admit`, but the grant is there before its intent is on disk, so that dialling and syncing overlap. No byte of the
   * client may go upstream before `recorded` resolves (MECHANISMS §7).
   */
  async enter(caller: Caller, request: AdmitRequest): Promise<Admission> {
    const refusal = this.#refusal(caller, request);
    if (refusal) throw await this.#refused(caller, request, refusal);
    // Nothing is awaited between the decision and the grant, so that two callers cannot take the last session of a limit.
    const grant = this.#issue(
      caller,
      { collection: 'service', name: request.service },
      request.action,
      request.session,
    );
    const detail = { ...purpose(request), grant: grant.id };
    const intent = { ...eventOf(caller, request), outcome: 'intent' as const, detail };
    const recorded = this.#recorded(intent, grant, request.action !== 'http');
    // Whoever ignores it finds the grant revoked all the same.
    recorded.catch(() => undefined);
    return { grant, recorded };
  }

  /**
   * A grant for requests over HTTP, each of which has a record when it is over: here only a refusal has. @throws as `admit`.
   */
  async use(caller: Caller, service: string): Promise<Grant> {
    const request = { action: 'http', service } as const;
    const refusal = this.#refusal(caller, request);
    if (refusal) throw await this.#refused(caller, request, refusal);
    return this.#issue(caller, { collection: 'service', name: service }, 'http');
  }

  /**
   * A grant to read a stored file back, which reveals it: admins only, recorded as an exposure.
   * @throws BrokerError as requireAdmin; `locked`.
   */
  async expose(caller: Caller, file: string, reason?: string): Promise<Grant> {
    await this.requireAdmin(caller, 'reading a stored file back');
    if (this.#vault.state !== 'unlocked') throw lockedError(this.#vault.state);
    const grant = this.#issue(caller, { collection: 'file', name: file }, 'expose');
    const told = { ...(reason !== undefined && { reason }) };
    const event = { action: 'file.expose', outcome: 'intent' as const, caller: auditCaller(caller), ...told };
    await this.#recorded({ ...event, detail: { file, grant: grant.id } }, grant, true);
    return grant;
  }

  /** Whether lists show this service to the caller. @throws BrokerError `locked`. */
  visible(caller: Caller, name: string): boolean {
    const policy = this.#services.policy(name);
    return policy !== undefined && mayKnow(caller, { name, policy }, this.#clock.now());
  }

  /** Resolves for an admin. @throws BrokerError `unauthenticated` | `denied`, recorded, with how to become one. */
  async requireAdmin(caller: Caller, what: string): Promise<void> {
    const refused = this.#adminRefusal(caller, what);
    if (!refused) return;
    await this.#audit.record({
      action: 'gate.admin',
      outcome: 'denied',
      caller: auditCaller(caller),
      code: refused.code,
      message: refused.message,
    });
    throw refused;
  }

  /** When what the caller opens on the service now has to end, in epoch ms; undefined when there is no such service. */
  latestEnd(caller: Caller, service: string): number | undefined {
    const policy = this.#services.policy(service);
    return policy && latestEnd(caller, policy, this.#clock.now());
  }

  /**
   * Sessions of the service that hold a grant. A session may hold several, one for each of its connections; grants that
   * name no session count by themselves.
   * @param except id of a session that is not counted.
   */
  liveSessions(service: string, except?: string): number {
    const live = new Set<string>();
    for (const held of this.#held.values()) {
      const counts = isSession(held.grant.action) && held.caller.transport !== 'internal' && isOf(held, service);
      if (counts && (held.session === undefined || held.session !== except)) live.add(held.session ?? held.grant.id);
    }
    return live.size;
  }

  /** After a service was changed or deleted: ends the grants that would not be given any more. */
  reconsider(name: string): void {
    const policy = this.#services.policy(name);
    if (!policy) {
      this.endService(name, new BrokerError('ended', `${name} was deleted`));
      return;
    }
    const now = this.#clock.now();
    for (const held of [...this.#held.values()]) {
      if (!isOf(held, name)) continue;
      // It lives only as long as a dial, and what was dialled is closed by the change.
      if (held.grant.action === 'via') continue;
      const decision = decide(held.caller, { name, policy, liveSessions: 0 }, held.grant.action, now);
      if (decision.allowed) this.#limitLife(held, policy);
      else held.grant.revoke(new BrokerError('ended', `the policy of ${name} was changed`));
    }
  }

  /** Ends every grant of a service. */
  endService(name: string, reason: BrokerError): void {
    for (const held of [...this.#held.values()]) if (isOf(held, name)) held.grant.revoke(reason);
  }

  /** Ends every grant: at lock and at exit. */
  endAll(reason: BrokerError): void {
    for (const { grant } of [...this.#held.values()]) grant.revoke(reason);
  }

  /** Puts a refusal on record. @returns what the caller is told. */
  async #refused(caller: Caller, request: AdmitRequest, { actual, told, rule }: Refusal): Promise<BrokerError> {
    const { code, message } = actual;
    const detail = { ...purpose(request), rule };
    await this.#audit.record({ ...eventOf(caller, request), outcome: 'denied', code, message, detail });
    return told;
  }

  /** Why not, as it is told and as it is recorded; undefined when the caller may. */
  #refusal(caller: Caller, { action, service, session, target }: AdmitRequest): Refusal | undefined {
    const nobody = caller.transport !== 'internal' && !caller.token;
    if (this.#vault.state !== 'unlocked' && !nobody) {
      const locked = lockedError(this.#vault.state);
      return { told: locked, actual: locked, rule: 'locked' };
    }
    const policy = nobody ? undefined : this.#services.policy(service);
    const liveSessions = this.liveSessions(service, session);
    const carries = action === 'via' && policy ? this.#services.carries(service) : [];
    const facts = { name: service, policy: policy ?? ANYBODY, liveSessions, carries, target };
    const decision = decide(caller, facts, action, this.#clock.now());
    if (!decision.allowed && decision.rule === 'token') {
      const told = new BrokerError(decision.code, decision.message, { hint: HINT_TOKEN });
      return { told, actual: decision, rule: decision.rule };
    }
    if (!policy) {
      const told =
        action === 'via'
          ? new BrokerError('not_found', `via names ${service}, which does not exist`, { hop: 'config' })
          : this.notFound(caller, service);
      return { told, actual: told, rule: 'unknown' };
    }
    if (decision.allowed) return undefined;
    if (decision.rule === 'via_for') {
      const hint = `an admin can allow it: broker service set ${service} --via-for ${target}, and the names that stand there already`;
      return {
        told: new BrokerError(decision.code, decision.message, { hint }),
        actual: decision,
        rule: decision.rule,
      };
    }
    if (HIDING.includes(decision.rule)) {
      return { told: this.notFound(caller, service), actual: decision, rule: decision.rule };
    }
    return { told: new BrokerError(decision.code, decision.message), actual: decision, rule: decision.rule };
  }

  /** The answer about a service that does not exist, or that this caller may not know of: it names those it may use. */
  notFound(caller: Caller, service: string): BrokerError {
    const name = NAMELIKE.test(service) ? ` ${service}` : ' of that name';
    return new BrokerError('not_found', `there is no service${name} that you may use`, { hint: this.#usable(caller) });
  }

  #usable(caller: Caller): string {
    const names = this.#services.names().filter((name) => this.visible(caller, name));
    if (names.length === 0) return 'this token may use no service';
    const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
    return `you may use: ${names.slice(0, MAX_NAMED).join(', ')}${more}`;
  }

  #adminRefusal(caller: Caller, what: string): BrokerError | undefined {
    const { token } = caller;
    if (caller.transport === 'internal') return undefined;
    if (!token) return new BrokerError('unauthenticated', `${what} needs an admin`, { hint: HINT_ADMIN });
    const ended = token.signal.aborted || (token.expiresAt !== undefined && token.expiresAt <= this.#clock.now());
    if (ended) return new BrokerError('unauthenticated', `the token ${token.name} has ended`, { hint: HINT_ADMIN });
    if (token.scope === 'admin') return undefined;
    return new BrokerError('denied', `${what} needs an admin; the token ${token.name} is not one`, {
      hint: HINT_ADMIN,
    });
  }

  #issue(caller: Caller, subject: GrantSubject, action: Action, session?: string): Grant {
    const grant = this.#authority.issue(subject, action);
    const held: Held = { grant, caller, session, issuedAt: this.#clock.now(), timer: undefined };
    this.#held.set(grant.id, held);
    const signal = caller.token?.signal;
    if (signal) this.#tie(grant, signal);
    grant.signal.addEventListener('abort', () => this.#forget(held), { once: true });
    const policy = subject.collection === 'service' ? this.#services.policy(subject.name) : undefined;
    if (policy) this.#limitLife(held, policy);
    return grant;
  }

  #tie(grant: Grant, token: AbortSignal): void {
    const tied = this.#byToken.get(token);
    if (token.aborted) {
      grant.revoke(endedBy(token));
    } else if (tied) {
      tied.add(grant);
    } else {
      const grants = new Set([grant]);
      this.#byToken.set(token, grants);
      const end = (): void => {
        this.#byToken.delete(token);
        for (const each of [...grants]) each.revoke(endedBy(token));
      };
      token.addEventListener('abort', end, { once: true });
    }
  }

  #limitLife(held: Held, policy: ServicePolicy): void {
    held.timer?.cancel();
    if (!isSession(held.grant.action) || held.caller.transport === 'internal') return;
    const endsAt = held.issuedAt + (policy.maxLifetimeMs || LIFETIME_MS);
    // The token's own end comes through its signal, and says so.
    if (endsAt >= (held.caller.token?.expiresAt ?? Number.POSITIVE_INFINITY)) return;
    held.timer = this.#clock.after(Math.max(0, endsAt - this.#clock.now()), () => {
      const { name } = held.grant.subject;
      held.grant.revoke(new BrokerError('ended', `${name}: the session reached its longest lifetime`));
    });
  }

  #forget(held: Held): void {
    held.timer?.cancel();
    this.#held.delete(held.grant.id);
    const signal = held.caller.token?.signal;
    if (signal) this.#byToken.get(signal)?.delete(held.grant);
  }

  async #recorded(event: AuditEvent, grant: Grant, synced: boolean): Promise<void> {
    try {
      await (synced ? this.#audit.record(event) : this.#audit.write(event));
    } catch (error) {
      grant.revoke(new BrokerError('unavailable', 'the audit log cannot be written'));
      throw error;
    }
  }
}

function isOf({ grant: { subject } }: Held, service: string): boolean {
  return subject.collection === 'service' && subject.name === service;
}

function endedBy(token: AbortSignal): BrokerError {
  return token.reason instanceof BrokerError ? token.reason : new BrokerError('ended', 'the token has ended');
}
