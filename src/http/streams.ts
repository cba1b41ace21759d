import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import type { Socket } from 'node:net';
import { BrokerError } from '../core/errors.ts';

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;

/**
 * Makes the library's HTTP/2 session on `socket` keep to RFC 9113 where it does not: an answer is whole only with END_STREAM
 * (§8.1), a request that nobody wants any more ends with CANCEL (§7), and a server that is going away still answers what it
 * has begun (§6.8). Nothing to do where the library has no session there (HTTP/1).
 * @param retire told when the session takes no more requests, and is to end with the one that it has.
 */
export function keepStreams(socket: Socket, host: string, retire: () => void): void {
  const session = sessionOn(socket);
  if (!session) return;
  let current: ClientHttp2Stream | undefined;
  const request = session.request.bind(session);
  session.request = (headers, options) => {
    const stream = request(headers, options);
    keepStream(stream, host);
    current = stream;
    return stream;
  };
  // The library's own breaks the connection off, whatever is on it.
  const abandon = session.listeners('goaway');
  session.removeAllListeners('goaway');
  session.on('goaway', (code: number, lastStreamId: number, data?: Buffer) => {
    const isAnswered = current?.id !== undefined && !current.closed && current.id <= lastStreamId;
    if (code === NGHTTP2_NO_ERROR && isAnswered) return retire();
    for (const each of abandon) Reflect.apply(each, session, [code, lastStreamId, data]);
  });
}

function keepStream(stream: ClientHttp2Stream, host: string): void {
  let ended = false;
  let ours = false;
  const push = stream.push.bind(stream);
  stream.push = (chunk, encoding) => {
    // END_STREAM comes while the stream is open. A reset closes or destroys it first, and Node then has it end as if whole.
    if (chunk === null && !stream.closed) ended = true;
    if (chunk !== null || ended || ours) return push(chunk, encoding);
    // Not at once: Node is about to look at the session of the stream, which it then would not have.
    const why = new BrokerError('upstream_protocol', `${host} reset its answer before it was complete`);
    if (!stream.destroyed) process.nextTick(() => stream.destroy(why));
    return false;
  };
  const close = stream.close.bind(stream);
  stream.close = (code, callback) => {
    ours = true;
    close(code ?? NGHTTP2_CANCEL, callback);
  };
}

/** The library keeps it under a symbol of its own, and so does Node. */
function sessionOn(socket: Socket): ClientHttp2Session | undefined {
  const kept = Object.getOwnPropertySymbols(socket).map((key): unknown => Reflect.get(socket, key));
  return kept.find(isSession);
}

function isSession(value: unknown): value is ClientHttp2Session {
  return typeof value === 'object' && value !== null && 'request' in value && 'goaway' in value;
}
