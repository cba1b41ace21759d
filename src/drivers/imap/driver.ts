import type { Driver, DriverIo } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { oauthOf } from '../../core/oauth.ts';
import { checkToken } from '../../core/saslclient.ts';
import { describe, type ImapConfig, imapConfig, isBearer } from './config.ts';
import { hint } from './hint.ts';
import { greet, type ImapVisitor } from './local.ts';
import { type ImapFacts, type ImapLogin, login } from './login.ts';
import { ImapUpstream } from './upstream.ts';

/** Mailboxes over IMAP4rev1 and rev2. */
export const imap: Driver<ImapConfig, ImapFacts, ImapVisitor, never> = {
  kind: 'imap',
  title: 'IMAP',
  config: imapConfig,
  socketName: 'imap.sock',
  spares: (config) => config.spares,
  describe,
  open: async (config, _params, io, signal) => new ImapUpstream(await loginWithToken(config, io, signal)),
  greet,
  hint,
};

/** A token that was kept may have been withdrawn meanwhile: a refused one is fetched anew, once. */
async function loginWithToken(config: ImapConfig, io: DriverIo, signal: AbortSignal): Promise<ImapLogin> {
  const settings = isBearer(config.auth) || config.auth === 'auto' ? oauthOf(config, config.user) : undefined;
  if (!settings) return await login(config, undefined, io, signal);
  if (!io.accessToken) throw new BrokerError('unavailable', 'this daemon gives out no OAuth2 tokens', { hop: 'auth' });
  using token = await io.accessToken(settings, { fresh: false }, signal);
  checkToken(token);
  try {
    return await login(config, token, io, signal);
  } catch (error) {
    if (!(error instanceof BrokerError && error.code === 'upstream_auth')) throw error;
    using fresh = await io.accessToken(settings, { fresh: true }, signal);
    checkToken(fresh);
    if (fresh.equals(token)) throw error;
    return await login(config, fresh, io, signal);
  }
}
