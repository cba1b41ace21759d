import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { ConfigSpec } from '../../src/core/config.ts';
import { Conn } from '../../src/core/conn.ts';
import type { Driver } from '../../src/core/driver.ts';
import { BrokerError } from '../../src/core/errors.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import { testIo } from './io.ts';
import { rig } from './rig.ts';

const LINE = 1_000_000;
/** A test that waits longer than this hangs. */
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** A mail service's configuration: fields over what reaches the rig's server, and its secrets. */
export function mailConfig<C>(
  spec: ConfigSpec<C>,
  server: 'dovecot' | 'postfix',
  fields: JsonObject = {},
  secrets: Readonly<Record<string, string>> = {},
): C {
  const { host, logins, ca, port, tlsPort } = rig()[server];
  const login = server === 'dovecot' ? logins.alice : logins.bob;
  const implicit = fields.tls === 'implicit' || (fields.tls === undefined && server === 'dovecot');
  const all = { host, port: implicit ? tlsPort : port, user: login.user, ca: ca.cert, ...fields };
  const stored = Object.entries({ password: login.password, ...secrets }).filter(([, text]) => text !== '');
  return spec.parse(all, new Map(stored.map(([name, text]) => [name, Secret.fromText(text)])));
}

/** A configuration for a scripted server on this machine. */
export function localConfig<C>(spec: ConfigSpec<C>, port: number, fields: JsonObject = {}, password = 's3cret-pw'): C {
  const all = { host: '127.0.0.1', port, user: 'alice', tls: 'none', ...fields };
  return spec.parse(all, new Map([['password', Secret.fromText(password)]]));
}

/** One end of a mail connection that talks in lines. */
export class LineEnd implements Disposable {
  readonly conn: Conn;

  constructor(socket: Socket) {
    this.conn = new Conn(socket, 'client');
  }

  static async connect(port: number): Promise<LineEnd> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    await once(socket, 'connect');
    return new LineEnd(socket);
  }

  async say(...lines: string[]): Promise<void> {
    await this.raw(lines.map((line) => `${line}\r\n`).join(''));
  }

  async raw(text: string | Buffer): Promise<void> {
    await this.conn.write(Buffer.from(text as string), soon());
  }

  async line(): Promise<string> {
    return (await this.conn.line(LINE, soon())).toString().replace(/\r\n$/, '');
  }

  /** Lines up to one that starts so, that one included. */
  async until(start: string): Promise<string[]> {
    const lines: string[] = [];
    do lines.push(await this.line());
    while (!lines.at(-1)?.startsWith(start));
    return lines;
  }

  /** All lines of one SMTP reply. */
  async reply(): Promise<string[]> {
    const lines: string[] = [];
    do lines.push(await this.line());
    while (lines.at(-1)?.charAt(3) === '-');
    return lines;
  }

  async ask(line: string): Promise<string> {
    await this.say(line);
    return (await this.reply()).join('\n');
  }

  /** Everything up to the end of the stream. */
  async rest(): Promise<string> {
    const parts: Buffer[] = [];
    for (let part = await this.conn.some(soon()); part; part = await this.conn.some(soon())) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  end(): void {
    this.conn.socket.end();
  }

  [Symbol.dispose](): void {
    this.conn.destroy();
  }
}

/** A server that runs `script` for each connection and then leaves it as it is. */
export class ScriptedServer implements AsyncDisposable {
  readonly port: number;
  readonly #close: () => Promise<void>;
  /** What the scripts threw, a client that went away aside. */
  readonly failures: unknown[] = [];

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(script: (end: LineEnd) => Promise<void>): Promise<ScriptedServer> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      script(new LineEnd(socket)).catch((error: unknown) => {
        if (!(error instanceof BrokerError && error.code === 'client_gone')) scripted.failures.push(error);
        socket.destroy();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    const scripted = new ScriptedServer(address.port, async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    });
    return scripted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** How opening a session to a scripted server fails, and the lines that the server saw. */
export async function failedOpening<C>(
  driver: Driver<C>,
  script: (end: LineEnd) => Promise<void>,
  fields?: JsonObject,
  password?: string,
): Promise<{ error: BrokerError; seen: readonly string[] }> {
  const seen: string[] = [];
  await using server = await ScriptedServer.start(async (end) => {
    const line = end.line.bind(end);
    end.line = async () => {
      const text = await line();
      seen.push(text);
      return text;
    };
    await script(end);
  });
  const config = localConfig(driver.config, server.port, fields, password);
  const error = await failureOf(driver.open(config, new Map(), testIo(), soon()));
  assert.deepEqual(server.failures, []);
  return { error, seen };
}

/** What `open` fails with. */
export async function failureOf(opening: Promise<AsyncDisposable>): Promise<BrokerError> {
  try {
    await using _upstream = await opening;
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error('it logged in');
}
