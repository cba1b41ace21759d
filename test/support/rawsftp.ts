import { once } from 'node:events';
import ssh2 from 'ssh2';
import { BlobReader, sshString, uint32 } from '../../src/drivers/ssh/blob.ts';
import { type Packet, Packets, packet, TYPE } from '../../src/drivers/ssh/sftp/wire.ts';

/** What a request came to: the type of the answer, of a STATUS its code, and all that stands behind the id. */
export interface RawAnswer {
  readonly type: number;
  readonly status: number | undefined;
  readonly body: Buffer;
}

/** An SFTP client that sends what it is told to: stock ones send nothing that is not good manners. */
export class RawSftp implements AsyncDisposable {
  readonly #client: ssh2.Client;
  readonly #channel: ssh2.ClientChannel;
  readonly #answers: AsyncIterator<Packet>;
  /** Names of the extensions that are offered. */
  readonly extensions: readonly string[];
  #id = 0;

  private constructor(
    client: ssh2.Client,
    channel: ssh2.ClientChannel,
    answers: AsyncIterator<Packet>,
    extensions: readonly string[],
  ) {
    this.#client = client;
    this.#channel = channel;
    this.#answers = answers;
    this.extensions = extensions;
  }

  /** @param port of a session for this user. */
  static async connect(port: number): Promise<RawSftp> {
    const client = new ssh2.Client();
    client.connect({ host: '127.0.0.1', port, username: 'any', hostVerifier: () => true });
    await once(client, 'ready');
    // One small request at a time: else each waits for an acknowledgement.
    client.setNoDelay(true);
    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
      client.subsys('sftp', (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    const answers = packetsOf(channel);
    channel.write(packet(TYPE.INIT, uint32(3)));
    const version = new BlobReader((await answers.next()).value?.body ?? Buffer.alloc(0));
    version.uint32();
    const extensions: string[] = [];
    for (; version.left > 0; version.string()) extensions.push(version.text());
    return new RawSftp(client, channel, answers, extensions);
  }

  /** Sends one request and waits for its answer. */
  async ask(type: number, ...fields: readonly (Buffer | string)[]): Promise<RawAnswer> {
    const id = uint32(this.#id++);
    this.#channel.write(
      packet(type, id, ...fields.map((field) => (typeof field === 'string' ? sshString(field) : field))),
    );
    const { value } = await this.#answers.next();
    if (!value?.body.subarray(0, 4).equals(id)) throw new Error('the answer is to another request');
    const body = value.body.subarray(4);
    return { type: value.type, status: value.type === TYPE.STATUS ? body.readUInt32BE() : undefined, body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#client, 'close');
    this.#client.end();
    await closed;
  }
}

async function* packetsOf(channel: ssh2.ClientChannel): AsyncGenerator<Packet, undefined> {
  const packets = new Packets('upstream');
  for await (const chunk of channel) yield* packets.push(chunk);
  return undefined;
}
