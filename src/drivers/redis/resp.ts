import { BrokerError } from '../../core/errors.ts';

/**
 * Requests as a Redis client sends them: bytes in, values out, no socket.
 * Source: redis.io "Redis serialization protocol specification", sections "Sending commands" and "Inline commands", and
 * networking.c of Redis 7.0 (processMultibulkBuffer, processInlineBuffer), which is more lenient than the specification:
 * it skips the two bytes behind a line's CR and behind an argument without looking at them. Whoever reads such a stream
 * differently is talked past, so only the canonical form is accepted here.
 */

/** Bytes of a command's name or subcommand; Redis's own longest is 16. The value is accepted. */
export const MAX_WORD_BYTES = 512;
/** Bytes of a whole command where all of it has to be looked at (HELLO, CONFIG GET, a login with a ticket). */
export const MAX_INSPECTED_BYTES = 16_384;
/** Bytes of an inline command with its LF (PROTO_INLINE_MAX_SIZE in server.h). */
export const MAX_INLINE_BYTES = 65_536;
/** Arguments of one command: what the server itself accepts of a client that is logged in (INT_MAX). */
export const MAX_ARGUMENTS = 2_147_483_647;

const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;
export const STAR = 0x2a;
export const DOLLAR = 0x24;

/** Reads `marker`, a decimal number without sign or leading zeros, CR, LF. One instance is reused for every length. */
export class LengthReader {
  value = 0;
  /** Index behind the LF. */
  next = 0;

  /**
   * @returns false when the line is not complete yet.
   * @throws BrokerError `client_protocol` for anything but the canonical form, as soon as that is certain.
   */
  read(bytes: Buffer, at: number, marker: number): boolean {
    const end = bytes.length;
    if (at >= end) return false;
    if (bytes[at] !== marker) throw malformed(`a command without its "${String.fromCharCode(marker)}"`);
    // Nearly every length has one digit or two, and is there with its line: no loop for those.
    if (at + 4 < end) {
      const first = (bytes[at + 1] ?? 0) - ZERO;
      const second = bytes[at + 2] ?? 0;
      if (first >= 0 && first <= 9 && second === CR && bytes[at + 3] === LF) {
        this.value = first;
        this.next = at + 4;
        return true;
      }
      if (first > 0 && first <= 9 && second >= ZERO && second <= NINE && bytes[at + 3] === CR && bytes[at + 4] === LF) {
        this.value = first * 10 + second - ZERO;
        this.next = at + 5;
        return true;
      }
    }
    let value = 0;
    let index = at + 1;
    for (; index < end; index++) {
      const byte = bytes[index] ?? 0;
      if (byte < ZERO || byte > NINE) break;
      if (value === 0 && index > at + 1) throw malformed('a length with a leading zero');
      value = value * 10 + byte - ZERO;
      if (value > Number.MAX_SAFE_INTEGER) throw malformed('a length beyond all bounds');
    }
    if (index >= end) return false;
    if (index === at + 1 || bytes[index] !== CR) throw malformed('a length that is not a plain number');
    if (index + 1 >= end) return false;
    if (bytes[index + 1] !== LF) throw malformed('a length whose line does not end in CR LF');
    this.value = value;
    this.next = index + 2;
    return true;
  }
}

/** The beginning of a command, as far as it was asked for. */
export interface Command {
  readonly argc: number;
  /** The first arguments, the name first; they share memory with what was read. */
  readonly args: readonly Buffer[];
  /** Index behind the CR LF of the last one in `args`. */
  readonly next: number;
}

const lengths = new LengthReader();

/**
 * The first `want` arguments of the command in RESP form at `at`; all of them where it has fewer.
 * @returns undefined when they are not there completely.
 * @throws BrokerError `client_protocol`, also when they need more than `maxBytes`.
 */
export function readCommand(bytes: Buffer, at: number, want: number, maxBytes: number): Command | undefined {
  if (!lengths.read(bytes, at, STAR)) return undefined;
  const argc = lengths.value;
  if (argc < 1 || argc > MAX_ARGUMENTS) throw malformed(`a command of ${argc} arguments`);
  const args: Buffer[] = [];
  let next = lengths.next;
  while (args.length < Math.min(argc, want)) {
    if (!lengths.read(bytes, next, DOLLAR)) return withinBounds(bytes.length - at, maxBytes);
    const start = lengths.next;
    const end = start + lengths.value;
    withinBounds(end - at, maxBytes);
    if (bytes.length < end + 2) return undefined;
    if (bytes[end] !== CR || bytes[end + 1] !== LF) throw malformed('an argument that does not end in CR LF');
    args.push(bytes.subarray(start, end));
    next = end + 2;
  }
  return { argc, args, next };
}

function withinBounds(bytes: number, maxBytes: number): undefined {
  if (bytes > maxBytes) throw malformed(`more than ${maxBytes} bytes where a command's name was expected`);
  return undefined;
}

/** An array of bulk strings, the only form in which broker itself sends commands. */
export function encode(args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg, 'utf8') : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), Buffer.from(bytes), Buffer.from('\r\n'));
  }
  const whole = Buffer.concat(parts);
  // The parts may hold a password, and are of no further use.
  for (const part of parts) part.fill(0);
  return whole;
}

/**
 * The command's name or subcommand as the server compares it: ASCII case does not count, and nothing behind a NUL does,
 * since the server compares C strings (dictSdsKeyCaseCompare): `config\0x` can be CONFIG.
 */
export function word(bytes: Buffer): string {
  const nul = bytes.indexOf(0);
  return (nul < 0 ? bytes : bytes.subarray(0, nul)).toString('latin1').replace(/[A-Z]/g, (c) => c.toLowerCase());
}

/** What stands between arguments (isspace), and what ends one that has no quotes: the server's two sets differ. */
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, LF, 0x0b, 0x0c, CR]);
const ENDS: ReadonlySet<number> = new Set([0x20, 0x09, LF, CR]);
const ESCAPES: Readonly<Record<string, number>> = { n: LF, r: CR, t: 0x09, b: 0x08, a: 0x07 };

/**
 * The arguments of an inline command, split as the server does (sdssplitargs in sds.c): `"..."` with \xHH and the
 * escapes of C, `'...'` with \', a closing quote ends the argument.
 * @param line without its LF and an optional CR before it.
 * @throws BrokerError `client_protocol` for unbalanced quotes, and for a NUL, where the server stops reading.
 */
export function splitInline(line: Buffer): Buffer[] {
  if (line.includes(0)) throw malformed('an inline command with a NUL in it');
  const args: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && SPACES.has(line[at] ?? 0)) at++;
    if (at >= line.length) return args;
    const arg: number[] = [];
    let quote = '';
    for (; at < line.length || quote !== ''; at++) {
      if (at >= line.length) throw malformed('an inline command with unbalanced quotes');
      const byte = line[at] ?? 0;
      const char = String.fromCharCode(byte);
      if (quote === '') {
        if (ENDS.has(byte)) break;
        if (char === '"' || char === "'") quote = char;
        else arg.push(byte);
      } else if (char === quote) {
        if (at + 1 < line.length && !SPACES.has(line[at + 1] ?? 0))
          throw malformed('an inline command with unbalanced quotes');
        quote = '';
        at++;
        break;
      } else if (char === '\\' && quote === "'" && line[at + 1] === 0x27) {
        arg.push(0x27);
        at++;
      } else if (char === '\\' && quote === '"' && at + 1 < line.length) {
        const hex = /^x([0-9a-fA-F]{2})/.exec(line.toString('latin1', at + 1, at + 4));
        const escaped = String.fromCharCode(line[at + 1] ?? 0);
        arg.push(hex?.[1] ? Number.parseInt(hex[1], 16) : (ESCAPES[escaped] ?? line[at + 1] ?? 0));
        at += hex ? 3 : 1;
      } else arg.push(byte);
    }
    args.push(Buffer.from(arg));
  }
}

/** An error reply; what could break out of its line becomes a space. */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${text.replace(/\p{Cc}+/gu, ' ')}\r\n`);
}

export function malformed(what: string): BrokerError {
  return new BrokerError('client_protocol', `the client sent ${what}`);
}
