import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { FakeServer } from './listener.ts';

/*
 * A PostgreSQL server as far as a session needs one: md5 login without TLS, facts, a cancel key, and queries whose text
 * it sends back as a row. Written from the manual's "Message Formats", not from the driver's own codec.
 */

const SSL_REQUEST = 80_877_103;
const CANCEL_REQUEST = 80_877_102;

function message(type: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)));
  const header = Buffer.alloc(5);
  header.write(type, 0, 'latin1');
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

function int(value: number, bytes: 2 | 4 = 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
}

function row(text: string): Buffer {
  const column = Buffer.concat([Buffer.from('echo\0'), int(0), int(0, 2), int(25), int(-1, 2), int(-1), int(0, 2)]);
  const value = Buffer.from(text);
  return Buffer.concat([
    message('T', int(1, 2), column),
    message('D', int(1, 2), int(value.length), value),
    message('C', 'SELECT 1'),
  ]);
}

const ready = message('Z', Buffer.from('I'));

export class PgServer extends FakeServer {
  readonly user = 'app';
  /** Process ids that cancel requests named. */
  readonly cancels: number[] = [];
  #pid = 1_000;

  static async start(password: string): Promise<PgServer> {
    return new PgServer(await FakeServer.listening(), password);
  }

  protected override connection(socket: Socket): void {
    socket.on('end', () => socket.end());
    const salt = Buffer.from([1, 2, 3, 4]);
    let stage: 'startup' | 'password' | 'ready' = 'startup';
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      if (stage !== 'ready') this.received = Buffer.concat([this.received, chunk]);
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const offset = stage === 'startup' ? 0 : 1;
        if (pending.length < offset + 4) break;
        const end = offset + pending.readInt32BE(offset);
        if (pending.length < end) break;
        const type = offset === 0 ? '' : pending.toString('latin1', 0, 1);
        const body = Buffer.from(pending.subarray(offset + 4, end));
        pending = pending.subarray(end);
        if (stage === 'startup') stage = this.#startup(socket, body, salt);
        else if (stage === 'password') stage = this.#login(socket, body, salt);
        else this.#command(socket, type, body);
      }
      this.changed();
    });
  }

  #startup(socket: Socket, body: Buffer, salt: Buffer): 'startup' | 'password' {
    if (this.behaviour === 'silent') return 'startup';
    const code = body.readInt32BE(0);
    if (code === SSL_REQUEST) {
      socket.write('N');
      return 'startup';
    }
    if (code === CANCEL_REQUEST) {
      this.cancels.push(body.readInt32BE(4));
      socket.end();
      return 'startup';
    }
    socket.write(this.behaviour === 'downgrade' ? message('R', int(3)) : message('R', int(5), salt));
    return 'password';
  }

  #login(socket: Socket, body: Buffer, salt: Buffer): 'password' | 'ready' {
    const md5 = (...parts: (string | Buffer)[]): string =>
      parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest('hex');
    const right = `md5${md5(md5(this.password, this.user), salt)}\0`;
    if (body.toString() !== right) {
      socket.end(message('E', 'SFATAL', 'VFATAL', 'C28P01', 'Mpassword authentication failed', Buffer.alloc(1)));
      return 'password';
    }
    const pid = this.#pid++;
    const facts = [message('S', 'server_version', '15.0'), message('S', 'client_encoding', 'UTF8')];
    socket.write(Buffer.concat([message('R', int(0)), ...facts, message('K', int(pid), int(pid * 7)), ready]));
    return 'ready';
  }

  #command(socket: Socket, type: string, body: Buffer): void {
    if (type === 'S') socket.write(ready);
    if (type === 'X') socket.end();
    if (type !== 'Q' || !socket.writable) return;
    const text = body.toString('utf8', 0, body.length - 1);
    if (text === 'FINISH') socket.end(Buffer.concat([row('last words'), ready]));
    else socket.write(Buffer.concat([row(text), ready]));
  }
}
