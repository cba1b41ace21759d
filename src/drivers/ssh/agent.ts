import type { Duplex } from 'node:stream';
import type { BaseAgent, Connection, ServerChannel } from 'ssh2';
import { ChannelStream } from './forwarded.ts';
import { library } from './library.ts';
import { openAgentChannel } from './packet.ts';

/** Connections to a client's agent that are open at a time; a server's programs ask one after the other. */
const MAX_STREAMS = 10;

/** Opens a connection to the agent of whoever started something. */
export type AgentSource = () => Promise<Duplex>;

/**
 * The agent that a server is given when a service allows it (draft-ietf-sshm-ssh-agent §4): none, until a client that
 * asked for forwarding has the connection for itself. It holds no key and signs nothing by itself.
 */
export interface BorrowedAgent {
  readonly agent: BaseAgent;
  /** Undefined again when the client has left. */
  source: AgentSource | undefined;
}

/** An agent for one upstream connection. */
export function borrowedAgent(): BorrowedAgent {
  const { BaseAgent } = library();
  class Borrowed extends BaseAgent<never> implements BorrowedAgent {
    source: AgentSource | undefined;
    readonly agent = this;

    override getIdentities(done: (error: Error | undefined, keys?: never[]) => void): void {
      done(undefined, []);
    }

    override sign(
      _key: unknown,
      _data: Buffer,
      options: unknown,
      done?: (error?: Error | null, signature?: Buffer) => void,
    ): void {
      const answer = typeof options === 'function' ? options : done;
      answer?.(new Error('this agent has no keys'));
    }

    /** Asked when the server opens a channel to the agent. */
    override getStream(done: (error?: Error | null, stream?: Duplex) => void): void {
      const none = (): Promise<Duplex> => Promise.reject(new Error('there is no agent'));
      (this.source ?? none)().then(
        (stream) => {
          // The library pipes both ways and listens for no error; a channel without a reader of its end stays open.
          stream.on('error', () => undefined);
          stream.once('pipe', (up: Duplex) => {
            up.on('error', () => stream.destroy());
            up.once('close', () => stream.destroy());
            stream.once('close', () => up.destroy());
          });
          done(null, stream);
        },
        (error: Error) => done(error),
      );
    }
  }
  return new Borrowed();
}

/** The agent of a local client that has offered to forward it. */
export function clientAgent(client: Connection): AgentSource {
  let open = 0;
  return () =>
    new Promise((resolve, reject) => {
      if (open >= MAX_STREAMS) {
        reject(new Error(`${MAX_STREAMS} connections to the agent are open`));
        return;
      }
      const opened = (error: Error | undefined, channel?: ServerChannel): void => {
        if (!channel) {
          reject(error ?? new Error('the client opened no channel'));
          return;
        }
        const stream = new ChannelStream(channel);
        open++;
        stream.once('close', () => {
          open--;
        });
        resolve(stream);
      };
      if (!openAgentChannel(client, opened)) reject(new Error('this version of ssh2 cannot reach an agent'));
    });
}
