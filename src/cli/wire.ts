/** The wire types of protobuf (encoding guide, "Message Structure"); the two group types do not exist in proto3. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Writes one message. Nested messages are written by their own Writer and put in as bytes. */
export class Writer {
  readonly #parts: Uint8Array[] = [];

  tag(id: number, wire: number): void {
    this.varint(BigInt(id * 8 + wire));
  }

  /** Base 128, least significant group first; a negative number as its 64-bit two's complement. */
  varint(value: bigint): void {
    const groups: number[] = [];
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      groups.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    groups.push(Number(rest));
    this.#parts.push(Uint8Array.from(groups));
  }

  double(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(bytes);
  }

  /** Length-prefixed. */
  bytes(value: Uint8Array): void {
    this.varint(BigInt(value.length));
    this.#parts.push(value);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Reads one message. Every method throws a RangeError at the end of the bytes. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes.readUInt8(this.#at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('a varint is longer than 10 bytes');
  }

  double(): number {
    return this.#take(8).readDoubleLE();
  }

  bytes(): Buffer {
    const length = Number(this.varint());
    return this.#take(length);
  }

  /** Passes over a field of a newer daemon. */
  skip(wire: number): void {
    if (wire === WIRE.varint) this.varint();
    else if (wire === WIRE.fixed64) this.#take(8);
    else if (wire === WIRE.bytes) this.bytes();
    else if (wire === WIRE.fixed32) this.#take(4);
    else throw new RangeError(`wire type ${wire} does not exist`);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a field is longer than its message');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
