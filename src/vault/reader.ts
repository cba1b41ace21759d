/** Thrown inside the codecs when bytes do not have the stated shape; format.ts turns it into a `corrupt` BrokerError. */
export class Malformed extends Error {}

/** Reads big-endian fields front to back and never beyond the end. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  /** A view, not a copy, of the next `count` bytes. */
  take(count: number): Buffer {
    if (count > this.#bytes.length - this.#at) throw new Malformed('a field reaches beyond the end');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16BE();
  }

  u32(): number {
    return this.take(4).readUInt32BE();
  }

  /** A 64-bit number that must be one JavaScript can hold exactly. */
  u64(): number {
    const value = this.take(8).readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed('a number is out of range');
    return Number(value);
  }

  /** UTF-8 text behind its length in one byte. */
  text8(): string {
    return this.take(this.u8()).toString('utf8');
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new Malformed('there are bytes behind the last field');
  }
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** UTF-8 text behind its length in one byte; the caller has bounded it to 255 bytes. */
export function text8(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
