import { BrokerError } from '../../core/errors.ts';
import { DataEnd } from './data.ts';
import { bareLineEnd, type Ends, type Front } from './front.ts';
import { allows, type Policy, readEnvelope } from './policy.ts';
import { readReply } from './talk.ts';
import { formatReply, type Reply, readCommand } from './wire.ts';

/**
 * A session under a policy. Every command is read, decided and answered before the next one is looked at, so that the
 * replies stand in order however much a client pipelines; the server sees only what may pass. What two servers could
 * read differently (a bare CR or LF, an address that routes) is refused (MECHANISMS §4).
 */
export async function policed(
  ends: Ends,
  front: Front,
  policy: Policy,
): Promise<'client_finished' | 'upstream_finished'> {
  const { upstream, signal } = ends;
  const pass = async (line: Buffer): Promise<Reply> => {
    ends.bytesUp += line.length;
    await upstream.write(line, signal);
    const reply = await readReply(upstream, signal);
    await front.say(reply.raw);
    return reply;
  };
  for (;;) {
    const next = await front.run();
    if (next.type === 'upstream') {
      // A 421 before it leaves, or just its end.
      if (upstream.buffered > 0) await front.say((await readReply(upstream, signal)).raw);
      return 'upstream_finished';
    }
    const { line } = next;
    const text = line.toString('utf8');
    const command = readCommand(line);
    switch (command?.verb) {
      case 'MAIL':
      case 'RCPT': {
        const envelope = readEnvelope(text.slice(0, -2));
        if (!envelope) {
          await front.say(formatReply(550, ['5.1.0 broker: that address is not written plainly enough to be checked']));
        } else if (!allows(policy, envelope)) {
          const what = envelope.verb === 'MAIL' ? 'sender' : 'recipient';
          await front.say(
            formatReply(550, [`5.7.1 broker: this service does not allow the ${what} <${envelope.address}>`]),
          );
        } else await pass(line);
        break;
      }
      case 'DATA':
        if (command.rest !== '') await front.say(formatReply(501, ['5.5.4 broker: DATA takes nothing']));
        else if ((await pass(line)).code === 354) {
          await passData(ends);
          await front.say((await readReply(upstream, signal)).raw);
        }
        break;
      case 'BDAT':
        await passChunk(ends, line, command.rest);
        await front.say((await readReply(upstream, signal)).raw);
        break;
      case 'VRFY':
      case 'HELP':
        await pass(line);
        break;
      case 'QUIT':
        await pass(line);
        return 'client_finished';
      default:
        await front.say(
          formatReply(502, ['5.5.1 broker: this command is not available under the policy of this service']),
        );
    }
  }
}

/** The mail up to its last dot. Nothing is passed on of a chunk that ends lines in a way servers disagree about. */
async function passData(ends: Ends): Promise<void> {
  const end = new DataEnd();
  for (;;) {
    const chunk = await some(ends);
    const used = end.see(chunk);
    if (used === 'bare') throw bareLineEnd();
    await forward(ends, chunk.subarray(0, used));
    if (end.over) {
      if (used < chunk.length) ends.client.unread(Buffer.from(chunk.subarray(used)));
      return;
    }
  }
}

/** `BDAT 1000 LAST` (RFC 3030): the count is what keeps the stream in step, so nothing but digits will do. */
async function passChunk(ends: Ends, line: Buffer, rest: string): Promise<void> {
  const count = /^(\d{1,15})(?: LAST)?$/i.exec(rest)?.[1];
  if (count === undefined) throw new BrokerError('client_protocol', 'the client sent a BDAT without a plain count');
  await forward(ends, line);
  for (let left = Number(count); left > 0; ) {
    const chunk = await some(ends);
    const part = chunk.subarray(0, Math.min(left, chunk.length));
    if (part.length < chunk.length) ends.client.unread(Buffer.from(chunk.subarray(part.length)));
    await forward(ends, part);
    left -= part.length;
  }
}

async function forward(ends: Ends, bytes: Buffer): Promise<void> {
  ends.bytesUp += bytes.length;
  await ends.upstream.write(bytes, ends.signal);
}

async function some(ends: Ends): Promise<Buffer> {
  const { idleMs, signal } = ends;
  const chunk = await ends.client.some(idleMs > 0 ? AbortSignal.any([signal, AbortSignal.timeout(idleMs)]) : signal);
  if (!chunk) throw new BrokerError('client_gone', 'the client closed the connection in the middle of a mail');
  return chunk;
}
