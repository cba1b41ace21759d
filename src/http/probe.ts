import type { AddressGuard, HopListener } from '../core/dial.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import type { HttpConfig } from './config.ts';
import { ANY_HTTP, Dialer } from './dialer.ts';
import { joined } from './exchange.ts';
import { replaced } from './headers.ts';
import type { HttpKind } from './kind.ts';
import { type ExchangeIo, HttpService, injectIo } from './service.ts';
import { Upstream } from './upstream.ts';

/**
 * Connects to a service once, with each hop reported, and makes the request that the service names for this (`test_path`):
 * whether a credential is taken, only an answer tells.
 * @throws BrokerError with the hop that failed.
 */
export async function probeHttp(
  name: string,
  kind: HttpKind,
  config: HttpConfig,
  guard: AddressGuard,
  io: ExchangeIo,
  passed: HopListener,
  signal: AbortSignal,
): Promise<void> {
  using dialer = new Dialer(config, guard);
  const socket = await dialer.connect(ANY_HTTP, passed, signal);
  socket.on('error', () => socket.destroy());
  socket.destroy();
  if (config.test_path === undefined) return;
  const upstream = new Upstream(config, guard);
  using service = new HttpService(name, kind, config, upstream);
  try {
    const status = await statusOf(service, config.test_path, io, signal);
    if (status >= 400) {
      throw new BrokerError('upstream_auth', `GET ${config.test_path} was answered with ${status}`, {
        hop: 'auth',
        upstreamCode: String(status),
        ...((status === 401 || status === 403) && {
          hint: 'if the stored credential is the wrong one: broker service set {service}, with the right one',
        }),
      });
    }
    passed('auth', `GET ${config.test_path} was answered with ${status}`);
  } finally {
    upstream.close(new BrokerError('ended', 'the test is over'));
  }
}

async function statusOf(service: HttpService, path: string, io: ExchangeIo, signal: AbortSignal): Promise<number> {
  const { upstream, kind, config, headers } = service;
  const outgoing = {
    method: 'GET',
    origin: upstream.base.origin,
    path: joined(service, path),
    headers: headers.request(['Accept', '*/*', 'User-Agent', 'broker']),
    body: async () => Buffer.alloc(0),
  };
  const injection = await kind.inject(config, injectIo(io)(false), outgoing, signal);
  return await new Promise((resolve, reject) => {
    const sent = { method: 'GET', path: injection.path ?? outgoing.path, body: null };
    upstream.send(
      { ...sent, headers: replaced(outgoing.headers, injection.headers) },
      {
        onConnect: (abort) =>
          signal.addEventListener('abort', () => abort(toBrokerError(signal.reason)), { once: true }),
        onHeaders: (status) => {
          if (status >= 200) resolve(status);
          return true;
        },
        onData: () => true,
        onComplete: () => undefined,
        onError: reject,
      },
    );
  });
}
