import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Conn } from '../../src/core/conn.ts';

const LINE = 10_000;
/** A test that waits longer than this hangs. */
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

/** A client that talks in lines, for fakes and raw protocol tests. */
export class LineClient implements Disposable {
  readonly socket: Duplex;
  readonly conn: Conn;

  constructor(socket: Duplex) {
    this.socket = socket;
    this.conn = new Conn(socket, 'client');
  }

  static async connect(where: { host: string; port: number } | { path: string }): Promise<LineClient> {
    const socket: Socket = connect({ ...where, allowHalfOpen: true } as Parameters<typeof connect>[0] & object);
    await once(socket, 'connect');
    return new LineClient(socket);
  }

  async send(...lines: string[]): Promise<void> {
    await this.conn.write(Buffer.from(lines.map((line) => `${line}\n`).join('')), signal());
  }

  async line(): Promise<string> {
    return (await this.conn.line(LINE, signal())).toString().trimEnd();
  }

  async ask(...lines: string[]): Promise<string> {
    await this.send(...lines);
    return this.line();
  }

  /** Everything up to the end of the stream; the end may also be a reset. */
  async rest(): Promise<string> {
    const parts: Buffer[] = [];
    try {
      for (;;) {
        const part = await this.conn.some(signal());
        if (!part) break;
        parts.push(part);
      }
    } catch (error) {
      if (!this.socket.destroyed) throw error;
    }
    return Buffer.concat(parts).toString();
  }

  finish(): void {
    this.socket.end();
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
