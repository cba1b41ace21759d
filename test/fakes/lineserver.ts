import { EventEmitter, once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** What the fake server does with the next logins. */
export type Behaviour = 'normal' | 'silent' | 'downgrade';

/**
 * The server of the line protocol: accepts one password, echoes what it is sent, and tells what it sees. After the
 * login: `PING` is answered, `FINISH` half-closes after a last line, everything else is echoed.
 */
export class LineServer implements AsyncDisposable {
  readonly password: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #seen = new EventEmitter();
  behaviour: Behaviour = 'normal';
  /** The error code that refuses the next logins: `53300 too many connections`. */
  refusal: string | undefined;
  /** Every byte that came before a login. */
  received: Buffer = Buffer.alloc(0);
  /** The parameters of each login that succeeded, in order. */
  readonly logins: string[] = [];
  attempts = 0;
  /** Sockets from which on a login is refused with 53300. */
  most = Number.POSITIVE_INFINITY;
  cancels: string[] = [];
  /** What clients sent after their logins. */
  readonly lines: string[] = [];

  private constructor(server: Server, password: string) {
    this.#server = server;
    this.password = password;
    server.on('connection', (socket: Socket) => this.#connection(socket));
  }

  static async start(password = 'upstream-password'): Promise<LineServer> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LineServer(server, password);
  }

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

  #changed(): void {
    this.#seen.emit('change');
  }

  #connection(socket: Socket): void {
    this.#sockets.add(socket);
    this.attempts++;
    this.#changed();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#changed();
    });
    let loggedIn = false;
    let pending = '';
    socket.on('data', (chunk: Buffer) => {
      if (!loggedIn) this.received = Buffer.concat([this.received, chunk]);
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 1);
        if (loggedIn) this.#line(socket, line);
        else loggedIn = this.#login(socket, line);
        this.#changed();
      }
    });
    socket.on('end', () => socket.end());
    if (this.behaviour !== 'silent') socket.write(this.behaviour === 'downgrade' ? 'HI weak\n' : 'HI strong\n');
  }

  #login(socket: Socket, line: string): boolean {
    if (line.startsWith('CANCEL ')) {
      this.cancels.push(line.slice(7));
      socket.end();
      return false;
    }
    const [, password = '', params = ''] = /^LOGIN ([^;]*)(.*)$/.exec(line) ?? [];
    if (this.live > this.most) socket.write('-ERR 53300 too many connections\n');
    else if (this.refusal) socket.write(`-ERR ${this.refusal}\n`);
    else if (password !== this.password) socket.write('-ERR auth wrong password\n');
    else {
      this.logins.push(params);
      socket.write(`+OK key-${this.logins.length} facts${params}\n`);
      return true;
    }
    return false;
  }

  #line(socket: Socket, line: string): void {
    this.lines.push(line);
    if (line === 'PING') socket.write('+PONG\n');
    else if (line === 'FINISH') socket.end('last words\n');
    else if (socket.writable) socket.write(`echo ${line}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropAll();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
