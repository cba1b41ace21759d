import type { Duplex } from 'node:stream';
import type { Dialed, Target } from '../core/dial.ts';
import { BrokerError, throwIfAborted } from '../core/errors.ts';
import { startTls, tlsContext } from '../core/tls.ts';

/** Milliseconds for one request to an issuer: token endpoint, device endpoint, discovery. */
const ENDPOINT_MS = 15_000;
/** Bytes of an issuer's answer; the value is accepted. */
const MAX_ANSWER_BYTES = 65_536;

const IF_PLAIN = 'the URL begins with https, and the port behind it speaks plain HTTP';

/** How the issuer's addresses are reached: the daemon's dialler, with its address guard. */
export type EndpointDial = (target: Target, signal: AbortSignal) => Promise<Dialed>;

export interface EndpointRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** PEM of the CA to trust in place of the system's. */
  readonly ca?: string | undefined;
}

/** One request to an issuer, answered in whole; a redirect is an answer like any other. */
export type EndpointFetch = (url: string, request: EndpointRequest) => Promise<Response>;

/**
 * Speaks to OAuth2 issuers over a connection of its own for each request: there is one an hour. Certificates are always
 * checked in full.
 * @throws BrokerError of the fetch: `upstream_unreachable`, `upstream_tls`, `upstream_protocol`, `upstream_timeout`;
 * `denied` for an address that broker does not dial.
 */
export function endpointFetch(dial: EndpointDial, timeoutMs = ENDPOINT_MS): EndpointFetch {
  return async (url, request) => {
    const to = new URL(url);
    const where = `the OAuth2 issuer at ${to.host}`;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    const { signal } = late;
    try {
      return await exchange(to, request, await connected(dial, to, request.ca, signal), where, signal);
    } catch (error) {
      throw told(error, where, signal.aborted ? timeoutMs : undefined);
    } finally {
      clearTimeout(timer);
    }
  };
}

async function connected(
  dial: EndpointDial,
  url: URL,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<Duplex & { readonly alpnProtocol?: unknown }> {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const { conn } = await dial({ host, port: Number(url.port) || (secure ? 443 : 80) }, signal);
  if (!secure) return heard(conn.detach().socket);
  const context = tlsContext({ ca });
  const tls = { verify: 'verify-full', serverName: host, context, alpn: ['http/1.1'], ifPlain: IF_PLAIN } as const;
  return heard((await startTls(conn, tls, signal)).detach().socket);
}

/** A reset before the library listens must not be an error that nobody hears. */
function heard(socket: Duplex): Duplex {
  return socket.on('error', () => socket.destroy());
}

async function exchange(
  url: URL,
  { method, headers, body }: EndpointRequest,
  socket: Duplex,
  where: string,
  signal: AbortSignal,
): Promise<Response> {
  // Loaded when first wanted: an idle daemon has no use for it.
  const { Client } = await import('undici');
  throwIfAborted(signal);
  // The library knows of sockets only, which this is: it came from the dialler, perhaps with TLS on top.
  // Not in the same turn: the library would then miss that it is connected.
  const connect = (_to: unknown, done: (error: null, socket: never) => void): void =>
    void setImmediate(done, null, socket as never);
  const client = new Client(url.origin, { connect });
  try {
    const path = `${url.pathname}${url.search}`;
    const answer = await client.request({ method, path, headers, body: body ?? null, signal });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer.body) {
      if (!Buffer.isBuffer(chunk)) continue;
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES)
        throw new BrokerError('upstream_protocol', `${where} sent more than ${MAX_ANSWER_BYTES} bytes`, {
          hop: 'auth',
        });
      chunks.push(chunk);
    }
    const { statusCode: status } = answer;
    if (status < 200 || status > 599)
      throw new BrokerError('upstream_protocol', `${where} sent the status ${status}`, { hop: 'auth' });
    const text = Buffer.concat(chunks).toString('utf8');
    const type = answer.headers['content-type'];
    return new Response(status === 204 || status === 205 || status === 304 ? null : text, {
      status,
      headers: typeof type === 'string' ? { 'content-type': type } : {},
    });
  } finally {
    await client.destroy();
    socket.destroy();
  }
}

/** The same failure, with the issuer in its sentence: nobody should look for it at the mail server. */
function told(error: unknown, where: string, timedOutMs: number | undefined): BrokerError {
  if (timedOutMs !== undefined)
    return new BrokerError('upstream_timeout', `${where} did not answer within ${timedOutMs / 1000} s`, {
      hop: 'auth',
    });
  if (!(error instanceof BrokerError))
    return new BrokerError('upstream_unreachable', `${where} broke off`, { hop: 'auth', cause: error });
  if (error.hop === 'auth') return error;
  // What the connection advises is about the CA of the service's own server.
  const trust = 'to trust a CA of its own: broker service set {service} --token-ca-file CA.pem';
  const hint = error.code === 'upstream_tls' && { hint: error.hint === IF_PLAIN ? IF_PLAIN : trust };
  return new BrokerError(error.code, `${where}: ${error.message}`, { hop: 'auth', cause: error, ...hint });
}
