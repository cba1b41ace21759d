import { join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { groupId } from './group.ts';
import type { TcpBind, UnixBind } from './grpc/listen.ts';
import type { DaemonSettings } from './settings.ts';

/** Where the control socket goes, and who may use it. @throws BrokerError `invalid_argument` naming the setting. */
export function unixBind(settings: DaemonSettings, home: string): UnixBind {
  const path = settings.socket ?? join(home, 'broker.sock');
  const group = settings['socket-group'];
  const mode = settings['socket-mode'] ?? (group ? '0660' : '0600');
  if (!/^0?[0-7]{3}$/.test(mode))
    throw new BrokerError('invalid_argument', `--socket-mode ${mode} is not an octal mode such as 0660`);
  return { path, mode: Number.parseInt(mode, 8), ...(group && { gid: groupId(group) }) };
}

/** The TCP address of the control API; undefined when it is off. @throws BrokerError `invalid_argument` naming the setting. */
export function tcpBind(settings: DaemonSettings): TcpBind | undefined {
  const address = settings.grpc ?? 'off';
  const { 'tls-cert': cert, 'tls-key': key, 'client-ca': clientCa } = settings;
  if ((cert === undefined) !== (key === undefined))
    throw new BrokerError('invalid_argument', '--tls-cert and --tls-key go together');
  if (clientCa && !cert) throw new BrokerError('invalid_argument', '--client-ca needs --tls-cert and --tls-key');
  if (address === 'off') return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || port > 65_535) throw new BrokerError('invalid_argument', `--grpc ${address} is not HOST:PORT`);
  return { host, port, ...(cert && key && { tls: { cert, key, ...(clientCa && { clientCa }) } }) };
}
