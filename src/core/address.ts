import { isIP } from 'node:net';

/** One end of a TCP connection, as Node prints it. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A connection seen from the client: its own end first. */
export interface Tuple {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/**
 * The 4 or 16 bytes of an address in network order; an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) gives the 4 bytes
 * of the IPv4 address, so that both spellings of one connection compare equal. Undefined when it is no address.
 */
export function addressBytes(address: string): Buffer | undefined {
  const bare = address.split('%')[0] ?? '';
  if (isIP(bare) === 4) return Buffer.from(bare.split('.').map(Number));
  return isIP(bare) === 6 ? unmap(parseIpv6(bare)) : undefined;
}

/** Shortens an IPv4-mapped address of 16 bytes to its 4. */
export function unmap(bytes: Buffer): Buffer {
  const mapped = bytes.length === 16 && bytes.readUInt32BE(8) === 0xffff && bytes.subarray(0, 8).every((b) => b === 0);
  return mapped ? bytes.subarray(12) : bytes;
}

/** RFC 4291 §2.2; the text is known to be valid. */
function parseIpv6(text: string): Buffer {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = dotted
    ? `${dotted[1]}${pair(Number(dotted[2]), Number(dotted[3]))}:${pair(Number(dotted[4]), Number(dotted[5]))}`
    : text;
  const [head = '', tail] = hex.split('::');
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const words = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  const bytes = Buffer.alloc(16);
  words.forEach((word, index) => {
    bytes.writeUInt16BE(word, index * 2);
  });
  return bytes;
}

function pair(high: number, low: number): string {
  return (high * 256 + low).toString(16);
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
