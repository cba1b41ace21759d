import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ClientChannel } from 'ssh2';
import { BlobReader, sshString, uint32 } from '../../../src/drivers/ssh/blob.ts';
import { readPolicy } from '../../../src/drivers/ssh/policy.ts';
import { SftpFiles } from '../../../src/drivers/ssh/sftp/files.ts';
import {
  OPEN_CREATE,
  OPEN_READ,
  OPEN_WRITE,
  type Packet,
  Packets,
  packet,
  pathField,
  STATUS,
  statusBody,
  TYPE,
} from '../../../src/drivers/ssh/sftp/wire.ts';

const NONE = {
  allowed_commands: [],
  allow_any_command: false,
  posix_shell: false,
  sftp_read: ['/f'],
  sftp_write: ['/f'],
};
const CLOSED = {
  allow_shell: false,
  allow_pty: false,
  allow_env: [],
  allow_subsystems: [],
  allow_agent: false,
  allow_forward: [],
};
/** What one copy may have asked for and not got: 2 MiB, in requests of 32 KiB where the server states no limits. */
const MOST_REQUESTS = 64;

type Fields = readonly [type: number, ...fields: Buffer[]];

/** An SFTP server that answers READ and WRITE when it is told to: a real one is never slow or short on demand. */
class Slow extends Duplex {
  readonly stderr = new PassThrough();
  readonly seen: Packet[] = [];
  readonly #packets = new Packets('client');
  readonly #size: number;
  /** READ and WRITE that wait. */
  readonly held: Packet[] = [];
  /** What its version 3 has more: [name, data] each. */
  extensions: readonly (readonly [string, string])[] = [];
  /** Its answer to LSTAT. */
  looked: Fields = [TYPE.STATUS, statusBody(STATUS.NO_SUCH_FILE, '')];
  /** Answers to READ and WRITE at once, if there. */
  answer: ((request: Packet) => Fields) | undefined;

  constructor(size: number) {
    super();
    this.#size = size;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (const request of this.#packets.push(Buffer.from(chunk))) this.#serve(request);
    done();
  }

  reply({ body }: Packet, [type, ...fields]: Fields): void {
    this.push(packet(type, body.subarray(0, 4), ...fields));
  }

  #serve(request: Packet): void {
    this.seen.push(request);
    const { type, body } = request;
    if (type === TYPE.INIT)
      this.push(packet(TYPE.VERSION, uint32(3), ...this.extensions.flat().map((text) => sshString(text))));
    else if (type === TYPE.EXTENDED) this.reply(request, [TYPE.EXTENDED_REPLY, LIMITS]);
    else if (type === TYPE.READ || type === TYPE.WRITE) {
      if (this.answer) this.reply(request, this.answer(request));
      else this.held.push(request);
    } else if (type === TYPE.REALPATH) {
      const path = pathField(new BlobReader(body.subarray(4)).string().toString('latin1'));
      this.reply(request, [TYPE.NAME, uint32(1), path, path, uint32(0)]);
    } else if (type === TYPE.OPEN) this.reply(request, [TYPE.HANDLE, sshString('h')]);
    else if (type === TYPE.FSTAT) this.reply(request, [TYPE.ATTRS, uint32(1), uint32(0), uint32(this.#size)]);
    else if (type === TYPE.LSTAT) this.reply(request, this.looked);
    else this.reply(request, [TYPE.STATUS, statusBody(STATUS.OK, '')]);
  }
}

const start = (server: Slow): Promise<SftpFiles> =>
  SftpFiles.start(server as unknown as ClientChannel, readPolicy({ ...NONE, ...CLOSED }), async () => undefined);
/** uint64 packet, read, write, handles: those of OpenSSH 9. */
const LIMITS = Buffer.concat(
  [262_144, 261_120, 261_120, 1_014].map((limit) => Buffer.concat([uint32(0), uint32(limit)])),
);
const OK: Fields = [TYPE.STATUS, statusBody(STATUS.OK, '')];

/** Until nothing has moved for some turns of the loop. */
async function settled(count: () => number): Promise<void> {
  for (let before = -1, still = 0; still < 20; still = before === count() ? still + 1 : 0) {
    before = count();
    await turn();
  }
}

test('a server that does not take what is written is not given more than the window, and the source is not read on', async () => {
  const server = new Slow(0);
  const files = await start(server);
  const handle = await files.open('/f/x', OPEN_WRITE | OPEN_CREATE);
  let taken = 0;
  async function* source() {
    for (; taken < 500; taken++) yield Buffer.alloc(32 * 1024, taken);
  }
  const written = files.write(handle, '/f/x', source());
  await settled(() => server.held.length);
  assert.equal(server.held.length, MOST_REQUESTS);
  assert(taken <= MOST_REQUESTS + 1, `${taken} chunks were read`);
  server.answer = () => OK;
  for (const request of server.held.splice(0)) server.reply(request, OK);
  assert.equal(await written, 500 * 32 * 1024);
});

test('where the server allows it a WRITE fills its channel’s packets of 32 KiB, whatever pieces the source comes in', async () => {
  const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 7) % 251));
  for (const piece of [1_000, 131_072, 1_000_000]) {
    const server = new Slow(0);
    server.extensions = [['limits@openssh.com', '1']];
    server.answer = () => OK;
    const files = await start(server);
    const handle = await files.open('/f/x', OPEN_WRITE | OPEN_CREATE);
    async function* source() {
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
    }
    assert.equal(await files.write(handle, '/f/x', source()), bytes.length);
    const writes = server.seen.filter(({ type }) => type === TYPE.WRITE).map(({ body }) => body);
    // uint32 length, byte type, and the body: uint32 id, string handle, uint64 offset, string data.
    for (const body of writes.slice(0, -1)) assert.equal(5 + body.length, 7 * 32 * 1024);
    const written = Buffer.alloc(bytes.length);
    for (const body of writes) body.copy(written, Number(body.readBigUInt64BE(9)), 21);
    assert(written.equals(bytes), 'every byte is where it belongs');
  }
});

test('a reader that takes nothing is not read ahead for by more than the window', async () => {
  const server = new Slow(100_000_000);
  const files = await start(server);
  const handle = await files.open('/f/x', OPEN_READ);
  server.answer = () => [TYPE.DATA, sshString(Buffer.alloc(32 * 1024))];
  const reads = (): number => server.seen.filter(({ type }) => type === TYPE.READ).length;
  const content = files.read(handle, '/f/x');
  for (const after of [0, 1, 2]) {
    await content.next();
    await settled(reads);
    assert.equal(reads(), MOST_REQUESTS + after);
  }
});

test('short reads are completed, and the bytes stay in order', async () => {
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) % 251));
  const server = new Slow(bytes.length);
  const files = await start(server);
  const handle = await files.open('/f/x', OPEN_READ);
  server.answer = ({ body }) => {
    const at = Number(body.readBigUInt64BE(9));
    const data = bytes.subarray(at, at + Math.min(body.readUInt32BE(17), 9_000));
    return data.length > 0 ? [TYPE.DATA, sshString(data)] : [TYPE.STATUS, statusBody(STATUS.EOF, '')];
  };
  const parts: Buffer[] = [];
  for await (const part of files.read(handle, '/f/x')) parts.push(part);
  assert(Buffer.concat(parts).equals(bytes));
});

test('where the server has no posix-rename the plain one is used, which replaces nothing', async () => {
  const server = new Slow(0);
  const files = await start(server);
  await files.rename('/f/a', '/f/b');
  assert.deepEqual(
    server.seen.map(({ type }) => type).filter((type) => type === TYPE.RENAME || type === TYPE.EXTENDED),
    [TYPE.RENAME],
  );
});

test('a server that follows no links for REALPATH, or does not say what is one, is not taken at its word', async () => {
  const server = new Slow(0);
  const files = await start(server);
  const asked = (type: number): string[] =>
    server.seen
      .filter((request) => request.type === type)
      .map(({ body }) => String(new BlobReader(body.subarray(4)).string()));
  // It gives back the path as it is: with .. in it nobody knows where it leads.
  await assert.rejects(files.open('/f/../etc/passwd', OPEN_READ), { code: 'denied' });
  assert.deepEqual(asked(TYPE.OPEN), []);
  // Without a type in its attributes it may be a link.
  server.looked = [TYPE.ATTRS, uint32(0)];
  await files.open('/f/x', OPEN_READ);
  assert.deepEqual(asked(TYPE.REALPATH).slice(-2), ['/f', '/f/x']);
});
