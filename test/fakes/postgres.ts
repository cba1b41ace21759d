import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Conn } from '../../src/core/conn.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import type { PostgresConfig } from '../../src/drivers/postgres/config.ts';
import { postgres } from '../../src/drivers/postgres/driver.ts';
import { frame, TYPE } from '../../src/drivers/postgres/wire.ts';

/** What a scripted server does with a connection; when it returns, the connection stays until the server is disposed. */
export type Script = (conn: Conn, signal: AbortSignal) => Promise<void>;

/**
 * A PostgreSQL server that does as told, byte by byte, to see what the driver makes of it. Each connection takes the
 * next script; the last one serves all further connections.
 */
export class FakePostgres implements AsyncDisposable {
  readonly #server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  readonly #stop = new AbortController();
  readonly #sockets = new Set<Socket>();
  readonly #closed: Promise<void>[] = [];

  static async start(...scripts: readonly Script[]): Promise<FakePostgres> {
    const fake = new FakePostgres();
    let next = 0;
    fake.#server.on('connection', (socket: Socket) => {
      const script = scripts[Math.min(next++, scripts.length - 1)];
      fake.#sockets.add(socket);
      const conn = new Conn(socket, 'client');
      fake.#closed.push(gone(socket));
      // What a script hits when the driver hangs up in the middle of it is what the test is about.
      const done = script?.(conn, fake.#stop.signal).catch(() => undefined);
      // The end of a connection shows only to who reads up to it.
      void done?.then(() => conn.detach().socket.resume());
    });
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  /** A service that points here: no TLS and SCRAM, but for what `fields` says. */
  config(fields: JsonObject = {}): PostgresConfig {
    const all = { host: '127.0.0.1', port: this.port, user: 'app', tls: 'disable', ...fields };
    return postgres.config.parse(all, new Map([['password', Secret.fromText('pencil-canary')]]));
  }

  /** Resolves when the driver has closed every connection it made. */
  async abandoned(): Promise<void> {
    await Promise.all(this.#closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** Reads the StartupMessage and returns its parameters' bytes. */
export async function readStartup(conn: Conn, signal: AbortSignal): Promise<Buffer> {
  const length = (await conn.exactly(4, signal)).readInt32BE(0);
  return await conn.exactly(length - 4, signal);
}

/** Reads one message of the client's. */
export async function readMessage(conn: Conn, signal: AbortSignal): Promise<Buffer> {
  const header = await conn.exactly(5, signal);
  return await conn.exactly(header.readInt32BE(1) - 4, signal);
}

export function authentication(code: number, ...parts: readonly Uint8Array[]): Buffer {
  const word = Buffer.alloc(4);
  word.writeInt32BE(code, 0);
  return frame(TYPE.authentication, word, ...parts);
}

export function sasl(...mechanisms: readonly string[]): Buffer {
  return authentication(10, Buffer.from(`${[...mechanisms, ''].join('\0')}\0`.replace(/\0\0$/, '\0\0')));
}

export function parameterStatus(name: string, value: string): Buffer {
  return frame(TYPE.parameterStatus, Buffer.from(`${name}\0${value}\0`));
}

function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket
      .once('close', () => resolve())
      .once('end', () => {
        socket.end();
        resolve();
      });
  });
}
