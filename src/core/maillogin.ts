import type { Conn } from './conn.ts';
import type { DriverIo } from './driver.ts';
import { BrokerError } from './errors.ts';
import { type MailConfig, mayUseToken } from './mailfields.ts';
import { canLogIn, oauthOf, RENEW_HINT } from './oauth.ts';
import { checkToken } from './saslclient.ts';
import type { Secret } from './secret.ts';
import { serverNameOf } from './serverfields.ts';
import { suspecting } from './suspect.ts';
import { startTls, type TlsOptions } from './tls.ts';

/** What the logins of mail servers have in common. */

/** Mail has no half-checked TLS: it is verified, or it is `none`. */
export function mailTls(config: MailConfig, io: DriverIo): TlsOptions {
  const context = io.tlsContext({ ca: config.ca });
  return { verify: 'verify-full', serverName: serverNameOf(config), context };
}

/** For TLS from the first byte: what to do when the server turns out to begin in the clear. */
export const BEGINS_IN_THE_CLEAR =
  'this port may be the one for STARTTLS: broker service set {service} --tls starttls; or give the one with TLS from the first byte: --port';

/**
 * Reads the greeting of a server that begins in the clear. One that says nothing is asked whether it waits for TLS.
 * @param silent called when there is no greeting yet, to reach the same server once more.
 * @throws BrokerError `upstream_tls` when it does; else what `read` throws.
 */
export function clearGreeting<T>(
  read: (signal: AbortSignal) => Promise<T>,
  silent: (signal: AbortSignal) => Promise<Conn>,
  tls: TlsOptions,
  signal: AbortSignal,
): Promise<T> {
  const waitsForTls = async (probing: AbortSignal): Promise<BrokerError> => {
    const plain = await silent(probing);
    // Whose certificate it is does not matter: nothing is said to it.
    await using _encrypted = await startTls(plain, { ...tls, verify: 'require' }, probing);
    return new BrokerError('upstream_tls', 'the server begins with TLS on this port, and not in the clear', {
      hop: 'tls',
      hint: 'say so: broker service set {service} --tls implicit',
    });
  };
  return suspecting(read, waitsForTls, signal);
}

/**
 * Logs in by `login`, with an access token where the service has one to ask for. A token that was kept may have been
 * withdrawn meanwhile: a refused one is fetched anew, once.
 */
export async function loginWithToken<L>(
  config: MailConfig,
  io: DriverIo,
  signal: AbortSignal,
  login: (token: Secret | undefined) => Promise<L>,
): Promise<L> {
  const settings = mayUseToken(config.auth) ? oauthOf(config, config.user) : undefined;
  if (!settings && !config.password && canLogIn(config))
    throw new BrokerError('upstream_auth', 'nobody has logged in to this service yet', {
      hop: 'auth',
      hint: 'broker oauth login {service}',
    });
  if (!settings) return await login(undefined);
  if (!io.accessToken) throw new BrokerError('unavailable', 'this daemon gives out no OAuth2 tokens', { hop: 'auth' });
  using token = await io.accessToken(settings, { fresh: false }, signal);
  checkToken(token);
  try {
    return await login(token);
  } catch (error) {
    if (!(error instanceof BrokerError && error.code === 'upstream_auth')) throw error;
    using fresh = await io.accessToken(settings, { fresh: true }, signal);
    checkToken(fresh);
    if (fresh.equals(token)) throw error;
    return await login(fresh);
  }
}

/** The server has none of the logins that the service allows. */
export function unoffered(auth: MailConfig['auth'], offered: ReadonlySet<string>): BrokerError {
  const list = Array.from(offered)
    .filter((name) => /^[\w-]{1,40}$/.test(name))
    .slice(0, 20);
  const offers = list.length === 0 ? 'none' : list.join(', ');
  const wanted = auth === 'auto' ? 'a login that broker has' : `the login ${auth}`;
  return new BrokerError('upstream_auth', `the server does not offer ${wanted}; it offers ${offers}`, { hop: 'auth' });
}

/** What to do about a refused login. */
export function loginHint(method: string): string {
  const store = 'store the right password: broker service set {service} --password-stdin';
  if (/XOAUTH2|OAUTHBEARER/.test(method)) return RENEW_HINT;
  return /SCRAM/.test(method) ? `${store}; or, if this server keeps no SCRAM data for the user: --auth plain` : store;
}
