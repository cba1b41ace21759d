import type { ClientChannel } from 'ssh2';
import type { SessionNote } from '../../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../../core/errors.ts';
import { quoteServer } from '../../../core/quote.ts';
import { BlobReader, sshString, uint32 } from '../blob.ts';
import type { SshPolicy } from '../policy.ts';
import { type Answers, SftpFilter } from './filter.ts';
import { SftpPeer } from './peer.ts';
import { inPieces } from './pieces.ts';
import {
  type Attributes,
  attributes,
  type Packet,
  pathField,
  readAttributes,
  readName,
  STATUS,
  TYPE,
  VERSION_3,
} from './wire.ts';

/** Bytes that are under way for one file: what OpenSSH lets a channel have in flight. */
const WINDOW_BYTES = 2 * 1024 * 1024;
/** Bytes that one READ or WRITE moves where the server allows it (limits@openssh.com), and what every server takes (§3). */
const MOST_BYTES = 224 * 1024;
const SAFE_BYTES = 32 * 1024;
/** Bytes of a channel's packet (RFC 4253 §6.1: every server takes that much; OpenSSH no more). */
const PACKET_BYTES = 32 * 1024;

interface Waiting {
  readonly resolve: (reply: Packet) => void;
  readonly reject: (error: BrokerError) => void;
}

/**
 * The files of a server, for broker's own copying: an SFTP client whose requests pass the same filter as a stock client's.
 * Paths are byte strings (latin1). Every method throws BrokerError: `denied` by the policy, `upstream_refused` by the
 * server, `upstream_protocol`, or what ended the session.
 */
export class SftpFiles {
  readonly #filter: SftpFilter;
  readonly #pending = new Map<number, Waiting>();
  readonly #extensions = new Set<string>();
  #nextId = 0;
  #tail: Promise<void> = Promise.resolve();
  #version: (body: Buffer) => void = () => undefined;
  #lost: BrokerError | undefined;
  /** Bytes that one READ and one WRITE may move. */
  #readBytes = SAFE_BYTES;
  #writeBytes = SAFE_BYTES;

  private constructor(channel: ClientChannel, policy: SshPolicy, note: (note: SessionNote) => Promise<void>) {
    const peer = new SftpPeer(channel);
    const answers: Answers = {
      answer: async (type, ...fields) => this.#answered(type, fields),
    };
    this.#filter = new SftpFilter(peer, { answers, policy, note });
    channel.stderr.resume();
    const over = (cause?: unknown): void =>
      this.#lose(new BrokerError('upstream_protocol', 'the server ended the SFTP session', { cause }));
    peer
      .run(() => undefined)
      .then(
        () => over(),
        (thrown: unknown) => (thrown instanceof BrokerError ? this.#lose(thrown) : over(thrown)),
      );
  }

  /** @param channel on which the subsystem sftp runs. */
  static async start(
    channel: ClientChannel,
    policy: SshPolicy,
    note: (note: SessionNote) => Promise<void>,
  ): Promise<SftpFiles> {
    const files = new SftpFiles(channel, policy, note);
    await files.#begin();
    return files;
  }

  /** Whether the server has an extension that lets one do more than version 3 can. */
  offers(extension: string): boolean {
    return this.#extensions.has(extension);
  }

  /** Where a path leads, links followed; its last name need not be there. */
  async realPath(path: string): Promise<string> {
    const name = readName((await this.#expect(TYPE.NAME, path, TYPE.REALPATH, pathField(path))).body);
    if (name === undefined) throw malformed();
    return name;
  }

  /** undefined where nothing has this name. */
  async stat(path: string): Promise<Attributes | undefined> {
    const reply = await this.#ask(TYPE.STAT, pathField(path));
    if (reply.type === TYPE.STATUS && statusOf(reply).code === STATUS.NO_SUCH_FILE) return undefined;
    return readAttributes(this.#checked(reply, TYPE.ATTRS, path).body);
  }

  /** @param flags of OPEN. @param mode of a file that is made. @returns the handle. */
  async open(path: string, flags: number, mode?: number): Promise<Buffer> {
    const fields = [pathField(path), uint32(flags), attributes(mode)];
    return new BlobReader((await this.#expect(TYPE.HANDLE, path, TYPE.OPEN, ...fields)).body).string();
  }

  async fstat(handle: Buffer, path: string): Promise<Attributes> {
    return readAttributes((await this.#expect(TYPE.ATTRS, path, TYPE.FSTAT, sshString(handle))).body);
  }

  async chmod(handle: Buffer, path: string, mode: number): Promise<void> {
    await this.#done(path, TYPE.FSETSTAT, sshString(handle), attributes(mode));
  }

  /** @returns false where the server cannot. */
  async sync(handle: Buffer, path: string): Promise<boolean> {
    if (!this.offers('fsync@openssh.com')) return false;
    await this.#done(path, TYPE.EXTENDED, sshString('fsync@openssh.com'), sshString(handle));
    return true;
  }

  async close(handle: Buffer, path: string): Promise<void> {
    await this.#done(path, TYPE.CLOSE, sshString(handle));
  }

  async remove(path: string): Promise<void> {
    await this.#done(path, TYPE.REMOVE, pathField(path));
  }

  /** In place of whatever is there where the server can do that (posix-rename), else only where nothing is. */
  async rename(from: string, to: string): Promise<void> {
    const ends = [pathField(from), pathField(to)];
    if (this.offers('posix-rename@openssh.com'))
      await this.#done(to, TYPE.EXTENDED, sshString('posix-rename@openssh.com'), ...ends);
    else await this.#done(to, TYPE.RENAME, ...ends);
  }

  /** The content from its beginning to its end, in order; at most WINDOW_BYTES ahead of whoever takes it. */
  async *read(handle: Buffer, path: string): AsyncGenerator<Buffer, void, undefined> {
    const ahead: { readonly at: number; readonly reply: Promise<Packet> }[] = [];
    const chunk = this.#readBytes;
    const most = Math.floor(WINDOW_BYTES / chunk);
    let next = 0;
    let end: number | undefined = (await this.fstat(handle, path)).size ?? 0;
    for (;;) {
      // Beyond the end that it had at first one look is enough to see whether it has grown.
      while (ahead.length < most && (ahead.length === 0 || end === undefined || next < end)) {
        const reply = this.#readAt(handle, next, chunk);
        reply.catch(() => undefined);
        ahead.push({ at: next, reply });
        next += chunk;
      }
      const first = ahead.shift();
      if (!first) return;
      let data = this.#dataOf(await first.reply, path);
      if (!data) return;
      if (end !== undefined && first.at >= end) end = undefined;
      yield data;
      // A server may give less than was asked for; what comes behind it is on its way already.
      for (let got = data.length; got < chunk; got += data.length) {
        data = this.#dataOf(await this.#readAt(handle, first.at + got, chunk - got), path);
        if (!data) return;
        yield data;
      }
    }
  }

  /** Writes from the beginning on, at most WINDOW_BYTES ahead of the server. @returns how many bytes. */
  async write(handle: Buffer, path: string, source: AsyncIterable<Buffer>): Promise<number> {
    const ahead: Promise<void>[] = [];
    const chunk = wholePackets(this.#writeBytes, handle);
    const most = Math.floor(WINDOW_BYTES / chunk);
    let at = 0;
    for await (const { content, length } of inPieces(source, chunk)) {
      if (ahead.length >= most) await ahead.shift();
      const done = this.#ok(path, this.#send(TYPE.WRITE, [sshString(handle), uint64(at), uint32(length)], content));
      done.catch(() => undefined);
      ahead.push(done);
      at += length;
    }
    await Promise.all(ahead);
    return at;
  }

  async #begin(): Promise<void> {
    const answered = new Promise<Buffer>((resolve, reject) => {
      this.#version = resolve;
      this.#pending.set(-1, { resolve: () => undefined, reject });
    });
    this.#request({ type: TYPE.INIT, body: uint32(VERSION_3) });
    const reader = new BlobReader(await answered);
    this.#pending.delete(-1);
    while (reader.left > 0) {
      this.#extensions.add(reader.text());
      reader.string();
    }
    if (!this.offers('limits@openssh.com')) return;
    // uint64 packet, read, write (OpenSSH's PROTOCOL, §4.8); 0: no limit that the server knows of.
    const reply = await this.#ask(TYPE.EXTENDED, sshString('limits@openssh.com'));
    if (reply.type !== TYPE.EXTENDED_REPLY) return;
    const limit = (at: number): number => Math.min(MOST_BYTES, Number(reply.body.readBigUInt64BE(at)) || MOST_BYTES);
    this.#readBytes = limit(8);
    this.#writeBytes = limit(16);
  }

  #readAt(handle: Buffer, at: number, length: number): Promise<Packet> {
    return this.#ask(TYPE.READ, sshString(handle), uint64(at), uint32(length));
  }

  #dataOf(reply: Packet, path: string): Buffer | undefined {
    if (reply.type === TYPE.STATUS && statusOf(reply).code === STATUS.EOF) return undefined;
    const data = new BlobReader(this.#checked(reply, TYPE.DATA, path).body).string();
    if (data.length === 0 || data.length > this.#readBytes) throw malformed();
    return data;
  }

  async #done(path: string, type: number, ...fields: readonly Buffer[]): Promise<void> {
    await this.#ok(path, this.#ask(type, ...fields));
  }

  async #ok(path: string, asked: Promise<Packet>): Promise<void> {
    const reply = await asked;
    if (reply.type !== TYPE.STATUS) throw malformed();
    if (statusOf(reply).code !== STATUS.OK) throw failure(reply, path);
  }

  async #expect(wanted: number, path: string, type: number, ...fields: readonly Buffer[]): Promise<Packet> {
    return this.#checked(await this.#ask(type, ...fields), wanted, path);
  }

  #checked(reply: Packet, wanted: number, path: string): Packet {
    if (reply.type === wanted) return reply;
    throw reply.type === TYPE.STATUS ? failure(reply, path) : malformed();
  }

  #ask(type: number, ...fields: readonly Buffer[]): Promise<Packet> {
    return this.#send(type, fields);
  }

  #send(type: number, fields: readonly Buffer[], content: readonly Buffer[] = []): Promise<Packet> {
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#request({ type, body: Buffer.concat([uint32(id), ...fields]), content });
    });
  }

  #request(request: Packet): void {
    if (this.#lost) this.#lose(this.#lost);
    this.#tail = this.#tail
      .then(() => (this.#lost ? undefined : this.#filter.handle(request)))
      .catch((thrown: unknown) => this.#lose(toBrokerError(thrown)));
  }

  #answered(type: number, [id, ...fields]: readonly Buffer[]): void {
    const body = fields.length === 1 && fields[0] ? fields[0] : Buffer.concat(fields);
    if (type === TYPE.VERSION) this.#version(body);
    else {
      const asked = id?.readUInt32BE() ?? -1;
      this.#pending.get(asked)?.resolve({ type, body });
      this.#pending.delete(asked);
    }
  }

  #lose(error: BrokerError): void {
    this.#lost = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/**
 * As many bytes as a WRITE may have and still fill its channel's packets: a few bytes more would make one of their own.
 * uint32 length, byte type, uint32 id, string handle, uint64 offset, string data.
 */
function wholePackets(limit: number, handle: Buffer): number {
  const overhead = 4 + 1 + 4 + 4 + handle.length + 8 + 4;
  const packets = Math.max(1, Math.floor((limit + overhead) / PACKET_BYTES));
  return Math.min(limit, packets * PACKET_BYTES - overhead);
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function statusOf({ body }: Packet): { readonly code: number; readonly message: string } {
  const reader = new BlobReader(body);
  const code = reader.uint32();
  return { code, message: reader.left > 0 ? reader.text() : '' };
}

function failure(reply: Packet, path: string): BrokerError {
  const { code, message } = statusOf(reply);
  if (message.startsWith('broker: ')) return new BrokerError('denied', message.slice('broker: '.length));
  const shown = quoteServer(Buffer.from(path, 'latin1').toString('utf8'));
  const words =
    code === STATUS.NO_SUCH_FILE
      ? 'there is no such file'
      : code === STATUS.PERMISSION_DENIED
        ? 'the server does not permit it'
        : `the server says "${quoteServer(message) || `status ${code}`}"`;
  return new BrokerError('upstream_refused', `${shown}: ${words}`, { hop: 'session' });
}

function malformed(): BrokerError {
  return new BrokerError('upstream_protocol', 'the server sent an SFTP answer that does not fit', { hop: 'session' });
}
