import { createRequire } from 'node:module';
import type * as resp from 'ioredis/built/resp/decoder.js';
import type { Conn } from '../../core/conn.ts';
import { throwIfAborted } from '../../core/errors.ts';
import { onFirstUse } from '../../core/library.ts';

const require = createRequire(import.meta.url);
/** Loaded with the first login. */
const ioredis = onFirstUse<typeof resp>('ioredis', () => require('ioredis/built/resp/decoder.js'));

/**
 * Replies during the login, in RESP2. After it they are not read any more.
 *
 * ioredis's Decoder says what they mean. It is fed one reply at a time, and only what `frame` has measured, since by
 * itself it trusts every length: `*33554431` makes it allocate 268 MB, `$2147483647` makes it wait and keep
 * (test/unit/redis/replies.test.ts). ioredis as a whole cannot do the login: see login.ts.
 */

/** Bytes of one reply during a login; an ACL user with hundreds of patterns fits. The value is accepted. */
export const MAX_REPLY_BYTES = 262_144;
/** Values in one reply, nested ones included, and how deep they may be nested; ACL GETUSER has some 50, 3 deep. */
const MAX_VALUES = 10_000;
const MAX_DEPTH = 5;
const MAX_LINE_BYTES = 8_192;

export type Value = string | number | null | readonly Value[];

/** What the server answered to one command: a value, or its error line without the `-`. */
export type Reply =
  | { readonly type: 'value'; readonly value: Value }
  | { readonly type: 'error'; readonly text: string };

/**
 * Exactly one reply; what follows it stays in `conn`.
 * @throws BrokerError `upstream_protocol` for what is no RESP2 reply or too big for a login, and as `Conn.exactly`.
 */
export async function readReply(conn: Conn, signal: AbortSignal): Promise<Reply> {
  return decode(await frame(conn, signal), conn);
}

/** The bytes of one reply: every length is checked before anything is waited for. */
async function frame(conn: Conn, signal: AbortSignal): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  let values = 0;
  const take = (part: Buffer): void => {
    parts.push(part);
    bytes += part.length;
    if (bytes > MAX_REPLY_BYTES) throw conn.protocolError(`sent more than ${MAX_REPLY_BYTES} bytes in one reply`);
  };
  const value = async (depth: number): Promise<void> => {
    throwIfAborted(signal);
    const line = await conn.line(MAX_LINE_BYTES, signal);
    take(line);
    const [, type = '', rest = ''] = /^([-+:$*])([^\r\n]*)\r\n$/.exec(line.toString('latin1')) ?? [];
    if (type === '+' || type === '-') return;
    if (!/^-?\d{1,15}$/.test(rest)) throw conn.protocolError('sent something that is not the Redis protocol');
    const length = Number(rest);
    if (type === ':' || length < 0) return;
    if (type === '$') {
      if (length > MAX_REPLY_BYTES) throw conn.protocolError(`sent a text of ${length} bytes during the login`);
      const text = await conn.exactly(length + 2, signal);
      take(text);
      if (text.toString('latin1', length) !== '\r\n')
        throw conn.protocolError('sent a text that is longer than it says');
      return;
    }
    values += length;
    if (values > MAX_VALUES || depth > MAX_DEPTH)
      throw conn.protocolError('sent a list that is too long or too deep for a login');
    for (let i = 0; i < length; i++) await value(depth + 1);
  };
  await value(1);
  return Buffer.concat(parts);
}

function decode(bytes: Buffer, conn: Conn): Reply {
  const replies: Reply[] = [];
  const decoder = new (ioredis().Decoder)({
    getTypeMapping: () => ({}),
    onReply: (value: Value) => void replies.push({ type: 'value', value }),
    onErrorReply: (error: Error) => void replies.push({ type: 'error', text: error.message }),
    onPush: () => undefined,
  });
  decoder.write(bytes);
  const [reply] = replies;
  if (!reply || replies.length > 1) throw conn.protocolError('sent something that is not the Redis protocol');
  return reply;
}
