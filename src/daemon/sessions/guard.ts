import { networkInterfaces } from 'node:os';
import { addressBytes } from '../../core/address.ts';
import type { AddressGuard } from '../../core/dial.ts';
import { BrokerError } from '../../core/errors.ts';

/** Where clouds hand out their machines' credentials: AWS, GCP, Azure and others; ECS and EKS; Azure's wire server; Alibaba. */
const METADATA = [
  ...['169.254.169.254', '169.254.170.2', '169.254.170.23', '168.63.129.16', '100.100.100.200'],
  ...['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'],
].map(addressBytes);

/**
 * What a stored service of a TCP kind may dial: whatever the admin named, except metadata services and broker's own
 * ports, through which a session could be opened into another session (MECHANISMS §2).
 * @param isOwnPort true for ports that this daemon listens on, leases included.
 */
export function addressGuard(isOwnPort: (port: number) => boolean): AddressGuard {
  return (address, port) => {
    const bytes = addressBytes(address);
    if (!bytes) return new BrokerError('denied', `${address} is not an address`, { hop: 'tcp' });
    if (METADATA.some((known) => known?.equals(bytes)))
      return new BrokerError('denied', `${address} is a cloud metadata service`, { hop: 'tcp' });
    if (isOwnPort(port) && isThisMachine(bytes))
      return new BrokerError('denied', `port ${port} of ${address} is broker's own`, { hop: 'tcp' });
    return undefined;
  };
}

/** Loopback, the unspecified address (which connects to loopback), or an address of an interface. */
function isThisMachine(bytes: Buffer): boolean {
  if (bytes.every((byte, index) => byte === 0 || (bytes.length === 16 && index === 15 && byte === 1))) return true;
  if (bytes.length === 4 && bytes[0] === 127) return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => addressBytes(entry.address)?.equals(bytes)),
  );
}
