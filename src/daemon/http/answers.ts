import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { BrokerError, HTTP_STATUS } from '../../core/errors.ts';

/** On every answer of broker's own (PEERS §7): nothing of it is for a browser to show, keep or embed. */
const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  ['Cache-Control', 'no-store'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Permissions-Policy', 'camera=(), geolocation=(), microphone=()'],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
];
/** Seconds after which a locked vault, a limit or a stopping daemon may be asked again. */
const RETRY_AFTER_S = 5;
/** Bytes of a body that nobody wants which are still read, so that the client gets to the answer. */
const MAX_UNWANTED_BYTES = 1024 * 1024;
/** Milliseconds for the same. */
const UNWANTED_MS = 5_000;

/** A refusal for which HTTP has a status of its own. */
export class HttpRefusal extends BrokerError {
  readonly httpStatus: number;
  readonly httpHeaders: readonly (readonly [string, string])[];

  constructor(
    status: number,
    safeMessage: string,
    headers: readonly (readonly [string, string])[] = [],
    hint?: string,
  ) {
    super('invalid_argument', safeMessage, hint === undefined ? {} : { hint });
    this.httpStatus = status;
    this.httpHeaders = headers;
  }
}

/** Sends a whole answer of broker's own. */
export function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  headers: readonly (readonly [string, string | readonly string[]])[] = [],
): void {
  for (const [name, value] of [...SECURITY_HEADERS, ...headers]) response.setHeader(name, value);
  // Named, since a response on which another head was tried first would say that one's.
  const reason = STATUS_CODES[status] ?? 'Error';
  response.writeHead(status, reason, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
  endUnwanted(response.req);
}

/** Begins an answer of broker's own whose length is not known yet. */
export function beginAnswer(response: ServerResponse, type: string): void {
  for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value);
  response.writeHead(200, { 'Content-Type': type });
}

export function answerJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: readonly (readonly [string, string | readonly string[]])[] = [],
): void {
  answer(response, status, 'application/json', `${JSON.stringify(value)}\n`, headers);
}

/**
 * Says no: the status that the error's code has, `X-Broker-Error`, and a JSON body. Once a head is sent there is only one
 * way left to say that the body is not whole: the connection breaks.
 */
export function answerError(response: ServerResponse, error: BrokerError): void {
  if (response.headersSent) return void response.destroy();
  const { status, headers, body } = errorAnswer(error);
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  // No 100 was sent, so that what comes next may be a body or not (RFC 9110 §10.1.1).
  if (response.req.headers.expect !== undefined) response.setHeader('Connection', 'close');
  answer(response, status, 'application/json', body, headers);
}

/** The JSON form of an error, which crosses to the client. */
export function errorJson({ code, message, hint, hop, upstreamCode }: BrokerError) {
  return { error: { code, message, hint, hop, upstream_code: upstreamCode } };
}

/** The same on a socket that has no response: after an upgrade, or when the request could not be parsed. Ends it. */
export function answerRaw(socket: Duplex, error: BrokerError, instead?: number): void {
  const { headers, body, status } = errorAnswer(error, instead);
  const lines = [...SECURITY_HEADERS, ...headers].flatMap(([name, value]) =>
    [value].flat().map((each) => `${name}: ${each}`),
  );
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`, ...lines, 'Content-Type: application/json'];
  socket.end(
    `${head.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function errorAnswer(error: BrokerError, instead?: number) {
  const { code } = error;
  const headers: [string, string | readonly string[]][] = [['X-Broker-Error', code]];
  const status = instead ?? (isHttpRefusal(error) ? error.httpStatus : HTTP_STATUS[code]);
  if (isHttpRefusal(error)) for (const [name, value] of error.httpHeaders) headers.push([name, value]);
  // Basic too: git, among others, shows its password only to who asks for one.
  if (status === 401)
    headers.push(['WWW-Authenticate', ['Bearer realm="broker"', 'Basic realm="broker", charset="UTF-8"']]);
  if (status === 429 || status === 503) headers.push(['Retry-After', String(retryAfter(error))]);
  return { status, headers, body: `${JSON.stringify(errorJson(error))}\n` };
}

/** `instanceof` would take every BrokerError for one. */
function isHttpRefusal(error: BrokerError): error is HttpRefusal {
  return 'httpStatus' in error;
}

/**
 * Reads on what the client still sends, for a while: closing at once would destroy the answer on its way. Who sends more
 * than that loses the connection.
 */
function endUnwanted(request: IncomingMessage): void {
  const { socket, headers } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!hasBody || request.complete || request.destroyed) return;
  let bytes = 0;
  const late = setTimeout(() => socket.destroy(), UNWANTED_MS);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_UNWANTED_BYTES) socket.destroy();
  });
  request.once('close', () => clearTimeout(late));
}

/** Seconds; a limit on requests knows when there is room again. */
function retryAfter(error: BrokerError): number {
  return 'retryAfter' in error && typeof error.retryAfter === 'number' ? error.retryAfter : RETRY_AFTER_S;
}
