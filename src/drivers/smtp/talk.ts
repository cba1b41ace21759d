import type { Conn } from '../../core/conn.ts';
import { MAX_REPLY_BYTES, MAX_REPLY_LINE_BYTES, malformed, type Reply, readReplyLine } from './wire.ts';

/**
 * One whole reply of the server.
 * @throws BrokerError `upstream_protocol` for one that is too long, garbled, or changes its code half way.
 */
export async function readReply(conn: Conn, signal: AbortSignal): Promise<Reply> {
  const texts: string[] = [];
  const raw: Buffer[] = [];
  let bytes = 0;
  for (let code: number | undefined; ; ) {
    const line = Buffer.from(await conn.line(MAX_REPLY_LINE_BYTES, signal));
    bytes += line.length;
    if (bytes > MAX_REPLY_BYTES) throw malformed('upstream', `a reply of more than ${MAX_REPLY_BYTES} bytes`);
    const read = readReplyLine(line);
    if (code !== undefined && read.code !== code) throw malformed('upstream', 'a reply with two codes');
    code = read.code;
    texts.push(read.text);
    raw.push(line);
    if (read.last) return { code, texts, raw: Buffer.concat(raw) };
  }
}

/** Sends one line, wiped once it is sent, and reads its reply. */
export async function ask(conn: Conn, line: Buffer, signal: AbortSignal): Promise<Reply> {
  await conn.writeSecret(line, signal);
  return await readReply(conn, signal);
}
