import type { Side } from '../../core/conn.ts';
import { BrokerError } from '../../core/errors.ts';

/** SMTP (RFC 5321) as far as a login needs it: bytes in, values out, no socket. */

/** Bytes of one line of a reply; RFC 5321 §4.5.3.1.5 says 512, servers say more. */
export const MAX_REPLY_LINE_BYTES = 8_192;
/** Bytes of all lines of one reply. */
export const MAX_REPLY_BYTES = 65_536;
/** Bytes of one line of a client: an AUTH line has the most (RFC 4954 §4: 12,288). */
export const MAX_COMMAND_BYTES = 12_288;
/** Bytes of an AUTH command with its initial response; a longer response goes on a line of its own (RFC 4954 §4). */
export const MAX_AUTH_COMMAND_BYTES = 512;

export interface Reply {
  readonly code: number;
  /** What follows the code on each line. */
  readonly texts: readonly string[];
  /** As it came. */
  readonly raw: Buffer;
}

export interface ReplyLine {
  readonly code: number;
  readonly last: boolean;
  readonly text: string;
}

/**
 * One line of a reply, `250-SIZE 1000`, `250 OK` or just `250` (RFC 5321 §4.2), with or without its CRLF.
 * @throws BrokerError `upstream_protocol`.
 */
export function readReplyLine(line: Buffer): ReplyLine {
  const match = /^([2-5]\d\d)(?:([ -])(.*))?\r?\n?$/s.exec(line.toString('utf8'));
  if (!match) throw malformed('upstream', 'a line that is no SMTP reply');
  return { code: Number(match[1]), last: match[2] !== '-', text: match[3]?.replace(/\r?\n$/, '') ?? '' };
}

/** The enhanced status of a reply (RFC 3463), where it begins with one. */
export function enhancedStatus(reply: Reply): string | undefined {
  return /^([245]\.\d{1,3}\.\d{1,3})(?: |$)/.exec(reply.texts[0] ?? '')?.[1];
}

/** The keywords of an EHLO reply with their parameters, the first line (domain and greeting) left out. */
export function keywordsOf(reply: Reply): ReadonlyMap<string, string> {
  const lines = reply.texts.slice(1).map((text) => /^([A-Za-z0-9][\w-]*)(?:[ =](.*))?$/.exec(text.trim()));
  const words = new Map<string, string>();
  for (const match of lines) {
    const name = match?.[1]?.toUpperCase();
    if (name === undefined) continue;
    // "AUTH=LOGIN" beside "AUTH PLAIN" is how old servers speak to old clients.
    const known = words.get(name);
    words.set(name, [known, match?.[2]].filter((part) => part).join(' '));
  }
  return words;
}

/** Extensions that only work with commands which a policy refuses. */
const NOT_WITH_POLICY = ['BURL', 'ETRN', 'EXPN', 'XCLIENT', 'XFORWARD', 'ATRN', 'TURN'];

/**
 * The server's EHLO reply as a local client gets it: TLS and the server's own login are past, PLAIN and LOGIN are what
 * is accepted here. Everything else is as the server said it.
 */
export function localEhlo(texts: readonly string[], policed: boolean): Buffer {
  const [domain = 'localhost', ...lines] = texts;
  const hidden = ['STARTTLS', 'AUTH', ...(policed ? NOT_WITH_POLICY : [])];
  const kept = lines.filter((text) => !hidden.includes(/^[\w-]*/.exec(text.trim())?.[0]?.toUpperCase() ?? ''));
  return formatReply(250, [domain, ...kept, 'AUTH PLAIN LOGIN']);
}

export function formatReply(code: number, texts: readonly string[]): Buffer {
  const last = texts.length - 1;
  return Buffer.from(texts.map((text, index) => `${code}${index === last ? ' ' : '-'}${text}\r\n`).join(''));
}

export interface Command {
  /** In capitals. */
  readonly verb: string;
  readonly rest: string;
}

/** Verbs that mail clients use. Whoever begins with another one speaks no SMTP: a web page with a POST, say. */
const VERBS = 'EHLO HELO LHLO AUTH MAIL RCPT DATA BDAT RSET NOOP QUIT HELP VRFY EXPN ETRN STARTTLS'.split(' ');

/** One line of a client, with its CRLF or LF. @returns undefined for what is no command of SMTP. */
export function readCommand(line: Buffer): Command | undefined {
  const match = /^([A-Za-z]{4,8})(?:[ \t]+(.*))?$/s.exec(line.toString('latin1').trimEnd());
  const verb = match?.[1]?.toUpperCase() ?? '';
  return VERBS.includes(verb) ? { verb, rest: match?.[2] ?? '' } : undefined;
}

export function malformed(side: Side, what: string): BrokerError {
  return side === 'client'
    ? new BrokerError('client_protocol', `the client sent ${what}`)
    : new BrokerError('upstream_protocol', `the server sent ${what}`);
}
