import { BrokerError } from '../core/errors.ts';
import type { Kind__Output } from '../core/proto/broker/v1/Kind.ts';
import type { OpenSessionRequest } from '../core/proto/broker/v1/OpenSessionRequest.ts';
import type { Service__Output } from '../core/proto/broker/v1/Service.ts';
import { fromMillis } from '../core/rpc.ts';
import { fromStruct } from '../core/struct.ts';
import type { BrokerClient } from './connect.ts';
import { isLocal } from './place.ts';
import { plainVariables, presetVariables, type Variables } from './variables.ts';

/** Milliseconds until the first client of a session has to come: as long as the daemon allows. */
export const ACCEPT_MS = 300_000;

/** Services of these kinds are reached through the HTTP side; of the others by sessions. */
export function isHttp(kinds: readonly Kind__Output[], kind: string): boolean {
  return kinds.some(({ name, fields }) => name === kind && fields.some((field) => field.name === 'base_url'));
}

/** Grants for one service: what its kind is used by, and no more. */
export function grantsFor(service: string, http: boolean): { services: string; actions: string[] }[] {
  return [{ services: service, actions: http ? ['http'] : ['open'] }];
}

/**
 * Where the HTTP side is, without a last slash.
 * @throws BrokerError `conflict` where there is none that programs on this machine can be pointed at.
 */
export async function httpAddress(client: BrokerClient, daemonAddress: string): Promise<string> {
  const { http } = await client.vault.status({});
  if (http === '')
    throw new BrokerError('conflict', 'the HTTP side of the daemon is off', {
      hint: 'broker daemon --http 127.0.0.1:8390',
    });
  if (http.startsWith('unix:'))
    throw new BrokerError('conflict', 'the HTTP side of the daemon is a unix socket, which base URLs cannot name', {
      hint: 'broker daemon --http 127.0.0.1:8390',
    });
  const loopback = /^https?:\/\/(127\.|localhost[:/]|\[::1\])/.test(http);
  if (loopback && !isHere(daemonAddress))
    throw new BrokerError('conflict', `the HTTP side of the daemon listens on ${http} of its own machine only`);
  // One that listens everywhere is found where the daemon is.
  const there = isHere(daemonAddress) ? '127.0.0.1' : daemonAddress.replace(/^https?:\/\/|:\d+$/g, '');
  return http.replace(/\/$/, '').replace(/^(https?:\/\/)(0\.0\.0\.0|\[::\])(?=:|$)/, `$1${there}`);
}

/** What clients of an HTTP service need to come through broker with this token. */
export async function httpVariables(
  client: BrokerClient,
  service: Service__Output,
  http: string,
  token: string,
): Promise<Variables> {
  const { base_url: base, preset: name } = fromStruct(service.config);
  const reached = {
    service: service.name,
    url: `${http}/proxy/${service.name}`,
    token,
    base: typeof base === 'string' ? base : '',
  };
  const { presets } = typeof name === 'string' ? await client.presets.list({}) : { presets: [] };
  const preset = presets.find((known) => known.name === name);
  return preset ? presetVariables(preset, reached) : plainVariables(reached);
}

/** A session for any number of clients. */
export function sessionRequest(service: string, reason: string): OpenSessionRequest {
  return { service, connections: 0, acceptTimeout: fromMillis(ACCEPT_MS), listen: 'LISTEN_TCP', reason };
}

/** The host of a daemon's address or base URL, as NO_PROXY spells it; none for a unix socket. */
export function hostOf(address: string): string[] {
  if (isLocal(address)) return [];
  const [, bracketed, plain] = /^(?:https?:\/\/)?(?:\[([^\]]*)\]|([^:/]*))/.exec(address) ?? [];
  const host = bracketed ?? plain ?? '';
  return host === '' ? [] : [host];
}

function isHere(address: string): boolean {
  return /^(unix:|\/|(https:\/\/)?(127\.|localhost:|\[::1\]))/.test(address);
}
