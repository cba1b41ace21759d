import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** What a scripted upstream says to the bytes of one connection so far; undefined for nothing yet. */
export type RawScript = (received: string, socket: Socket) => string | undefined;

/** An upstream that is no HTTP server: every byte that it gets is kept, and it says whatever it is told to. */
export class RawUpstream implements AsyncDisposable {
  readonly server: Server;
  readonly sockets = new Set<Socket>();
  /** All bytes of each connection, in the order of the connections. */
  readonly connections: string[] = [];
  script: RawScript;

  private constructor(script: RawScript) {
    this.script = script;
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      const index = this.connections.push('') - 1;
      let answered = 0;
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk: Buffer) => {
        const whole = (this.connections[index] ?? '') + chunk.toString('latin1');
        this.connections[index] = whole;
        const said = this.script(whole.slice(answered), socket);
        if (said === undefined) return;
        answered = whole.length;
        socket.write(said, 'latin1');
      });
    });
  }

  static async start(script: RawScript = complete): Promise<RawUpstream> {
    const made = new RawUpstream(script);
    made.server.listen(0, '127.0.0.1');
    await once(made.server, 'listening');
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Everything that came, on whichever connection. */
  get received(): string {
    return this.connections.join('');
  }

  /** Request lines that came, as a server sees them that reads the framing by the letter. */
  get requests(): string[] {
    return this.connections.flatMap(requestLines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers `ok` to each request that is complete. */
export function complete(received: string): string | undefined {
  return requestLines(received).length > 0 && rest(received) === '' ? OK : undefined;
}

/** The request lines in a run of bytes, by RFC 9112 §6. */
export function requestLines(bytes: string): string[] {
  const lines: string[] = [];
  for (let left = bytes; left !== ''; ) {
    const next = rest(left);
    if (next === undefined) break;
    lines.push(left.slice(0, left.indexOf('\r\n')));
    left = next;
  }
  return lines;
}

/** What follows the first request; undefined while it is not complete. */
function rest(bytes: string): string | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.slice(0, end).toLowerCase();
  const body = bytes.slice(end + 4);
  if (/\r\ntransfer-encoding:/.test(head)) {
    const last = /(^|\r\n)0\r\n\r\n/.exec(body);
    return last ? body.slice(last.index + last[0].length) : undefined;
  }
  const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
  return body.length < length ? undefined : body.slice(length);
}
