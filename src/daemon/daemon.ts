import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from '../core/audit.ts';
import type { Driver } from '../core/driver.ts';
import { type ErrorCode, toBrokerError } from '../core/errors.ts';
import { GrantAuthority } from '../core/grant.ts';
import type { Kind } from '../core/kind.ts';
import type { Secret } from '../core/secret.ts';
import { drivers } from '../drivers/registry.ts';
import { Jars } from '../http/cookies.ts';
import { httpKinds } from '../http/registry.ts';
import type { SecondThread } from '../http/thread/second.ts';
import type { KdfParams } from '../vault/kdf.ts';
import { Vault } from '../vault/vault.ts';
import { AccessTokens } from './accesstokens.ts';
import { AuditLog } from './audit/log.ts';
import type { LocalCa } from './ca.ts';
import { auditCaller, type Caller } from './caller.ts';
import { systemClock, type Timer } from './clock.ts';
import { Files } from './files.ts';
import { Gate } from './gate.ts';
import { gatedVault } from './gatedvault.ts';
import { PortWatch } from './http/listening.ts';
import { HttpProxy } from './http/proxy.ts';
import { Leaks } from './leaks.ts';
import { errorFields, type Log } from './log.ts';
import { Logins } from './logins.ts';
import { Metrics } from './metrics/metrics.ts';
import type { PeerLookup } from './peer/lookup.ts';
import { Presets } from './presets.ts';
import { serviceGrants } from './servicechange.ts';
import { Services } from './services.ts';
import { SessionManager } from './sessions/manager.ts';
import { Tokens } from './tokens.ts';

export interface DaemonParts {
  readonly home: string;
  readonly log: Log;
  readonly peers: PeerLookup;
  readonly version: string;
  readonly socketIsPrivate: boolean;
  /** Folder for the unix sockets of sessions. */
  readonly sessionDir: string;
  /** Folder of the control socket, which the clients can reach. */
  readonly socketDir: string;
  /** Ports of broker's own, which no service may point at. */
  readonly ownPorts: () => readonly number[];
  /** For connections to HTTP services; without it they are in this thread. */
  readonly second?: SecondThread;
  /** What is weaker than it could be, in sentences. */
  readonly weaknesses: readonly string[];
  /** Cost of new passwords; tests make it cheap. */
  readonly kdf?: KdfParams;
  readonly requestStop: () => void;
}

/** Milliseconds between two looks for tokens that have expired, whose records can go. */
const PURGE_MS = 5 * 60_000;
/** Codes that say no to the caller, rather than that something went wrong. */
const REFUSALS: readonly ErrorCode[] = ['denied', 'unauthenticated', 'exhausted'];
/** Milliseconds that a password may take to check at a restore. */
const UNLOCK_MS = 60_000;
const KINDS = new Map<string, Kind>([...drivers, ...httpKinds]);

type AuditFacts = Pick<AuditEvent, 'service' | 'kind' | 'session' | 'reason' | 'detail'>;

/** The composition root: makes every part once, hands each the ports it needs, and knows what a lock means to all. */
export class Daemon implements AsyncDisposable {
  readonly startedAt = Date.now();
  readonly home: string;
  readonly version: string;
  readonly weaknesses: readonly string[];
  readonly drivers: ReadonlyMap<string, Driver> = drivers;
  /** Those that are used through sessions, and those that are used over HTTP. */
  readonly kinds: ReadonlyMap<string, Kind> = KINDS;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly tokens: Tokens;
  readonly services: Services;
  readonly files: Files;
  readonly gate: Gate;
  readonly leaks: Leaks;
  readonly presets: Presets;
  readonly sessions: SessionManager;
  readonly metrics: Metrics;
  /** Cookies of HTTP upstreams; the requests' path fills them. */
  readonly jars = new Jars();
  readonly accessTokens: AccessTokens;
  readonly logins: Logins;
  readonly requestStop: () => void;
  readonly proxy: HttpProxy;
  readonly ports: PortWatch;
  readonly #parts: DaemonParts;
  /** Where the HTTP side listens, once it does: `http://127.0.0.1:8390`, or `unix:PATH`. */
  httpAddress: string | undefined;
  #onStateChange: () => void = () => {};
  #locking: Promise<void> | undefined;
  #purging: Timer | undefined;
  #ca: LocalCa | undefined;

  private constructor(parts: DaemonParts, vault: Vault, audit: AuditLog, authority: GrantAuthority) {
    this.#parts = parts;
    this.home = parts.home;
    this.version = parts.version;
    this.weaknesses = parts.weaknesses;
    this.requestStop = parts.requestStop;
    this.vault = vault;
    this.audit = audit;
    this.tokens = new Tokens(vault);
    this.services = new Services(vault, this.kinds, serviceGrants(authority));
    this.files = new Files(vault, this.services);
    const gated = gatedVault(vault, () => this.#locking !== undefined);
    this.gate = new Gate({ authority, services: this.services, audit, vault: gated });
    this.leaks = new Leaks(vault, Date.now);
    this.presets = new Presets(parts.home, this.kinds);
    const report = (error: unknown, doing: string): void => parts.log.warn(`failed at ${doing}`, errorFields(error));
    this.accessTokens = new AccessTokens({
      vault,
      audit,
      adopt: async (service, token) => {
        if (this.services.get(service)?.secretsSet.includes('refresh_token') !== false) return false;
        await this.services.adopt(service, token);
        return true;
      },
      guard: (address, port) => this.sessions.guard(address, port),
      now: Date.now,
      report,
    });
    this.logins = new Logins({
      services: this.services,
      admit: (caller, service) => this.gate.admit(caller, { action: 'test', service }),
      audit,
      fetch: this.accessTokens.fetch,
      address: () => this.httpAddress,
      changed: (service) => this.serviceChanged(service),
      report,
    });
    this.sessions = new SessionManager({
      drivers: this.drivers,
      services: this.services,
      gate: this.gate,
      audit,
      peers: parts.peers,
      meter: {
        opened: (lease, tookMs) => this.metrics.sessionOpened(lease, tookMs),
        event: (event) => this.metrics.session(event),
      },
      now: Date.now,
      isOwnPort: (port) => parts.ownPorts().includes(port),
      socketDir: parts.sessionDir,
      localKey: (service) => this.localKey(service),
      localTls: async () => {
        // Loaded when first wanted: the X.509 library is large, and few sessions ask for TLS.
        this.#ca ??= new (await import('./ca.ts')).LocalCa(parts.socketDir, vault);
        return await this.#ca.localTls();
      },
      accessToken: (service) => this.accessTokens.port(service),
      report,
    });
    this.metrics = new Metrics({
      version: parts.version,
      startedAt: this.startedAt,
      isUnlocked: () => vault.state === 'unlocked',
      leases: () => this.sessions.list(),
      services: () => (vault.state === 'unlocked' ? this.services.names() : []),
      spares: (service) => this.sessions.spareCount(service),
      hasHttpThread: () => parts.second?.running ?? false,
      audit,
    });
    audit.observe((event) => this.metrics.audited(event));
    this.ports = new PortWatch(vault, this.services);
    this.proxy = new HttpProxy({
      ...(parts.second && { second: parts.second }),
      admit: (caller, service) => this.gate.use(caller, service),
      resolve: (grant) => this.services.resolve(grant),
      kinds: httpKinds,
      guard: (address, port) => this.sessions.guard(address, port),
      audit,
      jars: this.jars,
      accessTokens: (service) => this.accessTokens.port(service),
      report,
    });
  }

  /** @throws BrokerError `conflict` when another daemon holds the home, `corrupt` for a damaged vault or audit log, `invalid_argument` for a bad preset. */
  static async start(parts: DaemonParts): Promise<Daemon> {
    mkdirSync(parts.home, { recursive: true, mode: 0o700 });
    // A file that is not what it must be is told now, not when somebody needs it.
    new Presets(parts.home, KINDS).list();
    const authority = new GrantAuthority();
    const vault = await Vault.open(parts.home, {
      vouches: authority.vouches,
      ...(parts.kdf && { kdf: parts.kdf }),
    });
    try {
      const audit = await AuditLog.open({
        folder: join(parts.home, 'audit'),
        vault,
        report: (error) => parts.log.error('the audit log', errorFields(error)),
      });
      return new Daemon(parts, vault, audit, authority);
    } catch (error) {
      await vault[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Called whenever the vault opens or closes. */
  onStateChange(listener: () => void): void {
    this.#onStateChange = listener;
  }

  /** After the vault was opened, in whichever way: what lives in it comes to life. */
  async unlocked(): Promise<void> {
    this.tokens.load();
    await this.audit.unlocked();
    this.#purgeTokens();
    await this.ports.changed();
    this.#onStateChange();
  }

  /** Refuses new work, ends every session and grant, then forgets the keys. Bounded; waits for no client. */
  lock(): Promise<void> {
    return this.#close('locked');
  }

  /** As `lock`, because the daemon stops; works on a locked vault too. */
  async end(): Promise<void> {
    await this.#close('shutdown');
    await this.sessions.endAll('shutdown');
  }

  /**
   * Puts a backup in the place of the vault, and opens it. Nothing is touched unless `password` opens all of the backup.
   * @throws BrokerError as Vault.restore.
   */
  async restore(backup: Buffer, password: Secret, caller: Caller, signal: AbortSignal): Promise<void> {
    const sound = this.vault.state !== 'unlocked' || (await this.audit.verify()).ok;
    await this.vault.restore(backup, password, signal);
    await this.sessions.endAll('locked');
    this.accessTokens.clear();
    this.tokens.endElevated();
    await this.vault.unlock({ type: 'password', secret: password }, caller.origin, AbortSignal.timeout(UNLOCK_MS));
    await this.unlocked();
    // The backup remembers the audit log of its day. What does not fit now is this restore's doing, and that is on record.
    if (!sound) return;
    const { ok, lastSeq } = await this.audit.verify();
    if (!ok) await this.audit.acknowledge(auditCaller(caller), lastSeq, 'the vault was restored from a backup');
  }

  /** A service's record changed or went: spares made with the old one are dropped, grants no longer allowed end. */
  async serviceChanged(name: string): Promise<void> {
    this.gate.reconsider(name);
    // Whatever changed, the server's session was another credential's, or another server's.
    this.jars.clear(name);
    if (this.services.get(name)) this.accessTokens.changed(name);
    else this.accessTokens.drop(name);
    this.proxy.changed(name);
    await this.ports.changed();
    await this.sessions.dropSpares(name);
  }

  /** What the local side of a service is known by; follows from the data key. @throws BrokerError `locked`. */
  localKey(service: string): Secret {
    return this.vault.deriveKey(`local key of ${service}`);
  }

  /** The daemon's own user (or root) on the unix socket. */
  isOwner(caller: Caller): boolean {
    if (caller.token?.scope === 'admin') return true;
    if (caller.transport !== 'unix') return false;
    if (caller.peer) return caller.peer.uid === process.getuid?.() || caller.peer.uid === 0;
    return this.#parts.socketIsPrivate;
  }

  /** Does `work` and puts on record that it was done, or that it failed and how. */
  async audited<T>(action: string, caller: Caller, facts: AuditFacts, work: () => T | Promise<T>): Promise<T> {
    const started = performance.now();
    const result = await this.watched(action, caller, facts, work);
    const durationMs = Math.round(performance.now() - started);
    await this.audit.record({ action, caller: auditCaller(caller), ...facts, outcome: 'ok', durationMs });
    return result;
  }

  /** Does `work`, which changes and reveals nothing: only that it was refused or failed goes on record. */
  async watched<T>(action: string, caller: Caller, facts: AuditFacts, work: () => T | Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await work();
    } catch (thrown) {
      const { code, message } = toBrokerError(thrown);
      const outcome = REFUSALS.includes(code) ? 'denied' : 'failed';
      const durationMs = Math.round(performance.now() - started);
      await this.audit.record({ action, caller: auditCaller(caller), ...facts, outcome, code, message, durationMs });
      throw thrown;
    }
  }

  async #close(reason: 'locked' | 'shutdown'): Promise<void> {
    if (this.vault.state !== 'unlocked') return;
    this.#locking ??= this.#endAllAndLock(reason).finally(() => {
      this.#locking = undefined;
    });
    await this.#locking;
  }

  /** Whatever fails on the way, the vault is locked in the end. */
  async #endAllAndLock(reason: 'locked' | 'shutdown'): Promise<void> {
    try {
      await this.sessions.endAll(reason);
      await this.accessTokens.settle();
      await this.audit.seal();
    } finally {
      this.accessTokens.clear();
      this.logins.clear();
      this.#purging?.cancel();
      this.tokens.endElevated();
      this.jars.clearAll();
      this.vault.lock();
      this.#onStateChange();
    }
  }

  #purgeTokens(): void {
    this.#purging?.cancel();
    this.#purging = systemClock.after(PURGE_MS, () => {
      this.tokens
        .purgeExpired()
        .catch((error: unknown) => this.#parts.log.warn('forgetting expired tokens failed', errorFields(error)))
        .finally(() => this.vault.state === 'unlocked' && this.#purgeTokens());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.end();
    } finally {
      this.tokens[Symbol.dispose]();
      await this.audit[Symbol.asyncDispose]();
      await this.vault[Symbol.asyncDispose]();
    }
  }
}
