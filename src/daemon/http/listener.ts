import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BrokerError } from '../../core/errors.ts';
import { bindTcp, bindUnix, type TcpBind, type UnixBind } from '../grpc/listen.ts';
import { readPem } from '../grpc/server.ts';
import { otherEnd } from '../peer/connection.ts';
import type { PeerLookup } from '../peer/lookup.ts';
import { answerRaw } from './answers.ts';
import type { Connection } from './caller.ts';
import { ANY_HOST, type HostRule, hostRule } from './host.ts';

/** How a request reached us. */
export interface Reached {
  readonly connection: Connection;
  readonly rule: HostRule;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

/** What the listener does with a request that could be parsed. */
export interface Requests {
  request(request: IncomingMessage, response: ServerResponse, reached: Reached): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, reached: Reached): void;
}

export interface HttpListenerOptions {
  readonly bind: TcpBind | UnixBind;
  readonly peers: PeerLookup;
  readonly requests: Requests;
  /** Milliseconds that a head may take, and between two looks at that; for tests. */
  readonly limits?: { readonly headMs: number; readonly lookMs: number };
}

/** Connections at a time: whoever holds them open must not use up our descriptors. */
const MAX_CONNECTIONS = 2_048;
/** Milliseconds from the first byte of a head, or from the accept, to the end of the head; how often that is looked at. */
const HEAD_MS = 20_000;
const LOOK_MS = 5_000;
/** Bytes of a head: request line and headers. Tokens of identity providers take up to some 10 KiB. */
const MAX_HEAD_BYTES = 32 * 1024;
/** Milliseconds that a connection without a request is kept: longer than the minute that most clients keep theirs. */
const KEEP_ALIVE_MS = 75_000;
/** Milliseconds of silence after which the kernel asks whether the other end is still there. */
const PROBE_MS = 60_000;
/** Milliseconds for a TLS handshake. */
const HANDSHAKE_MS = 20_000;
/** Milliseconds that requests in progress may take to end when the daemon stops. */
const STOP_GRACE_MS = 2_000;

/** Offers of another protocol that one connection may make before it is closed. */
const MAX_DECLINED = 100;

const OPTIONS = {
  // No limit to a request as a whole: bodies stream for as long as they move. Whoever reads one sets its own.
  requestTimeout: 0,
  maxHeaderSize: MAX_HEAD_BYTES,
  keepAliveTimeout: KEEP_ALIVE_MS,
  keepAlive: true,
  keepAliveInitialDelay: PROBE_MS,
} as const;

/**
 * The HTTP side's port. Parsing is Node's; this looks up who is at the other end, once per connection, and gives every
 * request to `requests`, with every connection that breaks the rules ended by an answer that says so.
 */
export class HttpListener implements AsyncDisposable {
  readonly #server: Server;
  readonly #rule: HostRule;
  readonly #options: HttpListenerOptions;
  readonly #connections = new WeakMap<Duplex, Connection>();
  /** Of TLS connections until their handshake is done, by the other end's address and port. */
  readonly #shaking = new Map<string, Connection>();
  readonly #sockets = new Set<Socket>();
  /** How many offers of another protocol were declined on a socket. */
  readonly #declined = new WeakMap<Duplex, number>();
  #port: number | undefined;

  private constructor(server: Server, rule: HostRule, options: HttpListenerOptions) {
    this.#server = server;
    this.#rule = rule;
    this.#options = options;
    server.maxConnections = MAX_CONNECTIONS;
    // All of them, since a list cut short would hide headers; MAX_HEAD_BYTES bounds it.
    server.maxHeadersCount = 0;
    // Told of the sockets themselves, before TLS: that is what the kernel knows of.
    server.prependListener('connection', (socket: Socket) => this.#accept(socket));
    server.on('secureConnection', (socket: Socket) => this.#secured(socket));
    server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
    for (const event of ['request', 'checkContinue'])
      server.on(event, (request: IncomingMessage, response: ServerResponse) =>
        this.#request(request, response, event === 'checkContinue'),
      );
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const connection = this.#connections.get(socket);
      // What is said to this one would stand in the middle of the answer before it.
      if (isAnswering(connection)) socket.destroy();
      else if (connection && !/^websocket$/i.test(request.headers.upgrade ?? '')) this.#decline(request, socket, head);
      else if (connection)
        options.requests.upgrade(request, socket, head, { connection, rule, expectsContinue: false });
      else socket.destroy();
    });
    server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => socket.destroy());
      answerRaw(socket, new BrokerError('invalid_argument', 'this port is not a forward proxy: it has no CONNECT'));
    });
    server.on('clientError', (error: Error, socket: Duplex) => this.#broken(error, socket));
  }

  /** @throws BrokerError `invalid_argument` for a bind that is not allowed, `conflict` when the address is in use. */
  static async start(options: HttpListenerOptions): Promise<HttpListener> {
    const { bind } = options;
    const { headMs, lookMs } = options.limits ?? { headMs: HEAD_MS, lookMs: LOOK_MS };
    const { server, rule } = await serverFor(bind, {
      ...OPTIONS,
      headersTimeout: headMs,
      connectionsCheckingInterval: lookMs,
    });
    const made = new HttpListener(server, rule, options);
    if ('path' in bind) await bindUnix(server, bind);
    else made.#port = await bindTcp(server, bind);
    return made;
  }

  /** The TCP port in use; undefined on a unix socket. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Where clients find it: `http://127.0.0.1:8390`, or `unix:PATH`. */
  get address(): string {
    const { bind } = this.#options;
    if ('path' in bind) return `unix:${bind.path}`;
    const host = bind.host.includes(':') ? `[${bind.host}]` : bind.host;
    return `${this.#rule.scheme}://${host}:${this.#port}`;
  }

  /** Takes no more connections, and no more requests on idle ones. */
  stopListening(): void {
    if (this.#server.listening) this.#server.close();
    this.#server.closeIdleConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening();
    if (this.#sockets.size > 0) {
      await new Promise<void>((resolve) => {
        const force = setTimeout(resolve, STOP_GRACE_MS);
        const look = (): void => {
          this.#server.closeIdleConnections();
          if (this.#sockets.size > 0) return;
          clearTimeout(force);
          resolve();
        };
        for (const socket of this.#sockets) socket.once('close', look);
        look();
      });
    }
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    // Here for the second time: see #decline.
    if (this.#connections.has(socket)) return;
    const overTcp = !('path' in this.#options.bind);
    const end = otherEnd(socket, overTcp ? 'tcp' : 'unix', this.#options.peers);
    const connection: Connection = { facts: { transport: 'http', ...end } };
    this.#sockets.add(socket);
    this.#connections.set(socket, connection);
    const name = endName(socket);
    if (this.#rule.scheme === 'https') this.#shaking.set(name, connection);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#shaking.get(name) === connection) this.#shaking.delete(name);
    });
  }

  #secured(socket: Socket): void {
    const connection = this.#shaking.get(endName(socket));
    if (connection) this.#connections.set(socket, connection);
  }

  #request(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { socket } = request;
    const connection = this.#connections.get(socket);
    if (!connection) return void socket.destroy();
    connection.answer = response;
    this.#options.requests.request(request, response, { connection, rule: this.#rule, expectsContinue });
  }

  /**
   * An upgrade to what we do not speak is to be ignored (RFC 9110 §7.8): some clients offer HTTP/2 with every request. Node has
   * taken the request off the socket by now, so it is put back without the offer.
   */
  #decline({ method, url, rawHeaders }: IncomingMessage, socket: Duplex, head: Buffer): void {
    const lines = [`${method} ${url} HTTP/1.1`];
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] ?? '';
      const value = rawHeaders[at + 1] ?? '';
      if (/^(upgrade|http2-settings)$/i.test(name)) continue;
      const kept = /^connection$/i.test(name) ? value.replaceAll(/\b(upgrade|http2-settings)\b\s*,?/gi, '') : value;
      lines.push(`${name}: ${kept}`);
    }
    // Each time leaves some of Node's listeners on the socket.
    const times = (this.#declined.get(socket) ?? 0) + 1;
    this.#declined.set(socket, times);
    socket.setMaxListeners(0);
    if (times >= MAX_DECLINED) lines.push('Connection: close');
    socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
    this.#server.emit(this.#rule.scheme === 'https' ? 'secureConnection' : 'connection', socket);
  }

  /** Bytes that are no request, a head that is too large or too slow. */
  #broken(error: Error, socket: Duplex): void {
    const code = 'code' in error ? error.code : undefined;
    // Nothing can be said in the middle of another answer.
    if (code === 'ECONNRESET' || !socket.writable || isAnswering(this.#connections.get(socket)))
      return void socket.destroy();
    if (code === 'HPE_HEADER_OVERFLOW')
      answerRaw(socket, new BrokerError('too_large', `the head is larger than ${MAX_HEAD_BYTES} bytes`), 431);
    else if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
      answerRaw(socket, new BrokerError('client_timeout', 'the head of the request did not come in time'));
    else answerRaw(socket, new BrokerError('client_protocol', 'this is not an HTTP request'));
  }
}

async function serverFor(
  bind: TcpBind | UnixBind,
  options: ServerOptions,
): Promise<{ server: Server; rule: HostRule }> {
  if ('path' in bind) return { server: createServer(options), rule: ANY_HOST };
  if (!bind.tls) return { server: createServer(options), rule: hostRule() };
  const { cert: certPath, key: keyPath, clientCa } = bind.tls;
  const [cert, key, ca] = await Promise.all([
    readPem('--tls-cert', certPath),
    readPem('--tls-key', keyPath),
    clientCa ? readPem('--client-ca', clientCa) : undefined,
  ]);
  try {
    const trust = ca ? { ca, requestCert: true, rejectUnauthorized: true } : {};
    const secure = { ...options, cert, key, handshakeTimeout: HANDSHAKE_MS, ...trust };
    return { server: createTlsServer(secure), rule: hostRule(cert) };
  } catch (cause) {
    throw new BrokerError('invalid_argument', '--tls-cert, --tls-key or --client-ca holds no usable PEM', { cause });
  }
}

/** Looked at rather than listened for: a listener of its own for each request costs more than it looks like. */
function isAnswering(connection: Connection | undefined): boolean {
  const { answer } = connection ?? {};
  return answer !== undefined && !answer.writableFinished && !answer.destroyed;
}

function endName(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
