import type { Driver, DriverIo } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { oauthOf } from '../../core/oauth.ts';
import { checkToken } from '../../core/saslclient.ts';
import { describe, isBearer, type SmtpConfig, smtpConfig } from './config.ts';
import { hint } from './hint.ts';
import { greet, type SmtpVisitor } from './local.ts';
import { login, type SmtpFacts, type SmtpLogin } from './login.ts';
import { SmtpUpstream } from './upstream.ts';

/** Mail submission over SMTP. */
export const smtp: Driver<SmtpConfig, SmtpFacts, SmtpVisitor, never> = {
  kind: 'smtp',
  title: 'SMTP',
  config: smtpConfig,
  socketName: 'smtp.sock',
  spares: (config) => config.spares,
  describe,
  open: async (config, _params, io, signal) => new SmtpUpstream(await loginWithToken(config, io, signal), config),
  greet,
  hint,
};

/** A token that was kept may have been withdrawn meanwhile: a refused one is fetched anew, once. */
async function loginWithToken(config: SmtpConfig, io: DriverIo, signal: AbortSignal): Promise<SmtpLogin> {
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
