import { addressBytes } from '../core/address.ts';
import type { AddressGuard } from '../core/dial.ts';
import { BrokerError } from '../core/errors.ts';

/**
 * What an address is, as far as requests are concerned. `private`: this machine and networks of its owner (loopback,
 * RFC 1918, RFC 4193, RFC 6598); `allow_private` lets them pass. `forbidden`: link-local (cloud metadata among it),
 * multicast, unspecified and reserved addresses, which no service has.
 */
export type AddressClass = 'public' | 'private' | 'forbidden';

/** Address blocks (IANA special-purpose registries): first bytes, prefix length in bits, class. */
const V4: readonly (readonly [readonly number[], number, AddressClass])[] = [
  [[0], 8, 'forbidden'],
  [[10], 8, 'private'],
  [[100, 100, 100, 200], 32, 'forbidden'], // metadata of Alibaba Cloud
  [[168, 63, 129, 16], 32, 'forbidden'], // Azure's wire server
  [[100, 64], 10, 'private'],
  [[127], 8, 'private'],
  [[169, 254], 16, 'forbidden'],
  [[172, 16], 12, 'private'],
  [[192, 0, 0], 24, 'forbidden'],
  [[192, 0, 2], 24, 'forbidden'],
  [[192, 88, 99], 24, 'forbidden'],
  [[192, 168], 16, 'private'],
  [[198, 18], 15, 'forbidden'],
  [[198, 51, 100], 24, 'forbidden'],
  [[203, 0, 113], 24, 'forbidden'],
  [[224], 3, 'forbidden'],
];
const V6: readonly (readonly [readonly number[], number, AddressClass])[] = [
  [[0x01, 0], 16, 'forbidden'], // 100::/16, discard and more
  [[0x00, 0x64, 0xff, 0x9b, 0, 1], 48, 'forbidden'], // NAT64 of the local network: it may lead anywhere
  [[0x20, 0x01, 0, 0], 32, 'forbidden'], // Teredo
  [[0x20, 0x01, 0x0d, 0xb8], 32, 'forbidden'],
  [[0x20, 0x01, 0], 23, 'forbidden'], // protocol assignments
  [[0x3f, 0xff, 0], 20, 'forbidden'],
  [[0x5f, 0], 16, 'forbidden'],
  [[0xfd, 0, 0x0e, 0xc2], 32, 'forbidden'], // metadata of AWS
  [[0xfc], 7, 'private'],
  [[0xfe, 0x80], 10, 'forbidden'],
  [[0xfe, 0xc0], 10, 'forbidden'],
  [[0xff], 8, 'forbidden'],
];
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
const SIX_TO_FOUR = [0x20, 0x02];
/** IPv4-translated (RFC 2765 §2.1): `::ffff:0:127.0.0.1`. */
const TRANSLATED = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0];

/** The class of an address in any spelling, also of the IPv4 address inside a mapped, NAT64 or 6to4 one. */
export function addressClass(address: string): AddressClass {
  const bytes = addressBytes(address);
  return bytes ? classOf(bytes) : 'forbidden';
}

/**
 * Says no to what a service may not reach. `inner` is asked as well, exceptions or not (metadata, broker's own ports).
 */
export function egressGuard(allowPrivate: boolean, inner: AddressGuard): AddressGuard {
  return (address, port) => {
    const kind = addressClass(address);
    if (kind === 'forbidden')
      return new BrokerError('denied', `${address} is link-local, reserved or otherwise no address of a service`, {
        hop: 'tcp',
      });
    if (kind === 'private' && !allowPrivate)
      return new BrokerError('denied', `${address} is a loopback or private address`, {
        hop: 'tcp',
        hint: 'if the service is meant to be there: broker service set {service} --allow-private, with its secret',
      });
    return inner(address, port);
  };
}

function classOf(bytes: Buffer): AddressClass {
  if (bytes.length === 4) return lookUp(V4, bytes);
  if (bytes.equals(LOOPBACK)) return 'private';
  if (startsWith(bytes, NAT64, 96)) return classOf(bytes.subarray(12));
  if (startsWith(bytes, TRANSLATED, 96)) return classOf(bytes.subarray(12));
  if (startsWith(bytes, SIX_TO_FOUR, 16)) return classOf(bytes.subarray(2, 6));
  // Unspecified, and addresses that only hold an IPv4 address (RFC 4291 §2.5.5.1).
  if (bytes.subarray(0, 12).every((byte) => byte === 0)) return 'forbidden';
  return lookUp(V6, bytes);
}

const LOOPBACK = Buffer.from([...new Array<number>(15).fill(0), 1]);

function lookUp(table: typeof V4, bytes: Buffer): AddressClass {
  return table.find(([prefix, bits]) => startsWith(bytes, prefix, bits))?.[2] ?? 'public';
}

function startsWith(bytes: Buffer, prefix: readonly number[], bits: number): boolean {
  for (let at = 0; at * 8 < bits; at++) {
    const mask = bits - at * 8 >= 8 ? 0xff : (0xff << (8 - (bits - at * 8))) & 0xff;
    if (((bytes[at] ?? 0) & mask) !== ((prefix[at] ?? 0) & mask)) return false;
  }
  return true;
}
