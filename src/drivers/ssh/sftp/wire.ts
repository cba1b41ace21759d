import { BrokerError } from '../../../core/errors.ts';
import { BlobReader, sshString, uint32 } from '../blob.ts';

/** SFTP version 3 (draft-ietf-secsh-filexfer-02), the one that OpenSSH speaks: types of packets. */
export const TYPE = {
  INIT: 1,
  VERSION: 2,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED: 200,
  EXTENDED_REPLY: 201,
} as const;

/** Status codes (§7). */
export const STATUS = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  OP_UNSUPPORTED: 8,
} as const;
/** Flags of OPEN (§6.3). */
export const OPEN_READ = 1;
export const OPEN_WRITE = 2;
export const OPEN_CREATE = 8;
export const OPEN_EXCLUSIVE = 32;
export const VERSION_3 = 3;

/** Bytes of one packet behind its length: OpenSSH's own limit (sftp-common.h, SFTP_MAX_MSG_LENGTH). */
export const MAX_PACKET_BYTES = 256 * 1024;

export interface Packet {
  readonly type: number;
  /** Everything behind the type. */
  readonly body: Buffer;
  /** The end of the body of a WRITE, where it is kept apart: the content is then copied once, into what is sent. */
  readonly content?: readonly Buffer[];
}

/** Cuts a stream into packets: uint32 length, byte type, body. */
export class Packets {
  readonly #side: 'client' | 'upstream';
  #parts: Buffer[] = [];
  #length = 0;

  constructor(side: 'client' | 'upstream') {
    this.#side = side;
  }

  /** @throws BrokerError `client_protocol` | `upstream_protocol` for a length that cannot be. */
  push(chunk: Buffer): Packet[] {
    const packets: Packet[] = [];
    for (let rest = chunk; ; ) {
      const wanted = this.#wanted(rest);
      if (wanted === undefined || this.#length + rest.length < wanted) {
        if (rest.length > 0) this.#parts.push(rest);
        this.#length += rest.length;
        return packets;
      }
      // Only what came in parts is copied.
      const last = rest.subarray(0, wanted - this.#length);
      const whole = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last], wanted);
      packets.push({ type: whole[4] ?? 0, body: whole.subarray(5) });
      rest = rest.subarray(last.length);
      this.#parts = [];
      this.#length = 0;
    }
  }

  /** Bytes of the packet that comes next, its length field included; undefined while that is not there. */
  #wanted(rest: Buffer): number | undefined {
    if (this.#length + rest.length < 4) return undefined;
    const [first = rest] = this.#parts;
    const head = first.length >= 4 ? first : Buffer.concat([...this.#parts, rest.subarray(0, 4)]);
    const length = head.readUInt32BE(0);
    if (length < 1 || length > MAX_PACKET_BYTES) {
      const who = this.#side === 'client' ? 'the client' : 'the server';
      throw new BrokerError(`${this.#side}_protocol`, `${who} sent an SFTP packet of ${length} bytes`);
    }
    return length + 4;
  }
}

export function packet(type: number, ...fields: readonly Buffer[]): Buffer {
  const length = fields.reduce((sum, field) => sum + field.length, 1);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length);
  head[4] = type;
  return Buffer.concat([head, ...fields], 4 + length);
}

/** The body of a STATUS after its id: uint32 code, string message, string language. */
export function statusBody(code: number, message: string): Buffer {
  return Buffer.concat([uint32(code), sshString(message), sshString('en')]);
}

/** A path as SFTP has it: bytes of no known encoding, here one character each. */
export function pathField(path: string): Buffer {
  return sshString(Buffer.from(path, 'latin1'));
}

export function readPath(reader: BlobReader): string {
  return reader.string().toString('latin1');
}

/** The one name of a NAME packet that answers REALPATH: uint32 count, string name, ... */
export function readName(body: Buffer): string | undefined {
  const reader = new BlobReader(body);
  return reader.uint32() === 1 ? readPath(reader) : undefined;
}

const S_IFMT = 0o170000;
const TYPES = new Map([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
] as const);
const HAS = { size: 1, owner: 2, permissions: 4, times: 8 } as const;

/** What an ATTRS body says (§5). */
export interface Attributes {
  /** `unknown` where the server does not say: it could be anything. */
  readonly type: 'file' | 'folder' | 'link' | 'other' | 'unknown';
  readonly size: number | undefined;
  /** The nine permission bits. */
  readonly mode: number | undefined;
}

/** uint32 flags, uint64 size, uint32 uid and gid, uint32 permissions, times; those that the flags name. @throws RangeError */
export function readAttributes(body: Buffer): Attributes {
  const reader = new BlobReader(body);
  const flags = reader.uint32();
  const size = flags & HAS.size ? reader.uint32() * 2 ** 32 + reader.uint32() : undefined;
  if (flags & HAS.owner) reader.skip(8);
  if (!(flags & HAS.permissions)) return { type: 'unknown', size, mode: undefined };
  const permissions = reader.uint32();
  const known = [...TYPES].find(([bits]) => bits === (permissions & S_IFMT));
  return { type: known?.[1] ?? 'other', size, mode: permissions & 0o777 };
}

/** Attributes that say the permissions, or nothing. */
export function attributes(mode: number | undefined): Buffer {
  return mode === undefined ? uint32(0) : Buffer.concat([uint32(HAS.permissions), uint32(mode)]);
}

/** Attributes without a type could be a link's. */
export function isLink(body: Buffer): boolean {
  const { type } = readAttributes(body);
  return type === 'link' || type === 'unknown';
}
