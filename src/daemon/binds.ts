import { join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { groupId } from './group.ts';
import { isLoopback, type TcpBind, type UnixBind } from './grpc/listen.ts';
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
  const tls = tlsFiles(settings);
  const address = settings.grpc ?? 'off';
  if (address === 'off') return undefined;
  return { setting: 'grpc', ...hostAndPort('grpc', address), ...(tls && { tls }) };
}

/**
 * Where HTTP is served: a TCP address, or `unix:PATH` with the modes of the control socket; undefined when it is off.
 * On loopback it is plain HTTP, whatever certificate the control API has: that is what the SDKs are pointed at.
 * @throws BrokerError `invalid_argument` naming the setting.
 */
export function httpBind(settings: DaemonSettings, home: string): TcpBind | UnixBind | undefined {
  const tls = tlsFiles(settings);
  const address = settings.http ?? 'off';
  if (address === 'off') return undefined;
  if (address.startsWith('unix:')) return { ...unixBind(settings, home), path: address.slice('unix:'.length) };
  const where = hostAndPort('http', address);
  return { setting: 'http', ...where, ...(tls && !isLoopback(where.host) && { tls }) };
}

/** A setting that is `on` or `off`. @throws BrokerError `invalid_argument` for anything else. */
export function onOrOff(settings: DaemonSettings, name: 'open-metrics'): boolean {
  const value = settings[name] ?? 'off';
  if (value !== 'on' && value !== 'off')
    throw new BrokerError('invalid_argument', `--${name} is on or off, not ${value}`);
  return value === 'on';
}

function tlsFiles(settings: DaemonSettings): TcpBind['tls'] {
  const { 'tls-cert': cert, 'tls-key': key, 'client-ca': clientCa } = settings;
  if ((cert === undefined) !== (key === undefined))
    throw new BrokerError('invalid_argument', '--tls-cert and --tls-key go together');
  if (clientCa && !cert) throw new BrokerError('invalid_argument', '--client-ca needs --tls-cert and --tls-key');
  return cert && key ? { cert, key, ...(clientCa && { clientCa }) } : undefined;
}

function hostAndPort(setting: string, address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || port > 65_535) throw new BrokerError('invalid_argument', `--${setting} ${address} is not HOST:PORT`);
  return { host, port };
}
