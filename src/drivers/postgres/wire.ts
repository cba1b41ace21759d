import { serialize } from 'pg-protocol';
import type { Side } from '../../core/conn.ts';
import { BrokerError } from '../../core/errors.ts';

/**
 * The PostgreSQL frontend/backend protocol 3, as far as a login needs it: bytes in, values out, no socket.
 * Source: PostgreSQL manual, chapter "Frontend/Backend Protocol", sections "Message Formats" and "Start-up".
 *
 * pg-protocol's `serialize` writes the messages that carry no secret of ours. Its Parser is not used: it trusts the
 * length word, and an ErrorResponse without its last NUL makes it loop for ever (test/unit/postgres/wire.test.ts).
 */

/** Codes that stand where a StartupMessage has its version. */
export const PROTOCOL_3_0 = 0x0003_0000;
export const PROTOCOL_3_2 = 0x0003_0002;
export const CANCEL_REQUEST = 80_877_102;
export const SSL_REQUEST = 80_877_103;
export const GSSENC_REQUEST = 80_877_104;

/** Bytes of a start-up packet, as in the server itself (MAX_STARTUP_PACKET_LENGTH in pqcomm.h); the value is accepted. */
export const MAX_STARTUP_BYTES = 10_000;
/** Bytes of one message before ReadyForQuery, its type byte not counted; the value is accepted. */
export const MAX_LOGIN_FRAME_BYTES = 65_536;
/** Bytes of one message after login: the server's own PQ_LARGE_MESSAGE_LIMIT (MaxAllocSize - 1), rounded up. */
export const MAX_FRAME_BYTES = 0x4000_0000;
/** Bytes of a cancel key's secret: 4 in protocol 3.0, 4 to 256 in 3.2. */
export const MAX_CANCEL_SECRET_BYTES = 256;

export const TYPE = {
  authentication: 0x52, // R
  backendKeyData: 0x4b, // K
  errorResponse: 0x45, // E
  negotiateProtocolVersion: 0x76, // v
  noticeResponse: 0x4e, // N
  parameterStatus: 0x53, // S
  password: 0x70, // p
  readyForQuery: 0x5a, // Z
} as const;

/** One message: `type` byte, the body behind the length word, and the whole as it came. */
export interface Frame {
  readonly type: number;
  readonly body: Buffer;
  readonly raw: Buffer;
}

/** A session's cancel key: process id and secret (`BackendKeyData`). */
export interface CancelKey {
  readonly pid: number;
  readonly secret: Buffer;
}

/** What the server asks for, or says, in an Authentication message. */
export type Authentication =
  | { readonly type: 'ok' }
  | { readonly type: 'cleartext' }
  | { readonly type: 'md5'; readonly salt: Buffer }
  | { readonly type: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly type: 'saslContinue' | 'saslFinal'; readonly data: string }
  | { readonly type: 'other'; readonly code: number };

/** The fields of an ErrorResponse or NoticeResponse by their one-letter code ("Error and Notice Message Fields"). */
export type ErrorFields = ReadonlyMap<string, string>;

/** A client's first packet. */
export type Opening =
  | { readonly type: 'ssl' }
  | { readonly type: 'gssenc' }
  | { readonly type: 'cancel'; readonly key: CancelKey }
  | { readonly type: 'startup'; readonly version: number; readonly parameters: readonly (readonly [string, string])[] };

/**
 * Byte1 type, Int32 length (itself included, the type byte not).
 * @returns how many bytes of body follow.
 * @throws BrokerError `upstream_protocol` | `client_protocol` for a length below 4 or above `maxBytes`.
 */
export function bodyLength(header: Buffer, maxBytes: number, side: Side): number {
  const length = header.readInt32BE(1);
  if (length < 4 || length > maxBytes) throw malformed(side, `a message with the length ${length >>> 0}`);
  return length - 4;
}

/** @throws BrokerError `upstream_protocol` for a body that does not hold what its type promises. */
export function readAuthentication(body: Buffer): Authentication {
  const reader = new Reader(body, 'upstream', 'Authentication');
  const code = reader.int32();
  switch (code) {
    case 0:
      reader.end();
      return { type: 'ok' };
    case 3:
      reader.end();
      return { type: 'cleartext' };
    case 5: {
      const salt = reader.bytes(4);
      reader.end();
      return { type: 'md5', salt };
    }
    case 10: {
      const mechanisms: string[] = [];
      for (let name = reader.cstring(); name !== ''; name = reader.cstring()) mechanisms.push(name);
      reader.end();
      return { type: 'sasl', mechanisms };
    }
    case 11:
      return { type: 'saslContinue', data: reader.rest() };
    case 12:
      return { type: 'saslFinal', data: reader.rest() };
    default:
      return { type: 'other', code };
  }
}

/** Fields of Byte1 code and String value, closed by one NUL. A field that comes twice keeps its first value. */
export function readErrorFields(body: Buffer): ErrorFields {
  const reader = new Reader(body, 'upstream', 'ErrorResponse');
  const fields = new Map<string, string>();
  for (let code = reader.byte(); code !== 0; code = reader.byte()) {
    const value = reader.cstring();
    const name = String.fromCharCode(code);
    if (!fields.has(name)) fields.set(name, value);
  }
  reader.end();
  return fields;
}

/** String name, String value. */
export function readParameterStatus(body: Buffer): { readonly name: string; readonly value: string } {
  const reader = new Reader(body, 'upstream', 'ParameterStatus');
  const name = reader.cstring();
  const value = reader.cstring();
  reader.end();
  return { name, value };
}

/** Int32 process id, the secret. */
export function readBackendKeyData(body: Buffer): CancelKey {
  if (body.length < 8 || body.length > 4 + MAX_CANCEL_SECRET_BYTES) throw malformed('upstream', 'a bad BackendKeyData');
  return { pid: body.readInt32BE(0), secret: Buffer.from(body.subarray(4)) };
}

/** Byte1 transaction status, which is `I` right after a login. */
export function readReadyForQuery(body: Buffer): string {
  const status = body.toString('latin1');
  if (!/^[ITE]$/.test(status)) throw malformed('upstream', 'a bad ReadyForQuery');
  return status;
}

/**
 * The first packet of a client, behind its length word: Int32 code, then what belongs to it.
 * @throws BrokerError `client_protocol` when it is none that the protocol knows.
 */
export function readOpening(packet: Buffer): Opening {
  const reader = new Reader(packet, 'client', 'start-up packet');
  const version = reader.int32();
  if (version === SSL_REQUEST || version === GSSENC_REQUEST) {
    reader.end();
    return { type: version === SSL_REQUEST ? 'ssl' : 'gssenc' };
  }
  if (version === CANCEL_REQUEST) {
    if (packet.length < 12 || packet.length > 8 + MAX_CANCEL_SECRET_BYTES)
      throw malformed('client', 'a bad CancelRequest');
    return { type: 'cancel', key: { pid: packet.readInt32BE(4), secret: Buffer.from(packet.subarray(8)) } };
  }
  if (version >>> 16 !== 3) {
    const asked = `${version >>> 16}.${version & 0xffff}`;
    throw new BrokerError('client_protocol', `protocol ${asked} is not supported: broker speaks 3.0 to 3.2`);
  }
  const parameters: [string, string][] = [];
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) parameters.push([name, reader.cstring()]);
  reader.end();
  return { type: 'startup', version, parameters };
}

/** String password, NUL-terminated: the client's answer to AuthenticationCleartextPassword, without its NUL. */
export function readPassword(body: Buffer): Buffer {
  if (body.indexOf(0) !== body.length - 1) throw malformed('client', 'a bad PasswordMessage');
  return body.subarray(0, -1);
}

/** Type byte, length word, the parts. */
export function frame(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(type, 0);
  header.writeInt32BE(4 + parts.reduce((sum, part) => sum + part.length, 0), 1);
  return Buffer.concat([header, ...parts]);
}

/** Int32 length, Int32 code, the parts: the packets that have no type byte. */
export function packet(code: number, ...parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeInt32BE(8 + parts.reduce((sum, part) => sum + part.length, 0), 0);
  header.writeInt32BE(code, 4);
  return Buffer.concat([header, ...parts]);
}

export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8');
}

/**
 * Our own, and not `serialize.startup`: that one adds client_encoding=UTF8, which is a lie to a client of a LATIN1
 * database.
 */
export function startupMessage(parameters: Iterable<readonly [string, string]>): Buffer {
  const pairs = Array.from(parameters).flatMap(([name, value]) => [cstring(name), cstring(value)]);
  return packet(PROTOCOL_3_0, ...pairs, Buffer.alloc(1));
}

export function sslRequest(): Buffer {
  return serialize.requestSsl();
}

export function saslInitialResponse(mechanism: string, message: string): Buffer {
  return serialize.sendSASLInitialResponseMessage(mechanism, message);
}

export function saslResponse(message: string): Buffer {
  return serialize.sendSCRAMClientFinalMessage(message);
}

/** PasswordMessage; the caller wipes it once it is written. */
export function passwordMessage(password: Uint8Array): Buffer {
  return frame(TYPE.password, password, Buffer.alloc(1));
}

export function cancelRequest(key: CancelKey): Buffer {
  if (key.secret.length === 4) return serialize.cancel(key.pid, key.secret.readInt32BE(0));
  return packet(CANCEL_REQUEST, int32(key.pid), key.secret);
}

export function terminate(): Buffer {
  return Buffer.from(serialize.end());
}

export function sync(): Buffer {
  return Buffer.from(serialize.sync());
}

export function authenticationOk(): Buffer {
  return frame(TYPE.authentication, int32(0));
}

export function authenticationCleartextPassword(): Buffer {
  return frame(TYPE.authentication, int32(3));
}

export function backendKeyData(key: CancelKey): Buffer {
  return frame(TYPE.backendKeyData, int32(key.pid), key.secret);
}

/** Idle, as every session begins. */
export function readyForQuery(): Buffer {
  return frame(TYPE.readyForQuery, Buffer.from('I'));
}

/** Int32 version that we speak, the whole of it as servers do; Int32 count; the options that we don't know. */
export function negotiateProtocolVersion(version: number, unknownOptions: readonly string[]): Buffer {
  const names = unknownOptions.map(cstring);
  return frame(TYPE.negotiateProtocolVersion, int32(version), int32(names.length), ...names);
}

/** An ErrorResponse of severity FATAL: the connection is over after it. */
export function fatal(sqlstate: string, message: string, hint?: string): Buffer {
  const fields = [`SFATAL`, `VFATAL`, `C${sqlstate}`, `M${message}`];
  if (hint) fields.push(`H${hint}`);
  return frame(TYPE.errorResponse, ...fields.map((field) => cstring(field.replaceAll('\0', ''))), Buffer.alloc(1));
}

export function malformed(side: Side, what: string): BrokerError {
  return side === 'client'
    ? new BrokerError('client_protocol', `the client sent ${what}`)
    : new BrokerError('upstream_protocol', `the server sent ${what}`);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0, 0);
  return bytes;
}

/** Reads the parts of one body and never beyond it. Texts must be UTF-8 where they come from a client. */
class Reader {
  readonly #body: Buffer;
  readonly #side: Side;
  readonly #what: string;
  #at = 0;

  constructor(body: Buffer, side: Side, what: string) {
    this.#body = body;
    this.#side = side;
    this.#what = what;
  }

  byte(): number {
    return this.bytes(1).readUInt8(0);
  }

  int32(): number {
    return this.bytes(4).readInt32BE(0);
  }

  bytes(n: number): Buffer {
    const end = this.#at + n;
    if (end > this.#body.length) throw this.#bad();
    const taken = this.#body.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  cstring(): string {
    const end = this.#body.indexOf(0, this.#at);
    if (end < 0) throw this.#bad();
    const bytes = this.#body.subarray(this.#at, end);
    this.#at = end + 1;
    if (this.#side === 'upstream') return bytes.toString('utf8');
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new BrokerError('client_protocol', `the client sent a ${this.#what} that is not UTF-8`, { cause });
    }
  }

  rest(): string {
    return this.bytes(this.#body.length - this.#at).toString('utf8');
  }

  end(): void {
    if (this.#at !== this.#body.length) throw this.#bad();
  }

  #bad(): BrokerError {
    return malformed(this.#side, `a bad ${this.#what}`);
  }
}
