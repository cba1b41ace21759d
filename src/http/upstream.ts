import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Client, Dispatcher, Pool } from 'undici';
import type { AddressGuard } from '../core/dial.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { onFirstUse } from '../core/library.ts';
import type { BaseUrl } from './baseurl.ts';
import type { HttpConfig } from './config.ts';
import { ANY_HTTP, Dialer, HTTP_1 } from './dialer.ts';
import { Flow, type Receiver } from './flow.ts';
import { keepStreams } from './streams.ts';

const require = createRequire(import.meta.url);
/** Loaded with the first connection to an HTTP service. */
const undici = onFirstUse<typeof import('undici')>('undici', () => require('undici'));

/** Milliseconds that a connection nobody uses is kept, where the server does not say how long it keeps it. */
const KEEP_MS = 4_000;
/** Bytes of a response's head. */
const MAX_HEAD_BYTES = 64 * 1024;

/** A request for `Upstream.send`: everything raw. */
export interface Sending {
  readonly method: string;
  readonly path: string;
  /** Handed over: the library may keep it. */
  readonly headers: string[];
  readonly body: Readable | Buffer | null;
}

/** The connections to one service, kept and shared by its callers for as long as its record stays what it is. */
export class Upstream {
  readonly base: BaseUrl;
  /** What no service reaches, nor sends anybody to. */
  readonly guard: AddressGuard;
  readonly #dialer: Dialer;
  readonly #pool: Pool;
  readonly #timeouts: { readonly headersTimeout: number; readonly bodyTimeout: number };
  /** Connections that end with the request that they carry. */
  readonly #retired = new Set<Client>();
  readonly #closed = new AbortController();

  /** @throws BrokerError `invalid_argument`. */
  constructor(config: HttpConfig, guard: AddressGuard) {
    this.#dialer = new Dialer(config, guard);
    this.base = this.#dialer.base;
    this.guard = guard;
    this.#timeouts = { headersTimeout: config.header_timeout * 1_000, bodyTimeout: config.idle_timeout * 1_000 };
    this.#pool = new (undici().Pool)(this.base.origin, {
      allowH2: true,
      keepAliveTimeout: KEEP_MS,
      maxHeaderSize: MAX_HEAD_BYTES,
      factory: (origin, options) => this.#line(origin, options),
    });
  }

  send(request: Sending, receiver: Receiver): void {
    const { method, path, headers, body } = request;
    const { headersTimeout, bodyTimeout } = this.#timeouts;
    const options = { method, path, headers, body, headersTimeout, bodyTimeout, blocking: false };
    const flow: unknown = new Flow(receiver);
    this.#pool.dispatch(options as Dispatcher.DispatchOptions, flow as Dispatcher.DispatchHandler);
  }

  /** A connection of its own, for a request that turns it into something else. */
  async dedicated(signal: AbortSignal): Promise<Socket> {
    return await this.#dialer.connect(HTTP_1, () => undefined, AbortSignal.any([signal, this.#closed.signal]));
  }

  /** Breaks off everything that is under way. */
  close(reason: BrokerError): void {
    this.#closed.abort(reason);
    // Its answer is that nothing is open any more, which nobody waits for.
    void this.#pool.destroy(reason);
    for (const line of this.#retired) void line.destroy(reason);
    this.#dialer[Symbol.dispose]();
  }

  /** One connection of the pool at a time. Over HTTP/1 it carries one answer at a time, which is told when the server ends it. */
  #line(origin: URL, options: object): Client {
    let last: unknown;
    const line = new (undici().Client)(origin, {
      ...options,
      connect: (_options, callback) => {
        this.#connect(ANY_HTTP).then(
          (socket) => {
            // Heard before the library's own listener.
            socket.once('end', () => {
              if (last instanceof Flow) last.end();
            });
            // The library tells of it when it has its session, and before it sends the first request.
            line.once('connect', () => keepStreams(socket, this.base.host, () => this.#retire(line, socket)));
            callback(null, socket);
          },
          (error: unknown) => callback(toBrokerError(error), null),
        );
      },
    });
    const dispatch = line.dispatch.bind(line);
    line.dispatch = (request, handler) => {
      last = handler;
      return dispatch(request, handler);
    };
    return line;
  }

  /** Takes a connection out of the pool, which has no other word for it; what it still carries comes to its end. */
  #retire(line: Client, socket: Socket): void {
    this.#retired.add(line);
    socket.once('close', () => this.#retired.delete(line));
    line.emit(
      'connectionError',
      new URL(this.base.origin),
      [line],
      new (undici().errors.InformationalError)('the server is going away'),
    );
  }

  async #connect(alpn: readonly string[]): Promise<Socket> {
    const socket = await this.#dialer.connect(alpn, () => undefined, this.#closed.signal);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The library takes a reset for the end of a body that has no length: a body that broke off must not look whole.
      if (error.code === 'ECONNRESET') error.code = 'UPSTREAM_RESET';
    });
    return socket;
  }
}

/** What the library failed with, as told to a client. */
export function upstreamError(error: Error, host: string): BrokerError {
  if (error instanceof BrokerError) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'UND_ERR_HEADERS_TIMEOUT')
    return new BrokerError('upstream_timeout', `${host} did not answer in time`, { cause: error });
  if (code === 'UND_ERR_BODY_TIMEOUT')
    return new BrokerError('upstream_timeout', `${host} stopped in the middle of its answer`, { cause: error });
  // Some of the parser's errors come without a code.
  if (
    error.name === 'HTTPParserError' ||
    code.startsWith('HPE_') ||
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    code.startsWith('ERR_HTTP2')
  )
    return new BrokerError('upstream_protocol', `${host} does not answer as HTTP demands`, { cause: error });
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH')
    return new BrokerError('client_protocol', 'the body is not as long as Content-Length says', { cause: error });
  if (code.startsWith('UND_ERR_') || code.startsWith('E') || code === 'UPSTREAM_RESET')
    return new BrokerError('upstream_protocol', `${host} closed the connection before its answer was complete`, {
      cause: error,
    });
  return toBrokerError(error);
}
