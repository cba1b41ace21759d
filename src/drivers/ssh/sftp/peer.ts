import type { ClientChannel } from 'ssh2';
import { BrokerError } from '../../../core/errors.ts';
import { BlobReader, uint32 } from '../blob.ts';
import { chunksOf } from '../output.ts';
import { type Packet, Packets, packet, TYPE, VERSION_3 } from './wire.ts';

/** Requests that wait for their answer. */
const MAX_PENDING = 4_096;

export type OnReply = (reply: Packet) => void | Promise<void>;

/**
 * The server's end of an SFTP session: requests under ids of our own, so that ours and the client's cannot be taken for
 * each other.
 */
export class SftpPeer {
  readonly #channel: ClientChannel;
  readonly #pending = new Map<number, OnReply>();
  #nextId = 0;
  #version: ((body: Buffer) => void) | undefined;

  constructor(channel: ClientChannel) {
    this.#channel = channel;
  }

  /** @returns the body of the server's VERSION. @throws BrokerError `upstream_protocol` for another version than 3. */
  async init(): Promise<Buffer> {
    const answered = new Promise<Buffer>((resolve) => {
      this.#version = resolve;
    });
    await this.#write(packet(TYPE.INIT, uint32(VERSION_3)));
    const body = await answered;
    if (body.length < 4 || body.readUInt32BE(0) !== VERSION_3)
      throw new BrokerError('upstream_protocol', 'the server does not speak version 3 of SFTP');
    return body;
  }

  /** Sends a request; `onReply` gets its answer, whose body begins behind the id. Waits for a server that is slow. */
  async send({ type, body, content = [] }: Packet, onReply: OnReply): Promise<void> {
    if (this.#pending.size >= MAX_PENDING)
      throw new BrokerError('client_protocol', `the client sent ${MAX_PENDING} requests without waiting`);
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    this.#pending.set(id, onReply);
    await this.#write(packet(type, uint32(id), body, ...content));
  }

  /** A request of our own. */
  ask(type: number, body: Buffer): Promise<Packet> {
    return new Promise((resolve, reject) => {
      this.send({ type, body }, resolve).catch(reject);
    });
  }

  /** Delivers what the server sends, in order, until its end. @throws BrokerError `upstream_protocol`. */
  async run(seen: (bytes: Buffer) => void): Promise<void> {
    const packets = new Packets('upstream');
    for await (const chunk of chunksOf(this.#channel)) {
      seen(chunk);
      for (const { type, body } of packets.push(chunk)) {
        if (type === TYPE.VERSION) {
          this.#version?.(body);
          continue;
        }
        const id = new BlobReader(body).uint32();
        const onReply = this.#pending.get(id);
        if (!onReply)
          throw new BrokerError('upstream_protocol', 'the server answered an SFTP request that was never sent');
        this.#pending.delete(id);
        await onReply({ type, body: body.subarray(4) });
      }
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    const channel = this.#channel;
    if (channel.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        channel.off('drain', done).off('close', done);
        resolve();
      };
      channel.once('drain', done).once('close', done);
    });
  }
}
