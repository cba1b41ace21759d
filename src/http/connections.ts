import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Client, Dispatcher, Pool } from 'undici';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { onFirstUse } from '../core/library.ts';
import type { HttpConfig } from './config.ts';
import { ANY_HTTP, type Dialer } from './dialer.ts';
import { Flow, type Receiver } from './flow.ts';
import { keepStreams } from './streams.ts';

const require = createRequire(import.meta.url);
/** Loaded with the first connection to an HTTP service. */
const undici = onFirstUse<typeof import('undici')>('undici', () => require('undici'));

/** Milliseconds that a connection nobody uses is kept, where the server does not say how long it keeps it. */
const KEEP_MS = 4_000;
/** Bytes of a response's head. */
const MAX_HEAD_BYTES = 64 * 1024;

/** A request: everything raw. */
export interface Sending {
  readonly method: string;
  readonly path: string;
  /** Handed over: the library may keep it. */
  readonly headers: string[];
  readonly body: Readable | Buffer | null;
}

/** A pool of connections to one service, for requests of whoever. */
export class Connections {
  readonly #dialer: Dialer;
  readonly #pool: Pool;
  readonly #timeouts: { readonly headersTimeout: number; readonly bodyTimeout: number };
  /** Those that end with the request that they carry. */
  readonly #retired = new Set<Client>();
  readonly #closed = new AbortController();

  constructor(dialer: Dialer, config: Pick<HttpConfig, 'header_timeout' | 'idle_timeout'>) {
    this.#dialer = dialer;
    this.#timeouts = { headersTimeout: config.header_timeout * 1_000, bodyTimeout: config.idle_timeout * 1_000 };
    this.#pool = new (undici().Pool)(dialer.base.origin, {
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
    const handler: unknown = new Handler(new Flow(receiver), this.#dialer.base.host);
    this.#pool.dispatch(options as Dispatcher.DispatchOptions, handler as Dispatcher.DispatchHandler);
  }

  /** Breaks off everything that is under way. */
  close(reason: BrokerError): void {
    this.#closed.abort(reason);
    // Its answer is that nothing is open any more, which nobody waits for.
    void this.#pool.destroy(reason);
    for (const line of this.#retired) void line.destroy(reason);
  }

  /** One connection of the pool at a time. Over HTTP/1 it carries one answer at a time, which is told when the server ends it. */
  #line(origin: URL, options: object): Client {
    let last: unknown;
    const line = new (undici().Client)(origin, {
      ...options,
      connect: (_options, callback) => {
        this.#connect().then(
          (socket) => {
            // Heard before the library's own listener.
            socket.once('end', () => {
              if (last instanceof Handler) last.flow.end();
            });
            // The library tells of it when it has its session, and before it sends the first request.
            line.once('connect', () => keepStreams(socket, this.#dialer.base.host, () => this.#retire(line, socket)));
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
      new URL(this.#dialer.base.origin),
      [line],
      new (undici().errors.InformationalError)('the server is going away'),
    );
  }

  async #connect(): Promise<Socket> {
    const socket = await this.#dialer.connect(ANY_HTTP, () => undefined, this.#closed.signal);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The library takes a reset for the end of a body that has no length: a body that broke off must not look whole.
      if (error.code === 'ECONNRESET') error.code = 'UPSTREAM_RESET';
    });
    return socket;
  }
}

/** As undici's dispatch tells it: fields as a flat list over HTTP/1, trailers as an object over HTTP/2. */
class Handler {
  readonly flow: Flow;
  readonly #host: string;

  constructor(flow: Flow, host: string) {
    this.flow = flow;
    this.#host = host;
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.flow.onConnect(abort);
  }

  onHeaders(status: number, headers: readonly Buffer[], resume: () => void, text: string): boolean {
    const fields = headers.map((each) => each.toString('latin1'));
    // The library reads it as UTF-8; as bytes it is what came, and no character that a head cannot have.
    return this.flow.onHeaders(status, fields, resume, Buffer.from(text, 'utf8').toString('latin1'));
  }

  onData(chunk: Buffer): boolean {
    return this.flow.onData(chunk);
  }

  onComplete(trailers: readonly Buffer[] | Readonly<Record<string, string | string[]>> | null): void {
    this.flow.onComplete(fieldList(trailers));
  }

  onError(error: Error): void {
    this.flow.onError(upstreamError(error, this.#host));
  }
}

function fieldList(trailers: Parameters<Handler['onComplete']>[0]): string[] {
  if (Array.isArray(trailers)) return trailers.map((each: Buffer) => each.toString('latin1'));
  return Object.entries(trailers ?? {}).flatMap(([name, value]) =>
    [value].flat().flatMap((each) => [name, String(each)]),
  );
}

/** What the library failed with, as told to a client. */
function upstreamError(error: Error, host: string): BrokerError {
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
