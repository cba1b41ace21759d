import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type BrokerClient, connect } from '../../src/cli/connect.ts';
import type { AuditEvent } from '../../src/core/audit.ts';
import { fromMillis } from '../../src/core/rpc.ts';
import { type Instance, startInstance } from '../../src/daemon/instance.ts';
import type { Log, LogFields } from '../../src/daemon/log.ts';
import { readSettings } from '../../src/daemon/settings.ts';
import type { KdfParams } from '../../src/vault/kdf.ts';

import { nodeFor } from './user.ts';

export const MASTER = 'correct horse battery';
/** The least that argon2id accepts. */
const CHEAP_KDF: KdfParams = { timeCost: 1, memoryKiB: 8, parallelism: 1 };
export const THREAD = new URL('../../dist/daemon/http/thread.js', import.meta.url);
/** All of the suite can be run with the thread that is otherwise there under load only: BROKER_TEST_HTTP_THREAD=on. */
const FLAGS = {
  grpc: '127.0.0.1:0',
  http: '127.0.0.1:0',
  'http-thread': process.env.BROKER_TEST_HTTP_THREAD ?? 'auto',
};

export interface TestDaemonOptions {
  /** Settings as on the command line, by name without dashes. Port 0 and a home of its own by default. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
  /** Where the vault is; a new folder, removed at the end, by default. */
  readonly home?: string;
  /** False: without a vault. */
  readonly initialized?: boolean;
  readonly password?: string;
  readonly kdf?: KdfParams;
}

/** A whole daemon inside this process, with its vault made and open, and one client for each sort of caller. */
export class TestDaemon implements AsyncDisposable {
  readonly home: string;
  readonly instance: Instance;
  /** What the daemon logged, a JSON object each. */
  readonly log: readonly string[];
  /** Emits `stop` when a client asked the daemon to stop. */
  readonly asked = new EventEmitter();
  readonly #clients: BrokerClient[] = [];
  readonly #ownsHome: boolean;
  #adminToken = '';

  private constructor(home: string, ownsHome: boolean, instance: Instance, log: readonly string[]) {
    this.home = home;
    this.#ownsHome = ownsHome;
    this.instance = instance;
    this.log = log;
  }

  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    const home = options.home ?? (await mkdtemp(join(tmpdir(), 'broker-api-')));
    const lines: string[] = [];
    let made: TestDaemon | undefined;
    try {
      const instance = await startInstance({
        settings: readSettings({ ...FLAGS, ...options.flags, home }, options.env ?? {}),
        env: options.env ?? {},
        log: memoryLog(lines),
        threadFile: THREAD,
        requestStop: () => made?.asked.emit('stop'),
        kdf: options.kdf ?? CHEAP_KDF,
      });
      made = new TestDaemon(home, options.home === undefined, instance, lines);
      if (options.initialized !== false && instance.daemon.vault.state === 'absent') {
        const password = Buffer.from(options.password ?? MASTER);
        await made.client().vault.initialize({ password });
      }
      return made;
    } catch (error) {
      await made?.[Symbol.asyncDispose]();
      if (options.home === undefined) await rm(home, { recursive: true, force: true });
      throw error;
    }
  }

  get address(): string {
    return `unix:${this.instance.socket}`;
  }

  get tcpAddress(): string {
    return `127.0.0.1:${this.instance.port}`;
  }

  /** Where the HTTP side is: `http://127.0.0.1:PORT`. */
  get http(): string {
    return `http://127.0.0.1:${this.instance.httpPort}`;
  }

  /** A client on the unix socket, closed with the daemon. Without a token: anybody. */
  client(token?: string, address = this.address): BrokerClient {
    const made = connect({ address, ...(token && { token }) });
    this.#clients.push(made);
    return made;
  }

  /** A client on the TCP port. */
  tcp(token?: string): BrokerClient {
    return this.client(token, this.tcpAddress);
  }

  /** The text of an admin token that does not expire; made on first use. */
  async adminToken(password = MASTER): Promise<string> {
    if (!this.#adminToken) {
      const { token } = await this.client().vault.elevate({ password: Buffer.from(password) });
      const { text } = await this.client(token).tokens.create({ name: 'root', scope: 'admin', anyUid: true });
      this.#adminToken = text;
    }
    return this.#adminToken;
  }

  async admin(password = MASTER): Promise<BrokerClient> {
    return this.client(await this.adminToken(password));
  }

  /** The text of a new proxy token. */
  async proxyToken(name: string, services = '*', actions: string[] = ['open'], ttlMs?: number): Promise<string> {
    const admin = await this.admin();
    const ttl = ttlMs === undefined ? {} : { ttl: fromMillis(ttlMs) };
    const { text } = await admin.tokens.create({ name, scope: 'proxy', grants: [{ services, actions }], ...ttl });
    return text;
  }

  async proxy(name = 'agent', services = '*'): Promise<BrokerClient> {
    return this.client(await this.proxyToken(name, services));
  }

  /** The text of a proxy token whose time is over. */
  async expiredToken(name = 'expired'): Promise<string> {
    const text = await this.proxyToken(name, '*', ['open'], 1);
    const until = Date.now() + 2;
    while (Date.now() < until) await new Promise((resolve) => setImmediate(resolve));
    return text;
  }

  /** The text of a proxy token that was revoked. */
  async revokedToken(name = 'revoked'): Promise<string> {
    const text = await this.proxyToken(name);
    await (await this.admin()).tokens.revoke({ token: name });
    return text;
  }

  /** The audit log as it is on the disk, oldest first. */
  async audit(filter: Pick<AuditEvent, 'action'> | Record<string, never> = {}): Promise<AuditEvent[]> {
    const found: AuditEvent[] = [];
    const records = this.instance.daemon.audit.query({ ...filter, follow: false }, AbortSignal.timeout(10_000));
    for await (const { event } of records) found.push(event);
    return found;
  }

  /** The first `count` records that fit, waited for where they are still to come. @throws when they do not. */
  async recorded(filter: Pick<AuditEvent, 'action'>, count: number, fits: (event: AuditEvent) => boolean) {
    const found: AuditEvent[] = [];
    const records = this.instance.daemon.audit.query({ ...filter, follow: true }, AbortSignal.timeout(10_000));
    for await (const { event } of records) {
      if (fits(event)) found.push(event);
      if (found.length === count) return found;
    }
    throw new Error(`${found.length} of ${count} records came`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.instance[Symbol.asyncDispose]();
    if (this.#ownsHome) await rm(this.home, { recursive: true, force: true });
  }
}

function memoryLog(lines: string[]): Log {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push(JSON.stringify({ level, message, ...fields }));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A daemon in a process of its own, as `broker daemon` runs it. */
export class SpawnedDaemon implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly port: number;
  readonly httpPort: number;
  readonly #output: Buffer[];

  private constructor(child: ChildProcess, socket: string, port: number, httpPort: number, output: Buffer[]) {
    this.child = child;
    this.socket = socket;
    this.port = port;
    this.httpPort = httpPort;
    this.#output = output;
  }

  /** @throws Error with what the process wrote when it ends instead of getting ready. */
  static async start(options: {
    readonly home: string;
    readonly flags?: readonly string[];
    readonly env?: NodeJS.ProcessEnv;
    readonly uid?: number;
  }): Promise<SpawnedDaemon> {
    const { home, flags = [], env = {}, uid } = options;
    const main = resolve(import.meta.dirname, 'daemonmain.ts');
    const free = ['--grpc', '--http'].flatMap((flag) => (flags.includes(flag) ? [] : [flag, '127.0.0.1:0']));
    const words = ['--home', home, ...free, ...flags];
    const child = spawn(uid === undefined ? process.execPath : nodeFor(uid), ['--import', 'tsx', main, ...words], {
      cwd: resolve(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { PATH: process.env.PATH, ...env },
      ...(uid !== undefined && { uid, gid: uid }),
    });
    const output: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => output.push(chunk));
    const ended = once(child, 'close').then(() => undefined);
    const [ready] = (await Promise.race([once(child, 'message'), ended.then(() => [])])) as [unknown?];
    const text = (): string => Buffer.concat(output).toString('utf8');
    if (typeof ready !== 'object' || ready === null) throw new Error(text());
    const { socket, port, httpPort } = ready as { socket: string; port: number; httpPort: number };
    return new SpawnedDaemon(child, socket, port, httpPort, output);
  }

  get output(): string {
    return Buffer.concat(this.#output).toString('utf8');
  }

  client(token?: string): BrokerClient {
    return connect({ address: `unix:${this.socket}`, ...(token && { token }) });
  }

  /** Asks it to stop and waits; resolves with its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const closed = once(this.child, 'close');
    this.child.kill(signal);
    await closed;
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}
