import type { Connection } from 'ssh2';
import type { OpenParams, Upstream } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import type { SessionEnd } from '../../core/relay.ts';
import { within } from '../../core/within.ts';
import { clientAgent } from './agent.ts';
import { bridgeSession } from './bridge.ts';
import type { Channels } from './channels.ts';
import type { SshFacts } from './hint.ts';
import type { InsideVisitor } from './insider.ts';
import { type SshVisitor, type StockVisitor, sayGoodbye } from './local.ts';
import { decide, type SshPolicy } from './policy.ts';
import { Traffic } from './traffic.ts';

/** Session channels of one local connection: as many as an OpenSSH server gives its clients (MaxSessions). */
const MAX_CHANNELS = 10;
const NO_PARAMS: OpenParams = new Map();

/** One session's part of the service's shared connections, for one client with any number of channels. */
export class SshUpstream implements Upstream<SshFacts, SshVisitor, never> {
  readonly facts: SshFacts;
  readonly params: OpenParams = NO_PARAMS;
  readonly #channels: Channels;
  readonly #policy: SshPolicy;

  constructor(channels: Channels, facts: SshFacts, policy: SshPolicy) {
    this.#channels = channels;
    this.facts = facts;
    this.#policy = policy;
  }

  async serve(visitor: SshVisitor, idleMs: number, signal: AbortSignal): Promise<SessionEnd> {
    const traffic = new Traffic(visitor.note);
    if ('insider' in visitor) return await this.#serveInsider(visitor, traffic, signal);
    const local = visitor.connection;
    this.#attach(local, traffic);
    const outcome = await this.#outcome(visitor, traffic, idleMs, signal);
    if (outcome.outcome === 'upstream_finished') {
      // What the server sent before it left is the client's.
      await within(DRAIN_MS, traffic.idle());
    }
    traffic.hangUp();
    const words = outcome.error ?? new BrokerError('upstream_protocol', 'the server closed the connection');
    if (outcome.outcome === 'client_finished') visitor.conn.destroy();
    else await sayGoodbye(visitor.conn, local, words);
    traffic.abandon();
    await this[Symbol.asyncDispose]();
    return { ...outcome, bytesUp: traffic.bytesUp, bytesDown: traffic.bytesDown };
  }

  async #serveInsider({ insider, conn }: InsideVisitor, traffic: Traffic, signal: AbortSignal): Promise<SessionEnd> {
    const bridge = { channels: this.#channels, policy: this.#policy, traffic };
    const end = await insider.serve(bridge, AbortSignal.any([signal, this.#channels.ended]));
    conn.destroy();
    traffic.hangUp();
    await this[Symbol.asyncDispose]();
    return { ...end, bytesUp: traffic.bytesUp, bytesDown: traffic.bytesDown };
  }

  alive(signal: AbortSignal): Promise<boolean> {
    return this.#channels.alive(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channels[Symbol.dispose]();
  }

  #attach(local: Connection, traffic: Traffic): void {
    const bridge = { channels: this.#channels, policy: this.#policy, traffic };
    const agent = clientAgent(local);
    let sessions = 0;
    local.on('session', (accept, reject) => {
      if (sessions >= MAX_CHANNELS) return reject();
      sessions++;
      const session = accept();
      session.once('close', () => {
        sessions--;
      });
      bridgeSession(session, bridge, agent);
    });
    local.on('tcpip', (accept, reject, { destIP, destPort }) => {
      const decision = decide(this.#policy, { type: 'forward', host: destIP, port: destPort });
      const target = `${destIP}:${destPort}`.replace(/[^\w.:-]/g, '?');
      const note = decision.allowed
        ? traffic.note({ action: 'ssh.forward', outcome: 'intent', detail: { target } })
        : traffic.note({ action: 'ssh.forward', outcome: 'denied', code: 'denied', message: decision.why });
      note.then(
        () => {
          if (!decision.allowed) return reject();
          this.#channels.stream({ host: destIP, port: destPort }).then(
            (up) => {
              const channel = accept();
              channel.on('error', () => up.destroy()).on('close', () => up.destroy());
              up.on('error', () => channel.destroy());
              channel.on('data', (chunk: Buffer) => traffic.moved('up', chunk.length));
              up.on('data', (chunk: Buffer) => traffic.moved('down', chunk.length));
              channel.pipe(up).pipe(channel);
            },
            () => reject(),
          );
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
      const { ended } = this.#channels;
      const changed = (): void => finish({ outcome: 'ended', error: toBrokerError(ended.reason) });
      if (ended.aborted) return changed();
      if (visitor.conn.socket.destroyed) return clientGone();
      signal.addEventListener('abort', aborted, { once: true });
      ended.addEventListener('abort', changed, { once: true });
      this.#channels.lost = upstreamGone;
      visitor.conn.socket.once('close', clientGone);
      cleanups.push(() => {
        signal.removeEventListener('abort', aborted);
        ended.removeEventListener('abort', changed);
        this.#channels.lost = () => undefined;
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
