import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { type Dispatcher, Pool } from 'undici';
import { type Certificates, makeCertificates } from '../rig/certificates.ts';
import { TestDaemon } from './daemon.ts';
import { struct } from './pgservice.ts';

export const CANARY = 'canary-4c1f7e92/+$&x';

/** An upstream on a free port: real Node servers, whatever they answer. */
export class Upstream implements AsyncDisposable {
  readonly server: Server;
  readonly sockets = new Set<Socket>();
  /** What was asked, in order. */
  readonly asked: IncomingMessage[] = [];

  private constructor(server: Server) {
    this.server = server;
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    server.on('request', (request: IncomingMessage) => this.asked.push(request));
  }

  static async start(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    tls?: { readonly cert: string; readonly key: string },
  ): Promise<Upstream> {
    const server = tls ? createTlsServer(tls, answer) : createServer(answer);
    const made = new Upstream(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return made;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get plain(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get secure(): string {
    return `https://localhost:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** A daemon, a client of its HTTP port that adds nothing to a request, and a token for it. */
export class HttpWorld implements AsyncDisposable {
  readonly daemon: TestDaemon;
  readonly token: string;
  readonly pool: Pool;
  readonly certificates: Certificates;

  private constructor(daemon: TestDaemon, token: string, certificates: Certificates) {
    this.daemon = daemon;
    this.token = token;
    this.certificates = certificates;
    this.pool = new Pool(daemon.http, { connections: 64 });
  }

  static async start(flags: Readonly<Record<string, string>> = {}): Promise<HttpWorld> {
    const daemon = await TestDaemon.start({ flags });
    const certificates = await makeCertificates(join(daemon.home, 'certificates'));
    return new HttpWorld(daemon, await daemon.proxyToken('web', '*', ['http']), certificates);
  }

  /** Stores a service; a bearer token by default. */
  async add(
    name: string,
    base: string,
    fields: Record<string, unknown> = {},
    kind = 'bearer',
    secrets: Record<string, string> = { token: CANARY },
  ): Promise<void> {
    const admin = await this.daemon.admin();
    const secure = base.startsWith('https:');
    await admin.services.put({
      name,
      kind,
      config: struct({
        base_url: base,
        allow_private: true,
        ...(secure ? { ca: this.certificates.ca.cert } : { allow_plaintext: true }),
        ...fields,
      }),
      secrets: Object.fromEntries(Object.entries(secrets).map(([field, text]) => [field, Buffer.from(text)])),
    });
  }

  /** A request through /proxy/, with the token. @param headers flat: name, value ... */
  async ask(
    path: string,
    options: Partial<Omit<Dispatcher.RequestOptions, 'path' | 'headers'>> & { readonly headers?: string[] } = {},
  ): Promise<Dispatcher.ResponseData> {
    const headers = ['Authorization', `Bearer ${this.token}`, ...(options.headers ?? [])];
    return await this.pool.request({ method: 'GET', ...options, path: `/proxy/${path}`, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.destroy();
    await this.daemon[Symbol.asyncDispose]();
  }
}
