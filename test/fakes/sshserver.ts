import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import type ssh2 from 'ssh2';
import { identityOf } from '../../src/drivers/ssh/identity.ts';

const library: typeof ssh2 = createRequire(import.meta.url)('ssh2');

/**
 * An SSH server that takes one password and runs one command, `echo`: every line that comes is echoed; after `FINISH` it
 * says its last words and closes the connection.
 */
export class SshServer implements AsyncDisposable {
  readonly user = 'app';
  /** The key that a service pins. `downgrade` shows another. */
  readonly identity = identityOf(Buffer.alloc(32, 1));
  readonly #impostor = identityOf(Buffer.alloc(32, 2));
  readonly #password: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #seen = new EventEmitter();
  behaviour: 'normal' | 'silent' | 'downgrade' = 'normal';
  /** Passwords that were shown: everything else before the login is encrypted. */
  received: Buffer = Buffer.alloc(0);
  attempts = 0;

  private constructor(server: Server, password: string) {
    this.#server = server;
    this.#password = password;
    server.on('connection', (socket: Socket) => this.#connection(socket));
  }

  static async start(password: string): Promise<SshServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SshServer(server, password);
  }

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
    this.#sockets.add(socket);
    this.attempts++;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#seen.emit('change');
    });
    this.#seen.emit('change');
    if (this.behaviour === 'silent') {
      socket.resume();
      return;
    }
    const { privateKey } = this.behaviour === 'downgrade' ? this.#impostor : this.identity;
    const server = new library.Server({ hostKeys: [privateKey] }, (client) => this.#client(client, socket));
    server.injectSocket(socket);
  }

  #client(client: ssh2.Connection, socket: Socket): void {
    client.on('error', () => socket.destroy());
    client.on('authentication', (context) => {
      if (context.method !== 'password') return context.reject(['password']);
      this.received = Buffer.concat([this.received, Buffer.from(context.password)]);
      if (context.password === this.#password) context.accept();
      else context.reject(['password']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec) => this.#echo(acceptExec(), client));
    });
  }

  #echo(channel: ssh2.ServerChannel, client: ssh2.Connection): void {
    let pending = '';
    channel.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 1);
        if (line === 'FINISH') channel.write('last words\n', () => client.end());
        else channel.write(`echo ${line}\n`);
      }
    });
    channel.on('end', () => {
      channel.exit(0);
      channel.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropAll();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
