import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { formatHostPort, type Target } from '../../core/dial.ts';
import type { Trunk } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { DRAIN_MS } from '../../core/limits.ts';
import type { SshLogin } from './client.ts';
import { ChannelStream } from './forwarded.ts';

/** RFC 4254 §5.1: why a channel was not opened. */
const PROHIBITED = 1;

/** A logged-in connection, for the channels of many sessions. */
export class SshTrunk implements Trunk {
  readonly client: SshLogin['client'];
  readonly agent: SshLogin['agent'];
  readonly over: Promise<void>;
  readonly #socket: Duplex;
  #ended = false;

  constructor({ client, socket, agent }: SshLogin) {
    this.client = client;
    this.agent = agent;
    this.#socket = socket;
    // Every channel listens for the end of its connection.
    client.setMaxListeners(0);
    this.over = new Promise((resolve) => {
      if (socket.destroyed) resolve();
      // A server that has said its last word takes no more channels, though the socket may stay half open.
      client.once('end', resolve).once('close', resolve);
    });
    void this.over.then(() => {
      this.#ended = true;
    });
  }

  get closed(): boolean {
    return this.#ended || this.#socket.destroyed;
  }

  /** Asks for something that the server refuses at once: an answer is all that is wanted. */
  alive(signal: AbortSignal): Promise<boolean> {
    if (this.closed || signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (alive: boolean) => (): void => {
        signal.removeEventListener('abort', dead);
        this.client.off('close', dead);
        resolve(alive && !this.closed);
      };
      const dead = settle(false);
      signal.addEventListener('abort', dead, { once: true });
      this.client.once('close', dead);
      try {
        this.client.unforwardIn('127.0.0.1', 1, settle(true));
      } catch {
        dead();
      }
    });
  }

  stream({ host, port }: Target, signal: AbortSignal): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => reject(toBrokerError(signal.reason));
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
      const opened = (error: Error | undefined, channel: ClientChannel): void => {
        signal.removeEventListener('abort', aborted);
        if (error) {
          reject(streamFailure(error, formatHostPort(host, port)));
          return;
        }
        const stream = new ChannelStream(channel);
        if (signal.aborted) stream.destroy();
        else resolve(stream);
      };
      try {
        this.client.forwardOut('127.0.0.1', 0, host.replace(/^\[(.*)\]$/, '$1'), port, opened);
      } catch (cause) {
        signal.removeEventListener('abort', aborted);
        reject(new BrokerError('upstream_unreachable', 'the server closed the connection', { hop: 'tcp', cause }));
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    // Says SSH_MSG_DISCONNECT; a server that does not close in time is left.
    this.client.end();
    const timer = setTimeout(() => this.#socket.destroy(), DRAIN_MS);
    this.#socket.resume();
    await closed;
    clearTimeout(timer);
  }
}

/** OpenSSH says what went wrong at its end in words: getaddrinfo's, strerror's, or that it may not. */
function streamFailure(error: Error, target: string): BrokerError {
  const reason: unknown = Reflect.get(error, 'reason');
  const words = error.message.replace(/^\(SSH\) Channel open failure: ?/, '');
  if (reason === PROHIBITED)
    return new BrokerError('upstream_refused', `the server does not forward connections to ${target}`, {
      hop: 'tcp',
      hint: 'AllowTcpForwarding and PermitOpen in its sshd_config, and options of the key in authorized_keys, decide about it',
      cause: error,
    });
  const unknown = /not known|name resolution|no address|nodename|resolve/i.test(words);
  const known = /^[\w .,'()-]{1,80}$/.test(words) ? ` (${words})` : '';
  return new BrokerError(
    'upstream_unreachable',
    unknown
      ? `the server cannot resolve the host name of ${target}${known}`
      : `the server cannot connect to ${target}${known}`,
    { hop: unknown ? 'dns' : 'tcp', cause: error },
  );
}
