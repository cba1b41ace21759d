import type { ClientChannel } from 'ssh2';
import type { SessionNote } from '../../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../../core/errors.ts';
import { quoteServer } from '../../../core/quote.ts';
import { BlobReader, sshString, uint32 } from '../blob.ts';
import type { SshPolicy } from '../policy.ts';
import { SftpFilter } from './filter.ts';
import { SftpPeer } from './peer.ts';
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

/** Bytes that one READ or WRITE moves where the server allows it (limits@openssh.com), and what every server takes (§3). */
const CHUNK_BYTES = 64 * 1024;
const SAFE_CHUNK_BYTES = 32 * 1024;
/** Requests under way for one file: with the chunk, what is in memory of it. */
const WINDOW = 32;

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
  #chunk = SAFE_CHUNK_BYTES;

  private constructor(channel: ClientChannel, policy: SshPolicy, note: (note: SessionNote) => Promise<void>) {
    const peer = new SftpPeer(channel);
    const output = {
      write: (bytes: Buffer): Promise<void> => {
        this.#answered(bytes);
        return Promise.resolve();
      },
    };
    this.#filter = new SftpFilter(peer, { output, policy, note });
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

  /** The content from its beginning to its end, in order; at most WINDOW chunks ahead of whoever takes it. */
  async *read(handle: Buffer, path: string): AsyncGenerator<Buffer, void, undefined> {
    const ahead: { readonly at: number; readonly reply: Promise<Packet> }[] = [];
    let next = 0;
    let end: number | undefined = (await this.fstat(handle, path)).size ?? 0;
    for (;;) {
      // Beyond the end that it had at first one look is enough to see whether it has grown.
      while (ahead.length < WINDOW && (ahead.length === 0 || end === undefined || next < end)) {
        const reply = this.#readAt(handle, next);
        reply.catch(() => undefined);
        ahead.push({ at: next, reply });
        next += this.#chunk;
      }
      const first = ahead.shift();
      if (!first) return;
      let data = this.#dataOf(await first.reply, path);
      if (!data) return;
      if (end !== undefined && first.at >= end) end = undefined;
      yield data;
      // A server may give less than was asked for; what comes behind it is on its way already.
      for (let got = data.length; got < this.#chunk; got += data.length) {
        data = this.#dataOf(await this.#readAt(handle, first.at + got, this.#chunk - got), path);
        if (!data) return;
        yield data;
      }
    }
  }

  /** Writes from the beginning on. @returns how many bytes. */
  async write(handle: Buffer, path: string, source: AsyncIterable<Buffer>): Promise<number> {
    const ahead: Promise<void>[] = [];
    let at = 0;
    for await (const bytes of source) {
      for (let start = 0; start < bytes.length; start += this.#chunk) {
        if (ahead.length >= WINDOW) await ahead.shift();
        const data = bytes.subarray(start, start + this.#chunk);
        const done = this.#done(path, TYPE.WRITE, sshString(handle), uint64(at), uint32(data.length), data);
        done.catch(() => undefined);
        ahead.push(done);
        at += data.length;
      }
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
    reader.uint32();
    while (reader.left > 0) {
      this.#extensions.add(reader.text());
      reader.string();
    }
    if (!this.offers('limits@openssh.com')) return;
    // uint64 packet, read, write (OpenSSH's PROTOCOL, §4.8); 0: no limit that the server knows of.
    const reply = await this.#ask(TYPE.EXTENDED, sshString('limits@openssh.com'));
    if (reply.type !== TYPE.EXTENDED_REPLY) return;
    const limits = [8, 16].map((at) => Number(reply.body.readBigUInt64BE(at)) || CHUNK_BYTES);
    this.#chunk = Math.min(CHUNK_BYTES, ...limits);
  }

  #readAt(handle: Buffer, at: number, length = this.#chunk): Promise<Packet> {
    return this.#ask(TYPE.READ, sshString(handle), uint64(at), uint32(length));
  }

  #dataOf(reply: Packet, path: string): Buffer | undefined {
    if (reply.type === TYPE.STATUS && statusOf(reply).code === STATUS.EOF) return undefined;
    const data = new BlobReader(this.#checked(reply, TYPE.DATA, path).body).string();
    if (data.length === 0 || data.length > this.#chunk) throw malformed();
    return data;
  }

  async #done(path: string, type: number, ...fields: readonly Buffer[]): Promise<void> {
    const reply = await this.#ask(type, ...fields);
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
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#request({ type, body: Buffer.concat([uint32(id), ...fields]) });
    });
  }

  #request(request: Packet): void {
    if (this.#lost) this.#lose(this.#lost);
    this.#tail = this.#tail
      .then(() => (this.#lost ? undefined : this.#filter.handle(request)))
      .catch((thrown: unknown) => this.#lose(toBrokerError(thrown)));
  }

  /** uint32 length, byte type, uint32 id, and the rest; VERSION has no id. */
  #answered(bytes: Buffer): void {
    const type = bytes[4] ?? 0;
    if (type === TYPE.VERSION) this.#version(bytes.subarray(5));
    else {
      const id = bytes.readUInt32BE(5);
      this.#pending.get(id)?.resolve({ type, body: bytes.subarray(9) });
      this.#pending.delete(id);
    }
  }

  #lose(error: BrokerError): void {
    this.#lost = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
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
