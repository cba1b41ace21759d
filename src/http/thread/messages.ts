import { BrokerError, type ErrorCode, type Hop } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { HttpConfig } from '../config.ts';
import type { DialConfig } from '../dialer.ts';

/*
 * What the daemon's own thread and a thread for upstream connections say to each other. Each message is a list of what was
 * said since the last one, in order. Requests and services have numbers that are given once. Lists of fields cross as one
 * text, since a list of texts takes several times as long.
 */

/** Bytes of a body that may be under way between the threads, for each request and direction. */
export const WINDOW = 256 * 1024;
/** Up to this size a piece of a body is copied within the message; a larger one is handed over. */
const SMALL = 4 * 1024;

/** What connections are made by; secrets are handed over as bytes of their own. */
export type LineConfig = Omit<DialConfig, 'key' | 'http_proxy_password'> &
  Pick<HttpConfig, 'header_timeout' | 'idle_timeout'> & {
    readonly key: Uint8Array | undefined;
    readonly http_proxy_password: Uint8Array | undefined;
  };

/** Bytes of a body: a small piece as latin1. */
export type Piece = string | Uint8Array<ArrayBuffer>;

export type ToThread =
  | readonly ['open', service: number, LineConfig]
  | readonly ['close', service: number, CrossedError]
  | readonly [
      'send',
      request: number,
      service: number,
      method: string,
      path: string,
      fields: string,
      body: Piece | null | undefined,
    ] // body undefined: it comes in pieces
  | readonly ['piece', request: number, Piece]
  | readonly ['end', request: number]
  | readonly ['taken', request: number, bytes: number]
  | readonly ['abort', request: number, CrossedError];

export type FromThread =
  | readonly ['head', request: number, status: number, fields: string, statusText: string]
  | readonly ['piece', request: number, Piece]
  | readonly ['end', request: number, trailers: string]
  | readonly ['taken', request: number, bytes: number]
  | readonly ['unwanted', request: number] // the rest of the request's body
  | readonly ['error', request: number, CrossedError];

/** An error without its cause, whose kind is told in the thread's place: an Error loses its class on the way. */
export interface CrossedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hop: Hop | undefined;
  readonly hint: string | undefined;
  readonly upstreamCode: string | undefined;
  /** Name and code of what it was caused by, and its frames, for the log. */
  readonly cause: Error | undefined;
}

export function crossing(error: BrokerError): CrossedError {
  const { code, message, hop, hint, upstreamCode, cause } = error;
  return { code, message, hop, hint, upstreamCode, cause: cause instanceof Error ? plain(cause) : undefined };
}

export function crossed({ code, message, hop, hint, upstreamCode, cause }: CrossedError): BrokerError {
  return new BrokerError(code, message, {
    ...(hop && { hop }),
    ...(hint !== undefined && { hint }),
    ...(upstreamCode !== undefined && { upstreamCode }),
    ...(cause && { cause }),
  });
}

/** One that can be cloned whatever hangs on it. */
function plain({ name, message, stack }: Error): Error {
  const copy = new Error(message);
  copy.name = name;
  if (stack !== undefined) copy.stack = stack;
  return copy;
}

/** No field has a line end in it. */
export function joinFields(fields: readonly string[]): string {
  return fields.join('\n');
}

export function splitFields(text: string): string[] {
  return text === '' ? [] : text.split('\n');
}

/** A copy that is nobody else's; `handed` gets what is to be handed over rather than copied again. */
export function pieceOf(bytes: Uint8Array, handed: ArrayBuffer[]): Piece {
  if (bytes.length <= SMALL) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const copy = new Uint8Array(bytes);
  handed.push(copy.buffer);
  return copy;
}

export function bytesOf(piece: Piece): Buffer {
  return typeof piece === 'string'
    ? Buffer.from(piece, 'latin1')
    : Buffer.from(piece.buffer, piece.byteOffset, piece.length);
}

/** @returns the part of a configuration that connections need, with copies of its secrets in `handed`. */
export function lineConfig(config: HttpConfig, handed: ArrayBuffer[]): LineConfig {
  const bytes = (secret: Secret | undefined): Uint8Array | undefined => {
    const copy = secret?.use((own) => new Uint8Array(own));
    if (copy) handed.push(copy.buffer);
    return copy;
  };
  return {
    base_url: config.base_url,
    allow_private: config.allow_private,
    ca: config.ca,
    cert: config.cert,
    key: bytes(config.key),
    server_name: config.server_name,
    skip_verify: config.skip_verify,
    connect_timeout: config.connect_timeout,
    header_timeout: config.header_timeout,
    idle_timeout: config.idle_timeout,
    http_proxy: config.http_proxy,
    http_proxy_user: config.http_proxy_user,
    http_proxy_password: bytes(config.http_proxy_password),
  };
}

/** Secrets of what was handed over; they are the receiver's. */
export function received(bytes: Uint8Array | undefined): Secret | undefined {
  return bytes && Secret.own(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}
