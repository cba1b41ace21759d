import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from '../core/audit.ts';
import type { Driver } from '../core/driver.ts';
import { toBrokerError } from '../core/errors.ts';
import { GrantAuthority } from '../core/grant.ts';
import { drivers } from '../drivers/registry.ts';
import { Vault } from '../vault/vault.ts';
import { AuditLog } from './audit/log.ts';
import type { LocalCa } from './ca.ts';
import { auditCaller, type Caller } from './caller.ts';
import { Files } from './files.ts';
import { Gate, type GateVault } from './gate.ts';
import { errorFields, type Log } from './log.ts';
import type { PeerLookup } from './peer/lookup.ts';
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
  /** Ports of broker's own, which no service may point at. */
  readonly ownPorts: () => readonly number[];
  /** What is weaker than it could be, in sentences. */
  readonly weaknesses: readonly string[];
  readonly requestStop: () => void;
}

type AuditFacts = Pick<AuditEvent, 'service' | 'kind' | 'session' | 'reason' | 'detail'>;

/** The composition root: makes every part once, hands each the ports it needs, and knows what a lock means to all. */
export class Daemon implements AsyncDisposable {
  readonly startedAt = Date.now();
  readonly version: string;
  readonly weaknesses: readonly string[];
  readonly drivers: ReadonlyMap<string, Driver> = drivers;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly tokens: Tokens;
  readonly services: Services;
  readonly files: Files;
  readonly gate: Gate;
  readonly sessions: SessionManager;
  readonly requestStop: () => void;
  readonly #parts: DaemonParts;
  #onStateChange: () => void = () => {};
  #locking = false;
  #ca: LocalCa | undefined;

  private constructor(parts: DaemonParts, vault: Vault, audit: AuditLog, authority: GrantAuthority) {
    this.#parts = parts;
    this.version = parts.version;
    this.weaknesses = parts.weaknesses;
    this.requestStop = parts.requestStop;
    this.vault = vault;
    this.audit = audit;
    this.tokens = new Tokens(vault);
    this.services = new Services(vault, this.drivers);
    this.files = new Files(vault, this.services);
    this.gate = new Gate({ authority, services: this.services, audit, vault: this.#gatedVault() });
    this.sessions = new SessionManager({
      drivers: this.drivers,
      services: this.services,
      gate: this.gate,
      audit,
      peers: parts.peers,
      now: Date.now,
      isOwnPort: (port) => parts.ownPorts().includes(port),
      socketDir: parts.sessionDir,
      localTls: async () => {
        // Loaded when first wanted: the X.509 library is large, and few sessions ask for TLS.
        this.#ca ??= new (await import('./ca.ts')).LocalCa(parts.home, vault);
        return await this.#ca.localTls();
      },
      report: (error, doing) => parts.log.warn(`failed at ${doing}`, errorFields(error)),
    });
  }

  /** @throws BrokerError `conflict` when another daemon holds the home, `corrupt` for a damaged vault or audit log. */
  static async start(parts: DaemonParts): Promise<Daemon> {
    mkdirSync(parts.home, { recursive: true, mode: 0o700 });
    const authority = new GrantAuthority();
    const vault = await Vault.open(parts.home, { vouches: authority.vouches });
    try {
      const audit = await AuditLog.open({ folder: join(parts.home, 'audit'), vault });
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
    this.#onStateChange();
  }

  /** Refuses new work, ends every session and grant, then forgets the keys. Bounded; waits for no client. */
  async lock(): Promise<void> {
    if (this.vault.state !== 'unlocked' || this.#locking) return;
    this.#locking = true;
    try {
      await this.sessions.endAll('locked');
      await this.audit.seal();
      this.tokens.endElevated();
      this.vault.lock();
    } finally {
      this.#locking = false;
    }
    this.#onStateChange();
  }

  /** A service's record changed or went: spares made with the old one are dropped, grants no longer allowed end. */
  async serviceChanged(name: string): Promise<void> {
    this.gate.reconsider(name);
    await this.sessions.dropSpares(name);
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
    const event = { action, caller: auditCaller(caller), ...facts };
    try {
      const result = await work();
      await this.audit.record({ ...event, outcome: 'ok', durationMs: Math.round(performance.now() - started) });
      return result;
    } catch (thrown) {
      const error = toBrokerError(thrown);
      const outcome = error.code === 'denied' || error.code === 'unauthenticated' ? 'denied' : 'failed';
      await this.audit.record({ ...event, outcome, code: error.code, message: error.message });
      throw thrown;
    }
  }

  /** The vault as the gate sees it: closed from the moment a lock begins. */
  #gatedVault(): GateVault {
    const { vault } = this;
    const locking = (): boolean => this.#locking;
    return {
      get state() {
        return vault.state === 'unlocked' && locking() ? 'locked' : vault.state;
      },
      onLock: (listener) => vault.onLock(listener),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lock();
    await this.sessions.endAll('shutdown');
    await this.audit[Symbol.asyncDispose]();
    await this.vault[Symbol.asyncDispose]();
  }
}
