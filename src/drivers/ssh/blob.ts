/** Reader of the SSH wire types (RFC 4251 §5): `uint32`, `string` and `mpint`, over a buffer that is all there. */
export class BlobReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** @throws RangeError when the blob ends before. */
  uint32(): number {
    const value = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  /** @throws RangeError when the blob ends before. */
  skip(bytes: number): void {
    if (bytes > this.left) throw new RangeError('the blob ends early');
    this.#at += bytes;
  }

  /** @throws RangeError when the blob ends before. */
  string(): Buffer {
    const length = this.uint32();
    if (length > this.left) throw new RangeError('the blob ends early');
    const value = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  text(): string {
    return this.string().toString('utf8');
  }
}

/** `uint32` length, then the bytes (RFC 4251 §5, string). */
export function sshString(value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
