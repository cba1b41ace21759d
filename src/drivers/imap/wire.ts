// The grammar is imapflow's: its parser and compiler are fuzzed, know the quirks of servers in the field, and need no
// socket. Its connection is not used: see login.ts.
import { createRequire } from 'node:module';
import type * as handler from 'imapflow/lib/handler/imap-handler.js';
import type { Side } from '../../core/conn.ts';
import { BrokerError } from '../../core/errors.ts';
import { onFirstUse } from '../../core/library.ts';
import type { Secret } from '../../core/secret.ts';

const require = createRequire(import.meta.url);
/** Loaded with the first login. */
const imapflow = onFirstUse<typeof handler>('imapflow', () => require('imapflow/lib/handler/imap-handler.js'));

/**
 * IMAP4rev1 and rev2 (RFC 3501, RFC 9051) as far as a login needs them: bytes in, values out, no socket.
 */

/** Bytes of one line before the login is complete, either way; Dovecot accepts 8,192 of a client. */
export const MAX_LINE_BYTES = 65_536;
/** Bytes of one literal in a client's login; the value is accepted (MECHANISMS §4). */
export const MAX_LITERAL_BYTES = 4_096;
/** Bytes of all literals of one command together. */
export const MAX_COMMAND_BYTES = 16_384;

export interface Response {
  /** `*`, `+` or the tag of a command of ours. */
  readonly tag: string;
  /** In capitals; empty for `+`. */
  readonly name: string;
  /** The words of the response code, `[CAPABILITY IMAP4rev1]`; empty where there is none. */
  readonly code: readonly string[];
  /** What follows: for people behind OK, NO, BAD, BYE and PREAUTH, base64 behind `+`. */
  readonly text: string;
  /** Words of an untagged `* CAPABILITY`. */
  readonly words: readonly string[];
}

/**
 * One line of the server without its CRLF.
 * @throws BrokerError `upstream_protocol` for what is no IMAP response.
 */
export async function readResponse(line: Buffer): Promise<Response> {
  const parsed = await parse(line, [], 'upstream');
  const nodes = parsed.attributes ?? [];
  const first = nodes[0];
  const section = first && !Array.isArray(first) ? first.section : undefined;
  const texts = nodes.filter((node) => node?.type === 'TEXT').map((node) => String(node?.value ?? ''));
  return {
    tag: parsed.tag ?? '',
    name: (parsed.command ?? '').toUpperCase(),
    code: section?.map((node) => String(node?.value ?? '')) ?? [],
    text: texts.join(' '),
    words: section ? [] : nodes.filter((node) => node?.type === 'ATOM').map((node) => String(node?.value ?? '')),
  };
}

/** Capabilities in a response: of `* CAPABILITY ...` or of a `[CAPABILITY ...]` code; undefined where it has none. */
export function capabilitiesOf(response: Response): readonly string[] | undefined {
  if (response.tag === '*' && response.name === 'CAPABILITY') return response.words.filter(isCapability);
  const [code = '', ...words] = response.code;
  return code.toUpperCase() === 'CAPABILITY' ? words.filter(isCapability) : undefined;
}

/** What can be repeated to a client as a word of its own (RFC 9051 `capability`: an atom). */
function isCapability(word: string): boolean {
  return /^[^\s(){%*"\\\]\p{Cc}]+$/u.test(word);
}

/** A client's command: its words, and where a literal was announced at the end of its last line. */
export interface CommandHead {
  readonly tag: string;
  /** In capitals. */
  readonly name: string;
}

/**
 * Tag and name of a command's first line.
 * @throws BrokerError `client_protocol` when it has none.
 */
export function readCommandHead(line: Buffer): CommandHead {
  const match = /^([!#$&',-[\]^-z|}~]{1,200}) ([A-Za-z][\w-]{0,40})(?=[ \r\n]|$)/.exec(line.toString('latin1', 0, 260));
  const [, tag, name] = match ?? [];
  if (tag === undefined || name === undefined)
    throw new BrokerError('client_protocol', 'the client sent something that is not IMAP');
  return { tag, name: name.toUpperCase() };
}

/** `{123}` or `{123+}` (also with `~`) at the end of a line without its CRLF (RFC 9051 §4.3, RFC 7888). */
export function literalAt(line: Buffer): { readonly bytes: number; readonly synchronising: boolean } | undefined {
  const match = /\{(\d{1,20})(\+?)\}$/.exec(line.toString('latin1', Math.max(0, line.length - 24)));
  if (!match) return undefined;
  return { bytes: Number(match[1]), synchronising: match[2] === '' };
}

/** A literal's mark in the middle of what the parser reads: it wants the lines as they came. */
export const CRLF: Buffer = Buffer.from('\r\n');

/**
 * The arguments of a client's command as bytes, whatever form each has; undefined for a list.
 * @param lines its lines joined by CRLF. @param literals what came between them.
 * @throws BrokerError `client_protocol` for what is no list of arguments.
 */
export async function readArguments(
  lines: Buffer,
  literals: readonly Buffer[],
): Promise<readonly (Buffer | undefined)[]> {
  const { attributes = [] } = await parse(lines, literals, 'client');
  return attributes.map((node) => {
    if (node === null) return Buffer.from('NIL');
    if (Array.isArray(node) || node.value === undefined || node.value === null) return undefined;
    return Buffer.isBuffer(node.value) ? node.value : Buffer.from(String(node.value));
  });
}

/**
 * The LOGIN command, in the parts between which the server's `+` is waited for. A quoted string holds ASCII without
 * control characters only; everything else goes as a literal, whose bytes nobody interprets.
 */
export function loginCommand(
  tag: string,
  user: string,
  password: Secret,
  nonSync: { readonly literalPlus: boolean; readonly literalMinus: boolean },
): Buffer[] {
  const part = (bytes: Buffer) =>
    bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
      ? { type: 'STRING', value: bytes.toString('latin1'), sensitive: true }
      : { type: 'LITERAL', value: Buffer.from(bytes), sensitive: true };
  const secret = password.use(part);
  const parts = imapflow().compiler(
    { tag, command: 'LOGIN', attributes: [part(Buffer.from(user)), secret] },
    { ...nonSync, asArray: true },
  );
  const last = parts.length - 1;
  return parts.map((bytes, index) => (index === last ? Buffer.concat([bytes, CRLF]) : Buffer.from(bytes)));
}

async function parse(lines: Buffer, literals: readonly Buffer[], side: Side) {
  const { parser } = imapflow();
  try {
    return await parser(lines, {
      literals: [...literals],
      literalPlus: true,
      maxLiteralSize: 0,
      maxResponseTokens: 4_096,
    });
  } catch (cause) {
    if (side === 'client')
      throw new BrokerError('client_protocol', 'the client sent a command that cannot be read', { cause });
    throw new BrokerError('upstream_protocol', 'the server sent a line that is not IMAP', { cause });
  }
}
