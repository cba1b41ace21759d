import { EventEmitter, once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** What the fake mail servers have in common: lines, counters, and what the contract suite asks of a server. */
export abstract class MailServer implements AsyncDisposable {
  readonly user = 'app';
  readonly password: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #seen = new EventEmitter();
  behaviour: 'normal' | 'silent' | 'downgrade' = 'normal';
  attempts = 0;
  received: Buffer = Buffer.alloc(0);
  /** Lines that came behind a login. */
  readonly commands: string[] = [];

  protected constructor(server: Server, password: string) {
    this.#server = server;
    this.password = password;
    server.on('connection', (socket: Socket) => this.#connection(socket));
  }

  protected static async listening(): Promise<Server> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  /** What a server says first. */
  protected abstract greeting(): string;

  /**
   * Answers one line of a client before its login is complete.
   * @returns true once the client is logged in; its `line`s then go to `command`.
   */
  protected abstract login(say: (line: string) => void, line: string): boolean;

  /** Answers one line behind the login; `end` says the last words and half-closes. */
  protected abstract command(say: (line: string) => void, line: string, end: (line: string) => void): void;

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  get live(): number {
    return this.#sockets.size;
  }

  async until(test: () => boolean): Promise<void> {
    while (!test()) await once(this.#seen, 'change');
  }

  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #connection(socket: Socket): void {
    this.attempts++;
    this.#sockets.add(socket);
    this.#seen.emit('change');
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#seen.emit('change');
    });
    const say = (line: string): void => void (socket.writable && socket.write(`${line}\r\n`));
    const end = (line: string): void => void socket.end(line === '' ? '' : `${line}\r\n`);
    let loggedIn = false;
    let pending = '';
    socket.on('data', (chunk: Buffer) => {
      if (!loggedIn) this.received = Buffer.concat([this.received, chunk]);
      if (this.behaviour === 'silent') return;
      pending += chunk.toString('latin1');
      for (let at = pending.indexOf('\n'); at >= 0; at = pending.indexOf('\n')) {
        const line = pending.slice(0, at).replace(/\r$/, '');
        pending = pending.slice(at + 1);
        if (loggedIn) {
          this.commands.push(line);
          this.command(say, line, end);
        } else loggedIn = this.login(say, line);
      }
      this.#seen.emit('change');
    });
    if (this.behaviour !== 'silent') say(this.greeting());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropAll();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
