import { once } from 'node:events';
import { type ClientRequest, createServer, type IncomingMessage, type Server, request as send } from 'node:http';
import type { Duplex } from 'node:stream';
import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import type { HttpHandlers } from '../../core/proto/broker/v1/Http.ts';
import type { HttpHeader } from '../../core/proto/broker/v1/HttpHeader.ts';
import type { HttpRequest__Output } from '../../core/proto/broker/v1/HttpRequest.ts';
import type { HttpRequestStart__Output } from '../../core/proto/broker/v1/HttpRequestStart.ts';
import type { Caller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import { streamPair } from '../sessions/stream.ts';
import type { Adapter } from './adapt.ts';

/** A call and its way to fail in broker's own words, by the end of the pair that the server in memory got. */
interface Pending {
  readonly caller: Caller;
  readonly service: string;
  fail(error: BrokerError): void;
}

/** HTTP over gRPC: each call is a connection in memory to the same proxy, so that there is one way for requests. */
export function httpHandlers(daemon: Pick<Daemon, 'proxy'>, adapt: Adapter): HttpHandlers {
  const pending = new WeakMap<Duplex, Pending>();
  const server = serverFor(daemon, pending);
  return {
    Request: adapt.duplex(async (requests: AsyncIterable<HttpRequest__Output>, give, { caller, signal }) => {
      const messages = requests[Symbol.asyncIterator]();
      const first = await messages.next();
      const start = first.done ? undefined : first.value.start;
      if (!start) throw new BrokerError('invalid_argument', 'the first message must be `start`');
      const [near, far] = streamPair();
      const hangUp = (): void => void near.destroy();
      signal.addEventListener('abort', hangUp, { once: true });
      try {
        const refused = new Promise<never>((_, reject) => {
          pending.set(far, { caller, service: start.service, fail: reject });
        });
        refused.catch(() => undefined);
        const asked = requestOf(start, near);
        const answered = once(asked, 'response');
        server.emit('connection', far);
        upload(messages, asked, start.hasBody).catch(() => near.destroy());
        const [answer]: IncomingMessage[] = await Promise.race([answered, refused]);
        if (!answer) throw new BrokerError('internal', 'there was no answer');
        await give({
          head: {
            status: answer.statusCode ?? 0,
            reason: answer.statusMessage ?? '',
            headers: headerList(answer.rawHeaders),
          },
        });
        await download(answer, (data) => give({ data }));
        if (answer.rawTrailers.length > 0) await give({ trailers: { headers: headerList(answer.rawTrailers) } });
      } catch (error) {
        // Where the caller has gone, the connection was cut by us, and its end is no failure of ours.
        throwIfAborted(signal);
        throw error;
      } finally {
        signal.removeEventListener('abort', hangUp);
        near.destroy();
      }
    }),
  };
}

function serverFor({ proxy }: Pick<Daemon, 'proxy'>, pending: WeakMap<Duplex, Pending>): Server {
  const server = createServer({ requestTimeout: 0, headersTimeout: 0 });
  server.on('request', (request, response) => {
    const call = pending.get(request.socket);
    if (!call) return void request.socket.destroy();
    proxy
      .serve(request, response, call.caller, call.service, request.url ?? '', `/proxy/${call.service}`)
      .catch((error: unknown) => call.fail(toBrokerError(error)));
  });
  return server;
}

function requestOf(start: HttpRequestStart__Output, connection: Duplex): ClientRequest {
  const { method, path, hasBody } = start;
  if (!/^[A-Z]{1,32}$/.test(method)) throw new BrokerError('invalid_argument', 'the method must be GET, POST ...');
  if (!/^([/?][!-~]*)?$/.test(path))
    throw new BrokerError(
      'invalid_argument',
      'the path must start with a slash and be ASCII, escaped as it is to be sent',
    );
  const headers = start.headers.flatMap(({ name, value }) => [name, value]);
  const hasLength = start.headers.some(({ name }) => name.toLowerCase() === 'content-length');
  const framing = hasBody ? (hasLength ? [] : ['Transfer-Encoding', 'chunked']) : ['Content-Length', '0'];
  try {
    const asked = send({
      createConnection: () => connection,
      method,
      path: path.startsWith('/') ? path : `/${path}`,
      headers: ['Host', 'broker', 'Connection', 'close', ...headers, ...framing],
      setHost: false,
    });
    // Whoever waits for the answer is told by `once`.
    asked.on('error', () => connection.destroy());
    return asked;
  } catch (cause) {
    throw new BrokerError('invalid_argument', 'a header of the request is not one', { cause });
  }
}

async function upload(
  messages: AsyncIterator<HttpRequest__Output>,
  asked: ClientRequest,
  hasBody: boolean,
): Promise<void> {
  if (!hasBody) return void asked.end();
  for (let next = await messages.next(); !next.done; next = await messages.next()) {
    const { data } = next.value;
    if (data && data.length > 0 && !asked.write(data)) await once(asked, 'drain');
  }
  asked.end();
}

async function download(answer: IncomingMessage, give: (data: Buffer) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of answer) if (Buffer.isBuffer(chunk)) await give(chunk);
  } catch (cause) {
    throw new BrokerError('upstream_protocol', 'the answer broke off', { cause });
  }
}

function headerList(raw: readonly string[]): HttpHeader[] {
  const list: HttpHeader[] = [];
  for (let at = 0; at < raw.length; at += 2) list.push({ name: raw[at] ?? '', value: raw[at + 1] ?? '' });
  return list;
}
