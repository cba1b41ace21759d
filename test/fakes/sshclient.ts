import { createRequire } from 'node:module';
import { Duplex } from 'node:stream';
import type ssh2 from 'ssh2';

const library: typeof ssh2 = createRequire(import.meta.url)('ssh2');

/**
 * A client's connection as one stream: raw bytes at first; after `login` the streams of one `echo` command inside an SSH
 * connection over the same socket.
 */
export class SshClient extends Duplex {
  readonly #socket: Duplex;
  #channel: Duplex | undefined;
  #told = '';

  constructor(socket: Duplex) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    socket.on('end', () => this.push(null));
  }

  /** Why the server said goodbye, if it did. */
  get told(): string {
    return this.#told;
  }

  /** @returns undefined once the command runs, else why it does not. */
  login(password?: string): Promise<string | undefined> {
    const client = new library.Client();
    return new Promise((resolve) => {
      const failed = (why: string): void => resolve(this.#told || why);
      client.on('error', (error) => failed(error.message));
      client.on('close', () => failed('closed'));
      client.on('ready', () => {
        client.exec('echo', (error, channel) => {
          if (error) return failed(error.message);
          this.#channel = channel;
          channel.on('data', (chunk: Buffer) => {
            if (!this.push(chunk)) channel.pause();
          });
          channel.on('end', () => this.push(null));
          // The one thing it came for is over.
          channel.on('close', () => client.end());
          resolve(undefined);
        });
      });
      client.connect({
        sock: this.#socket as never,
        username: 'any',
        ...(password !== undefined && { password }),
        hostVerifier: () => true,
        debug: (line) => {
          this.#told = /Received DISCONNECT \(\d+, "(.*)"\)/.exec(line)?.[1] ?? this.#told;
        },
      });
    });
  }

  override _read(): void {
    // What the server says before a login is the login's to read.
    this.#channel?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    (this.#channel ?? this.#socket).write(chunk, () => done());
  }

  override _final(done: () => void): void {
    (this.#channel ?? this.#socket).end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
