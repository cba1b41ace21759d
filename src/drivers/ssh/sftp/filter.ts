import type { ClientChannel, ServerChannel } from 'ssh2';
import type { SessionNote } from '../../../core/driver.ts';
import { BrokerError } from '../../../core/errors.ts';
import { BlobReader, sshString, uint32 } from '../blob.ts';
import { chunksOf, type Output } from '../output.ts';
import { decide, isBelow, type SshPolicy, type SshRequest } from '../policy.ts';
import { PathFailure, RealPaths } from './paths.ts';
import { SftpPeer } from './peer.ts';
import {
  OPEN_READ,
  OPEN_WRITE,
  type Packet,
  Packets,
  packet,
  pathField,
  readPath,
  STATUS,
  statusBody,
  TYPE,
  VERSION_3,
} from './wire.ts';

type Access = Extract<SshRequest, { type: 'path' }>['access'];

/** Extensions whose meaning we know, in OpenSSH's PROTOCOL file; what is not here is neither offered nor passed on. */
const EXTENSIONS = [
  'posix-rename@openssh.com',
  'statvfs@openssh.com',
  'fstatvfs@openssh.com',
  'fsync@openssh.com',
  'lsetstat@openssh.com',
  'limits@openssh.com',
];

/** What an open handle may be used for. */
interface Uses {
  readonly read: boolean;
  readonly write: boolean;
}

const FOLDER: Uses = { read: true, write: false };

/** A request that is not let through; the message is for the client. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Where the answers go; resolves when it takes the next one. */
export interface Answers {
  /** @param fields the first is the id of what is answered; that of VERSION its number. */
  answer(type: number, ...fields: readonly Buffer[]): Promise<void>;
}

/** What the session of one client is made of. */
interface Parts {
  readonly answers: Answers;
  readonly policy: SshPolicy;
  readonly note: (note: SessionNote) => Promise<void>;
}

/**
 * An SFTP session in which every path is checked (MECHANISMS §5). Requests about an open file pass; requests with a path
 * in them wait until the server has said what the path really is, and go on with the real one. Links cannot be made.
 * Returns when either side has ended.
 */
export async function filterSftp(
  local: ServerChannel,
  up: ClientChannel,
  output: Output,
  policy: SshPolicy,
  note: (note: SessionNote) => Promise<void>,
  seenUp: (bytes: Buffer) => void,
  seenDown: (bytes: Buffer) => void,
): Promise<void> {
  const peer = new SftpPeer(up);
  const answers: Answers = { answer: (type, ...fields) => output.write(packet(type, ...fields)) };
  const filter = new SftpFilter(peer, { answers, policy, note });
  const fromServer = peer.run(seenDown);
  const fromClient = async (): Promise<void> => {
    const packets = new Packets('client');
    for await (const chunk of chunksOf(local)) {
      seenUp(chunk);
      for (const request of packets.push(chunk)) await filter.handle(request);
    }
  };
  up.stderr.resume();
  const read = fromClient();
  // When one side has ended or failed the other is not waited for: its own end comes with the channel's.
  read.catch(() => undefined);
  fromServer.catch(() => undefined);
  await Promise.race([read, fromServer]);
}

/** The requests of one client, each of them judged. */
export class SftpFilter {
  readonly #peer: SftpPeer;
  readonly #paths: RealPaths;
  readonly #parts: Parts;
  readonly #handles = new Map<string, Uses>();
  #ready = false;

  constructor(peer: SftpPeer, parts: Parts) {
    this.#peer = peer;
    this.#paths = new RealPaths(peer);
    this.#parts = parts;
  }

  /**
   * Requests are taken one after the other, so that a check is about what the request before it has left.
   * @throws BrokerError `client_protocol`; what ends the session.
   */
  async handle(request: Packet): Promise<void> {
    const { type, body } = request;
    if (type === TYPE.INIT) return await this.#init();
    if (!this.#ready || body.length < 4) throw new BrokerError('client_protocol', 'the client sent no SFTP request');
    const id = body.subarray(0, 4);
    try {
      await this.#request(id, { ...request, body: body.subarray(4) });
    } catch (error) {
      if (error instanceof PathFailure) await this.#failed(id, error);
      else if (error instanceof Refusal) await this.#status(id, error.status, error.message);
      else if (error instanceof RangeError) await this.#status(id, STATUS.BAD_MESSAGE, 'broker: malformed request');
      else throw error;
    }
  }

  /** uint32 version, then pairs of extension name and data: ours are those of the server that we know. */
  async #init(): Promise<void> {
    if (this.#ready) throw new BrokerError('client_protocol', 'the client began SFTP twice');
    this.#ready = true;
    const reader = new BlobReader(await this.#peer.init());
    const offered = [uint32(reader.uint32() && VERSION_3)];
    while (reader.left > 0) {
      const [name, data] = [reader.text(), reader.string()];
      if (EXTENSIONS.includes(name)) offered.push(sshString(name), sshString(data));
    }
    await this.#parts.answers.answer(TYPE.VERSION, ...offered);
  }

  async #request(id: Buffer, request: Packet): Promise<void> {
    const { type, body } = request;
    const reader = new BlobReader(body);
    const rest = (): Buffer => body.subarray(body.length - reader.left);
    switch (type) {
      case TYPE.READ:
      case TYPE.READDIR:
        this.#handle(reader, 'read');
        return await this.#pass(id, request);
      case TYPE.FSTAT:
        this.#handle(reader);
        return await this.#pass(id, request);
      case TYPE.WRITE:
      case TYPE.FSETSTAT:
        this.#handle(reader, 'write');
        return await this.#pass(id, request);
      case TYPE.CLOSE:
        this.#handle(reader);
        this.#handles.delete(new BlobReader(body).string().toString('latin1'));
        return await this.#pass(id, request);
      case TYPE.OPEN:
        return await this.#open(id, readPath(reader), rest());
      case TYPE.OPENDIR:
        return await this.#opened(type, id, pathField(await this.#allowed('read', readPath(reader), true)), FOLDER);
      case TYPE.LSTAT:
        return await this.#pass(id, { type, body: pathField(await this.#allowed('stat', readPath(reader), false)) });
      case TYPE.STAT:
        return await this.#pass(id, { type, body: pathField(await this.#allowed('stat', readPath(reader), true)) });
      case TYPE.READLINK:
        return await this.#pass(id, { type, body: pathField(await this.#allowed('read', readPath(reader), false)) });
      case TYPE.SETSTAT: {
        const path = await this.#changed('setstat', readPath(reader), true);
        return await this.#pass(id, { type, body: Buffer.concat([pathField(path), rest()]) });
      }
      case TYPE.MKDIR: {
        const path = await this.#changed('mkdir', readPath(reader), false);
        return await this.#pass(id, { type, body: Buffer.concat([pathField(path), rest()]) });
      }
      case TYPE.REMOVE:
        return await this.#pass(id, { type, body: pathField(await this.#changed('remove', readPath(reader), false)) });
      case TYPE.RMDIR:
        return await this.#pass(id, { type, body: pathField(await this.#changed('rmdir', readPath(reader), false)) });
      case TYPE.RENAME:
        return await this.#pass(id, { type, body: await this.#bothEnds(reader) });
      case TYPE.REALPATH:
        return await this.#realPath(id, readPath(reader));
      case TYPE.SYMLINK:
        throw new Refusal(STATUS.PERMISSION_DENIED, 'broker: links are not made over SFTP');
      case TYPE.EXTENDED:
        return await this.#extended(id, reader.text(), reader, body);
      default:
        throw new Refusal(STATUS.OP_UNSUPPORTED, 'broker: not supported');
    }
  }

  /** string name, then what the extension defines (OpenSSH's PROTOCOL, §4). */
  async #extended(id: Buffer, name: string, reader: BlobReader, body: Buffer): Promise<void> {
    const send = (rest: Buffer): Promise<void> =>
      this.#pass(id, { type: TYPE.EXTENDED, body: Buffer.concat([sshString(name), rest]) });
    switch (name) {
      case 'posix-rename@openssh.com':
        return await send(await this.#bothEnds(reader));
      case 'statvfs@openssh.com':
        return await send(pathField(await this.#allowed('stat', readPath(reader), true)));
      case 'lsetstat@openssh.com': {
        const path = await this.#changed('setstat', readPath(reader), false);
        return await send(Buffer.concat([pathField(path), body.subarray(body.length - reader.left)]));
      }
      case 'fsync@openssh.com':
      case 'fstatvfs@openssh.com':
        this.#handle(reader);
        return await this.#pass(id, { type: TYPE.EXTENDED, body });
      case 'limits@openssh.com':
        return await send(Buffer.alloc(0));
      default:
        throw new Refusal(STATUS.OP_UNSUPPORTED, 'broker: this extension is not supported');
    }
  }

  /** string path, uint32 flags, attributes. OpenSSH opens for reading whatever does not say that it is to be written. */
  async #open(id: Buffer, path: string, rest: Buffer): Promise<void> {
    const flags = new BlobReader(rest).uint32();
    const write = (flags & ~OPEN_READ) !== 0;
    const read = (flags & OPEN_READ) !== 0 || (flags & OPEN_WRITE) === 0;
    const real = await this.#paths.resolve(path, true);
    if (read) this.#check('read', real);
    if (write) this.#check('write', real);
    await this.#record(write ? 'write' : 'read', real);
    await this.#opened(TYPE.OPEN, id, Buffer.concat([pathField(real), rest]), { read, write });
  }

  async #opened(type: number, id: Buffer, body: Buffer, uses: Uses): Promise<void> {
    await this.#peer.send({ type, body }, async (reply) => {
      if (reply.type === TYPE.HANDLE) this.#handles.set(new BlobReader(reply.body).string().toString('latin1'), uses);
      await this.#parts.answers.answer(reply.type, id, reply.body);
    });
  }

  /**
   * What may be read was readable wherever it was before, so that no order of renames, in however many sessions, shows what
   * may only be written.
   */
  async #bothEnds(reader: BlobReader): Promise<Buffer> {
    const from = await this.#changeable('move', readPath(reader), false);
    const to = await this.#changeable('move', readPath(reader), false);
    const shows = this.#may('read', to) || this.#parts.policy.sftpRead.some((root) => isBelow(root, to));
    if (shows && !this.#may('read', from))
      throw new Refusal(
        STATUS.PERMISSION_DENIED,
        'broker: what may not be read is not moved to where it may (sftp_read)',
      );
    for (const path of [from, to]) await this.#record('rename', path);
    return Buffer.concat([pathField(from), pathField(to)]);
  }

  /** A path is told where one may look, and on the way there; where one stands always. */
  async #realPath(id: Buffer, path: string): Promise<void> {
    const real = path === '' || path === '.' ? await this.#paths.home() : await this.#paths.resolve(path, true);
    const { sftpRead, sftpWrite } = this.#parts.policy;
    const onTheWay = [...sftpRead, ...sftpWrite].some((root) => isBelow(root, real));
    if (!onTheWay && path !== '' && path !== '.') this.#check('stat', real);
    const field = pathField(real);
    // uint32 count, string name, string longname, attributes without any.
    await this.#parts.answers.answer(TYPE.NAME, id, uint32(1), field, field, uint32(0));
  }

  /** @returns the real path. @throws Refusal */
  async #allowed(access: Access, path: string, follow: boolean): Promise<string> {
    const real = await this.#paths.resolve(path, follow);
    this.#check(access, real);
    return real;
  }

  /** @returns the real path of what is to be changed, which then is on record. @throws Refusal */
  async #changed(what: string, path: string, follow: boolean): Promise<string> {
    const real = await this.#changeable('write', path, follow);
    await this.#record(what, real);
    return real;
  }

  /** A change of what a name stands for is one of the folder, too. @throws Refusal */
  async #changeable(access: 'write' | 'move', path: string, follow: boolean): Promise<string> {
    const real = await this.#paths.resolve(path, follow);
    this.#check(access, real);
    if (!follow) this.#check('write', real.slice(0, real.lastIndexOf('/')) || '/');
    return real;
  }

  #check(access: Access, path: string): void {
    const decision = decide(this.#parts.policy, { type: 'path', access, path });
    if (!decision.allowed) throw new Refusal(STATUS.PERMISSION_DENIED, `broker: ${decision.why}`);
  }

  #may(access: Access, path: string): boolean {
    return decide(this.#parts.policy, { type: 'path', access, path }).allowed;
  }

  #handle(reader: BlobReader, use?: keyof Uses): void {
    const known = this.#handles.get(reader.string().toString('latin1'));
    if (!known) throw new Refusal(STATUS.FAILURE, 'broker: no such handle');
    if (use && !known[use])
      throw new Refusal(
        STATUS.PERMISSION_DENIED,
        `broker: the file is not open for ${use === 'read' ? 'reading' : 'writing'}`,
      );
  }

  async #pass(id: Buffer, request: Packet): Promise<void> {
    await this.#peer.send(request, (reply) => this.#parts.answers.answer(reply.type, id, reply.body));
  }

  async #record(what: string, path: string): Promise<void> {
    const shown = Buffer.from(path, 'latin1').toString('utf8');
    await this.#parts.note({ action: 'ssh.file', outcome: 'intent', detail: { access: what, path: shown } });
  }

  /** The server's reason, where the client could look by itself; elsewhere not even whether something is there. */
  async #failed(id: Buffer, { reply, path }: PathFailure): Promise<void> {
    const visible = path.startsWith('/') && this.#may('stat', path);
    if (visible && !path.split('/').includes('..') && reply.type === TYPE.STATUS)
      return await this.#parts.answers.answer(TYPE.STATUS, id, reply.body);
    await this.#status(id, STATUS.PERMISSION_DENIED, 'broker: not allowed here (sftp_read, sftp_write)');
  }

  async #status(id: Buffer, code: number, message: string): Promise<void> {
    await this.#parts.answers.answer(TYPE.STATUS, id, statusBody(code, message));
  }
}
