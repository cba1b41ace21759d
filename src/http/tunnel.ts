import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Conn } from '../core/conn.ts';
import { type AddressGuard, dial, formatHostPort, type HopListener, type Target } from '../core/dial.ts';
import { BrokerError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { HttpConfig } from './config.ts';

/** A proxy on the way, and how to log in there. */
export interface ProxyPlace extends Target {
  readonly user: string | undefined;
  /** The holder's own. */
  readonly password: Secret | undefined;
}

/** Longest line and most lines of a proxy's answer. */
const MAX_LINE = 8_192;
const MAX_LINES = 100;

export function proxyOf(
  config: Pick<HttpConfig, 'http_proxy' | 'http_proxy_user' | 'http_proxy_password'>,
): ProxyPlace | undefined {
  if (config.http_proxy === undefined) return undefined;
  const { hostname, port } = new URL(config.http_proxy);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 80 : Number(port),
    user: config.http_proxy_user,
    password: config.http_proxy_password?.clone(),
  };
}

/**
 * A tunnel through a proxy (RFC 9110 §9.3.6). The proxy may be anywhere but at broker itself; the target is checked as far
 * as it can be told here: an address, and a name that resolves here. A name that only the proxy knows is the proxy's
 * to judge: whoever configured it trusts it with that.
 * @throws BrokerError `denied`, `upstream_unreachable`, `upstream_refused`, `upstream_protocol`, or the signal's reason.
 */
export async function openTunnel(
  proxy: ProxyPlace,
  target: Target,
  guard: AddressGuard,
  inner: AddressGuard,
  passed: HopListener,
  signal: AbortSignal,
): Promise<Conn> {
  const refused = await targetRefused(target, guard);
  if (refused) throw refused;
  const { conn } = await dial(proxy, inner, passed, signal);
  try {
    const authority = formatHostPort(target.host, target.port);
    const login = `${proxy.user ?? ''}:${proxy.password?.use((bytes) => bytes.toString('utf8')) ?? ''}`;
    const authorization =
      login === ':' ? '' : `Proxy-Authorization: Basic ${Buffer.from(login, 'utf8').toString('base64')}\r\n`;
    const request = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`;
    await conn.writeSecret(Buffer.from(request, 'latin1'), signal);
    const status = (await conn.line(MAX_LINE, signal)).toString('latin1');
    const code = /^HTTP\/1\.[01] (\d{3})\b/.exec(status)?.[1];
    if (code === undefined) throw new BrokerError('upstream_protocol', 'the proxy does not speak HTTP', { hop: 'tcp' });
    for (let lines = 0; ; lines++) {
      if (lines > MAX_LINES)
        throw new BrokerError('upstream_protocol', 'the proxy sent too long a head', { hop: 'tcp' });
      if (/^\r?\n?$/.test((await conn.line(MAX_LINE, signal)).toString('latin1'))) break;
    }
    if (!code.startsWith('2')) {
      const why = code === '407' ? 'wants another user or password' : `answered ${code}`;
      throw new BrokerError('upstream_refused', `the proxy at ${formatHostPort(proxy.host, proxy.port)} ${why}`, {
        hop: 'tcp',
        upstreamCode: code,
      });
    }
    passed('tcp', `tunnel to ${authority}`);
    return conn;
  } catch (error) {
    conn.destroy();
    throw error;
  }
}

async function targetRefused({ host, port }: Target, guard: AddressGuard): Promise<BrokerError | undefined> {
  const found = isIP(host) ? [{ address: host }] : await lookup(host, { all: true }).catch(() => []);
  for (const { address } of found) {
    const refused = guard(address, port);
    if (refused) return refused;
  }
  return undefined;
}
