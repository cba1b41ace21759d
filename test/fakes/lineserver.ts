import type { Socket } from 'node:net';
import { FakeServer } from './listener.ts';

/**
 * The server of the line protocol: accepts one password, echoes what it is sent, and tells what it sees. After the
 * login: `PING` is answered, `FINISH` half-closes after a last line, everything else is echoed.
 */
export class LineServer extends FakeServer {
  /** The error code that refuses the next logins: `53300 too many connections`. */
  refusal: string | undefined;
  /** The parameters of each login that succeeded, in order. */
  readonly logins: string[] = [];
  /** Sockets from which on a login is refused with 53300. */
  most = Number.POSITIVE_INFINITY;
  cancels: string[] = [];
  /** What clients sent after their logins. */
  readonly lines: string[] = [];

  static async start(password = 'upstream-password'): Promise<LineServer> {
    return new LineServer(await FakeServer.listening(), password);
  }

  protected override connection(socket: Socket): void {
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
        this.changed();
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
}
