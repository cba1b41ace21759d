import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import type { Target } from '../../core/dial.ts';
import type { Berth, Berths, ChannelUse } from '../../core/driver.ts';
import { BrokerError, throwIfAborted } from '../../core/errors.ts';
import type { AgentSource } from './agent.ts';
import { hangUp } from './packet.ts';
import { SshTrunk } from './trunk.ts';

/** Connections that one channel is tried on before its refusal is believed. */
const MAX_TRIES = 10;

export type StartChannel = (client: Client, opened: (error: Error | undefined, channel: ClientChannel) => void) => void;

/** The channels of one session, on whichever of the service's connections has room for them. */
export class Channels implements Disposable {
  readonly #berths: Berths;
  readonly #streams = new Set<Duplex>();
  readonly #over = new AbortController();
  /** The place that was taken when the session was opened, until its first channel has it. */
  #first: Berth | undefined;
  /** Called when a connection is lost that carries one of the channels. */
  lost: () => void = () => undefined;

  constructor(berths: Berths, first: Berth) {
    this.#berths = berths;
    this.#first = first;
  }

  /** Aborts when the service is no longer what it was when the session was opened. */
  get ended(): AbortSignal {
    return this.#berths.ended;
  }

  async alive(signal: AbortSignal): Promise<boolean> {
    return !this.ended.aborted && (await this.#first?.trunk.alive(signal)) === true;
  }

  /**
   * Opens a channel and starts something in it. A server that takes no more channels on one connection is asked on
   * another; so is one whose connection turns out to be dead, as long as nothing was started.
   * @param opened called at once: how it ended may come in the packet that says it began.
   * @param agent what the server may reach through it. A connection does not tell which of its channels wants an agent, so
   *   this one is then the only channel of its connection.
   * @throws BrokerError `upstream_refused`; those of a login; `ended` after disposal.
   */
  async session<T>(start: StartChannel, opened: (channel: ClientChannel) => T, agent?: AgentSource): Promise<T> {
    for (let tries = 1; ; tries++) {
      const berth = await this.#take(agent ? 'alone' : 'session');
      try {
        return await this.#start(berth, start, opened, agent);
      } catch (error) {
        const dead = isDead(error);
        const elsewhere = dead || (isRefusal(error) && berth.refused());
        berth[Symbol.dispose]();
        if (dead) await berth.trunk.over;
        throwIfAborted(this.#over.signal);
        if (!elsewhere || tries === MAX_TRIES) throw refusal(error, dead);
      }
    }
  }

  /** A connection that the server makes. @throws BrokerError as Trunk.stream; those of a login; `ended` after disposal. */
  async stream(target: Target): Promise<Duplex> {
    const berth = await this.#take('stream');
    try {
      const stream = await berth.trunk.stream(target, this.#over.signal);
      this.#streams.add(stream);
      stream.once('close', () => {
        this.#streams.delete(stream);
        berth[Symbol.dispose]();
      });
      return stream;
    } catch (error) {
      berth[Symbol.dispose]();
      throw error;
    }
  }

  /** Lets go of the place that was never used, and of what is on its way. */
  [Symbol.dispose](): void {
    this.#over.abort(new BrokerError('ended', 'the session is over'));
    this.#first?.[Symbol.dispose]();
    this.#first = undefined;
    for (const stream of this.#streams) stream.destroy();
  }

  async #take(use: ChannelUse): Promise<Berth> {
    const first = use === 'session' ? this.#first : undefined;
    if (!first) return await this.#berths.reserve(use, this.#over.signal);
    this.#first = undefined;
    return first;
  }

  #start<T>(
    berth: Berth,
    start: StartChannel,
    opened: (channel: ClientChannel) => T,
    agent: AgentSource | undefined,
  ): Promise<T> {
    const { trunk } = berth;
    if (!(trunk instanceof SshTrunk)) throw new BrokerError('internal', 'a connection of another kind');
    const { client } = trunk;
    trunk.agent.source = agent;
    return new Promise((resolve, reject) => {
      start(client, (error, channel) => {
        if (error) return reject(error);
        const lost = (): void => this.lost();
        client.once('close', lost).once('end', lost);
        channel.once('close', () => {
          client.off('close', lost).off('end', lost);
          berth[Symbol.dispose]();
        });
        const made = opened(channel);
        if (this.#over.signal.aborted) {
          hangUp(channel);
          reject(this.#over.signal.reason);
        } else resolve(made);
      });
    });
  }
}

function refusal(cause: unknown, dead: boolean): BrokerError {
  if (dead) return new BrokerError('upstream_unreachable', 'the server closes its connections', { cause });
  const noAgent = cause instanceof Error && cause.message === 'Unable to request agent forwarding';
  const what = isRefusal(cause) ? 'refused to open a channel' : 'refused to start it';
  const message = noAgent ? 'forwards no agent (AllowAgentForwarding)' : what;
  return new BrokerError('upstream_refused', `the server ${message}`, { cause });
}

/** The server said no to the channel itself (RFC 4254 §5.1), rather than to what was to be started in it. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && typeof Reflect.get(error, 'reason') === 'number';
}

/** The library's words for a connection that is gone before the channel was there: nothing can have been started. */
function isDead(error: unknown): boolean {
  return error instanceof Error && (error.message === 'Not connected' || error.message === 'No response from server');
}
