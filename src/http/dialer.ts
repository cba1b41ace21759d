import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Conn } from '../core/conn.ts';
import { type AddressGuard, dial, formatHostPort, type HopListener } from '../core/dial.ts';
import { BrokerError } from '../core/errors.ts';
import { startTls, tlsContext } from '../core/tls.ts';
import { type BaseUrl, parseBaseUrl } from './baseurl.ts';
import type { HttpConfig } from './config.ts';
import { egressGuard } from './egress.ts';
import { openTunnel, type ProxyPlace, proxyOf } from './tunnel.ts';

/** ALPN names (RFC 7301): HTTP/2 where the server has it. */
export const ANY_HTTP = ['h2', 'http/1.1'] as const;
/** What a connection that is to be upgraded speaks. */
export const HTTP_1 = ['http/1.1'] as const;

const IF_PLAIN =
  'if it speaks plain HTTP there: broker service set {service} --base-url http://... --allow-plaintext, and the secret in the same command; else name the port that speaks TLS';

/** What of a service's configuration connections are made by. */
export type DialConfig = Pick<
  HttpConfig,
  | 'base_url'
  | 'allow_private'
  | 'ca'
  | 'cert'
  | 'key'
  | 'server_name'
  | 'skip_verify'
  | 'connect_timeout'
  | 'http_proxy'
  | 'http_proxy_user'
  | 'http_proxy_password'
>;

/**
 * Connects to the one place that a service names: guarded, through its proxy, encrypted. It is shared by callers of whom
 * each has the service's secrets for as long as it stays, so it keeps its own: disposing wipes them.
 */
export class Dialer implements Disposable {
  readonly base: BaseUrl;
  readonly #config: DialConfig;
  readonly #proxy: ProxyPlace | undefined;
  readonly #guard: AddressGuard;
  readonly #inner: AddressGuard;
  readonly #context: SecureContext | undefined;

  /**
   * @param inner says no to what no service may reach (metadata services, broker's own ports).
   * @throws BrokerError `invalid_argument` for a configuration that cannot be used.
   */
  constructor(config: DialConfig, inner: AddressGuard) {
    const base = parseBaseUrl(config.base_url);
    if (typeof base === 'string') throw new BrokerError('invalid_argument', `base_url ${base}`, { hop: 'config' });
    this.base = base;
    this.#config = config;
    this.#inner = inner;
    this.#guard = egressGuard(config.allow_private, inner);
    this.#context = base.secure ? tlsContext(config) : undefined;
    this.#proxy = proxyOf(config);
  }

  /**
   * A new connection, ready for the first request. The caller owns it.
   * @throws BrokerError `upstream_unreachable`, `upstream_tls`, `upstream_refused`, `upstream_timeout`, `denied`.
   */
  async connect(alpn: readonly string[], passed: HopListener, signal: AbortSignal): Promise<Socket> {
    const seconds = this.#config.connect_timeout;
    const timeout = AbortSignal.timeout(seconds * 1_000);
    try {
      const conn = await this.#connect(alpn, passed, AbortSignal.any([signal, timeout]));
      const { socket, rest, ended } = conn.detach();
      if (rest.length > 0 || ended) {
        socket.destroy();
        throw new BrokerError('upstream_protocol', `${this.base.host} sent something before it was asked`);
      }
      return socket as Socket;
    } catch (error) {
      if (!timeout.aborted || signal.aborted) throw error;
      const what = `${formatHostPort(this.base.host, this.base.port)} did not answer within ${seconds} s`;
      throw new BrokerError('upstream_timeout', what, { hop: 'tcp', cause: error });
    }
  }

  /** Ports that it connects to. */
  get ports(): readonly number[] {
    return this.#proxy ? [this.base.port, this.#proxy.port] : [this.base.port];
  }

  [Symbol.dispose](): void {
    this.#proxy?.password?.[Symbol.dispose]();
  }

  async #connect(alpn: readonly string[], passed: HopListener, signal: AbortSignal): Promise<Conn> {
    const { host, port, secure } = this.base;
    const conn = this.#proxy
      ? await openTunnel(this.#proxy, { host, port }, this.#guard, this.#inner, passed, signal)
      : (await dial({ host, port }, this.#guard, passed, signal)).conn;
    if (!secure || !this.#context) return conn;
    const options = {
      verify: this.#config.skip_verify ? ('require' as const) : ('verify-full' as const),
      serverName: this.#config.server_name ?? host,
      context: this.#context,
      alpn,
      ifPlain: IF_PLAIN,
    };
    const encrypted = await startTls(conn, options, signal);
    passed('tls', this.#config.skip_verify ? 'encrypted, certificate not checked' : 'certificate verified');
    return encrypted;
  }
}
