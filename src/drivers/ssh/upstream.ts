import type { Duplex } from 'node:stream';
import type { Client, Connection } from 'ssh2';
import type { OpenParams, Upstream } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import type { SessionEnd } from '../../core/relay.ts';
import { bridgeSession } from './bridge.ts';
import type { SshLogin } from './client.ts';
import type { DeskVisitor } from './desk.ts';
import type { SshFacts } from './hint.ts';
import { type SshVisitor, type StockVisitor, sayGoodbye } from './local.ts';
import { decide, type SshPolicy } from './policy.ts';
import { Traffic } from './traffic.ts';

/** Session channels of one connection: OpenSSH's own MaxSessions (MECHANISMS §5). */
const MAX_CHANNELS = 10;
const NO_PARAMS: OpenParams = new Map();

/** A logged-in connection, for one client with any number of channels. */
export class SshUpstream implements Upstream<SshFacts, SshVisitor, never> {
  readonly facts: SshFacts;
  readonly params: OpenParams = NO_PARAMS;
  readonly #client: Client;
  readonly #socket: Duplex;
  readonly #policy: SshPolicy;

  constructor({ client, socket }: SshLogin, facts: SshFacts, policy: SshPolicy) {
    this.#client = client;
    this.#socket = socket;
    this.facts = facts;
    this.#policy = policy;
  }

  async serve(visitor: SshVisitor, idleMs: number, signal: AbortSignal): Promise<SessionEnd> {
    const traffic = new Traffic(visitor.note);
    if ('desk' in visitor) return await this.#serveDesk(visitor, traffic, signal);
    const local = visitor.connection;
    this.#attach(local, traffic);
    const outcome = await this.#outcome(visitor, traffic, idleMs, signal);
    if (outcome.outcome === 'upstream_finished') {
      // What the server sent before it left is the client's.
      let stop = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, DRAIN_MS);
        stop = () => clearTimeout(timer);
      });
      await Promise.race([traffic.idle(), late]);
      stop();
    }
    traffic.hangUp();
    const words = outcome.error ?? new BrokerError('upstream_protocol', 'the server closed the connection');
    if (outcome.outcome === 'client_finished') visitor.conn.destroy();
    else await sayGoodbye(visitor.conn, local, words);
    traffic.abandon();
    await this[Symbol.asyncDispose]();
    return { ...outcome, bytesUp: traffic.bytesUp, bytesDown: traffic.bytesDown };
  }

  async #serveDesk({ desk, conn }: DeskVisitor, traffic: Traffic, signal: AbortSignal): Promise<SessionEnd> {
    const bridge = { upstream: this.#client, policy: this.#policy, traffic };
    const end = await desk.serve(bridge, signal);
    conn.destroy();
    traffic.hangUp();
    await this[Symbol.asyncDispose]();
    return { ...end, bytesUp: traffic.bytesUp, bytesDown: traffic.bytesDown };
  }

  /** Asks for something that the server refuses at once: an answer is all that is wanted. */
  alive(signal: AbortSignal): Promise<boolean> {
    if (this.#socket.destroyed || signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (alive: boolean) => (): void => {
        signal.removeEventListener('abort', dead);
        this.#client.off('close', dead);
        resolve(alive && !this.#socket.destroyed);
      };
      const dead = settle(false);
      signal.addEventListener('abort', dead, { once: true });
      this.#client.once('close', dead);
      this.#client.unforwardIn('127.0.0.1', 1, settle(true));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    // Says SSH_MSG_DISCONNECT; a server that does not close in time is left.
    this.#client.end();
    const timer = setTimeout(() => this.#socket.destroy(), DRAIN_MS);
    this.#socket.resume();
    await closed;
    clearTimeout(timer);
  }

  #attach(local: Connection, traffic: Traffic): void {
    const bridge = { upstream: this.#client, policy: this.#policy, traffic };
    let sessions = 0;
    local.on('session', (accept, reject) => {
      if (sessions >= MAX_CHANNELS) return reject();
      sessions++;
      const session = accept();
      session.once('close', () => {
        sessions--;
      });
      bridgeSession(session, bridge);
    });
    local.on('tcpip', (accept, reject, { srcIP, srcPort, destIP, destPort }) => {
      const decision = decide(this.#policy, { type: 'forward', host: destIP, port: destPort });
      const target = `${destIP}:${destPort}`.replace(/[^\w.:-]/g, '?');
      const note = decision.allowed
        ? traffic.note({ action: 'ssh.forward', outcome: 'intent', detail: { target } })
        : traffic.note({ action: 'ssh.forward', outcome: 'denied', code: 'denied', message: decision.why });
      note.then(
        () => {
          if (!decision.allowed) return reject();
          this.#client.forwardOut(srcIP, srcPort, destIP, destPort, (error, up) => {
            if (error) return reject();
            const channel = accept();
            channel.on('error', () => up.destroy()).on('close', () => up.destroy());
            up.on('error', () => channel.destroy());
            channel.on('data', (chunk: Buffer) => traffic.moved('up', chunk.length));
            up.on('data', (chunk: Buffer) => traffic.moved('down', chunk.length));
            channel.pipe(up).pipe(channel);
          });
        },
        () => reject(),
      );
    });
  }

  /** Welcomes the client and waits until one side leaves, broker ends it, or nothing has moved for too long. */
  #outcome(
    visitor: StockVisitor,
    traffic: Traffic,
    idleMs: number,
    signal: AbortSignal,
  ): Promise<Omit<SessionEnd, 'bytesUp' | 'bytesDown'>> {
    return new Promise((resolve) => {
      const cleanups: (() => void)[] = [];
      const finish = (outcome: Omit<SessionEnd, 'bytesUp' | 'bytesDown'>): void => {
        for (const cleanup of cleanups.splice(0)) cleanup();
        resolve(outcome);
      };
      const aborted = (): void => finish({ outcome: 'ended', error: toBrokerError(signal.reason) });
      const upstreamGone = (): void => finish({ outcome: 'upstream_finished' });
      const clientGone = (): void => finish({ outcome: 'client_finished' });
      if (signal.aborted) return aborted();
      if (this.#socket.destroyed) return upstreamGone();
      if (visitor.conn.socket.destroyed) return clientGone();
      signal.addEventListener('abort', aborted, { once: true });
      this.#client.once('close', upstreamGone).once('end', upstreamGone);
      visitor.conn.socket.once('close', clientGone);
      cleanups.push(() => {
        signal.removeEventListener('abort', aborted);
        this.#client.off('close', upstreamGone).off('end', upstreamGone);
        visitor.conn.socket.off('close', clientGone);
      });
      if (idleMs > 0) {
        const check = (): void => {
          const quiet = performance.now() - traffic.at;
          if (quiet >= idleMs)
            finish({
              outcome: 'idle',
              error: new BrokerError('ended', `the session was idle for ${Math.round(idleMs / 1000)} s`),
            });
          else timer = setTimeout(check, idleMs - quiet);
        };
        let timer = setTimeout(check, idleMs);
        cleanups.push(() => clearTimeout(timer));
      }
      visitor.welcome();
    });
  }
}
