import { EventEmitter, once } from 'node:events';
import { createServer, type Server, type ServerOpts, type Socket } from 'node:net';

/** What the next logins meet: `silent` accepts and says nothing; `downgrade` asks for a weaker login than it should. */
export type Behaviour = 'normal' | 'silent' | 'downgrade';

/** What every fake server has: a port, its sockets, and what the contract suite asks of a server. */
export abstract class FakeServer implements AsyncDisposable {
  readonly password: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #seen = new EventEmitter();
  behaviour: Behaviour = 'normal';
  /** Connections that were made, successful or not. */
  attempts = 0;
  /** Every byte that came before a login. */
  received: Buffer = Buffer.alloc(0);

  constructor(server: Server, password: string) {
    this.#server = server;
    this.password = password;
    server.on('connection', (socket: Socket) => {
      this.attempts++;
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.changed();
      });
      this.changed();
      this.connection(socket);
    });
  }

  protected static async listening(options: ServerOpts = { allowHalfOpen: true, noDelay: true }): Promise<Server> {
    const server = createServer(options);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  /** Talks to one client. */
  protected abstract connection(socket: Socket): void;

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  get live(): number {
    return this.#sockets.size;
  }

  /** Resolves once `test` holds, asked again whenever something happened. */
  async until(test: () => boolean): Promise<void> {
    while (!test()) await once(this.#seen, 'change');
  }

  /** Breaks every connection, as a restarting server does. */
  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  protected changed(): void {
    this.#seen.emit('change');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropAll();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
