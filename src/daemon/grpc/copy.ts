import { randomBytes } from 'node:crypto';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { SshHandlers } from '../../core/proto/broker/v1/Ssh.ts';
import type { UploadRequest__Output } from '../../core/proto/broker/v1/UploadRequest.ts';
import type { UploadStart__Output } from '../../core/proto/broker/v1/UploadStart.ts';
import { download, upload } from '../../drivers/ssh/copy.ts';
import { Desk, type Workplace } from '../../drivers/ssh/desk.ts';
import type { Caller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import { roomForBuffers } from '../heap.ts';
import type { Adapter } from './adapt.ts';

/** Permission bits that are kept: no setuid, setgid or sticky bit crosses. */
const MODE_BITS = 0o777;

interface Order {
  readonly service: string;
  readonly reason: string;
}

/** Copying to and from servers: sessions in which broker itself is the client. */
export function copyHandlers(daemon: Daemon, adapt: Adapter): Pick<SshHandlers, 'Upload' | 'Download'> {
  const { sessions } = daemon;
  return {
    Upload: adapt.clientStream(async (requests, { caller, signal }) => {
      const messages = requests[Symbol.asyncIterator]();
      const first = await messages.next();
      const start: UploadStart__Output | null | undefined = first.done ? undefined : first.value.start;
      if (!start) throw new BrokerError('invalid_argument', 'the first message must be `start`');
      const { path, name, mode } = start;
      if (mode !== undefined && (mode & ~MODE_BITS) !== 0)
        throw new BrokerError('invalid_argument', `mode must be at most 0${MODE_BITS.toString(8)}`);
      await using desk = await sitDown(caller, start, signal);
      const nonce = randomBytes(6).toString('hex');
      const order = { path, name, mode, nonce };
      return await told(start.service, () => upload(desk.place, order, contentOf(messages), signal));
    }),
    Download: adapt.serverStream(async function* (request, { caller, signal }) {
      await using desk = await sitDown(caller, request, signal);
      const parts = download(desk.place, request.path, signal);
      try {
        for (;;) {
          const { done, value } = await told(request.service, () => parts.next());
          if (done) return;
          if (Buffer.isBuffer(value)) yield { data: value };
          else {
            const { path, size = 0, mode } = value;
            yield { file: { path, size, ...(mode !== undefined && { mode }) } };
          }
        }
      } finally {
        await parts.return();
      }
    }),
  };

  async function sitDown(caller: Caller, { service, reason }: Order, signal: AbortSignal) {
    const desk = new Desk();
    const request = { service, action: 'copy', kind: 'ssh', ...(reason && { reason }) } as const;
    const { lease } = await sessions.connect(caller, request, signal, desk.greet);
    const room = roomForBuffers();
    const leave = async (): Promise<void> => {
      room[Symbol.dispose]();
      desk.leave();
      await sessions.close(lease.id, 'closed');
    };
    try {
      const place: Workplace = await told(service, () => desk.opened);
      return { place, [Symbol.asyncDispose]: leave };
    } catch (error) {
      await leave();
      throw error;
    }
  }
}

/** With the service's name in front of what went wrong. */
async function told<T>(service: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toBrokerError(error).forService(service);
  }
}

/**
 * The data up to the client's word that this is all. A call that was cancelled just ends here, as one that is complete does.
 * @throws BrokerError `client_gone` where the word is missing.
 */
async function* contentOf(messages: AsyncIterator<UploadRequest__Output>): AsyncGenerator<Buffer, void, undefined> {
  for (let next = await messages.next(); !next.done; next = await messages.next()) {
    if (next.value.done) return;
    if (next.value.data) yield next.value.data;
  }
  throw new BrokerError('client_gone', 'the client left before it had said that this is all of the file');
}
