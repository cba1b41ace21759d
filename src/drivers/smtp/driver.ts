import type { Driver } from '../../core/driver.ts';
import { loginWithToken } from '../../core/maillogin.ts';
import { describe, type SmtpConfig, smtpConfig } from './config.ts';
import { hint } from './hint.ts';
import { greet, type SmtpVisitor } from './local.ts';
import { login, type SmtpFacts } from './login.ts';
import { SmtpUpstream } from './upstream.ts';

/** Mail submission over SMTP. */
export const smtp: Driver<SmtpConfig, SmtpFacts, SmtpVisitor, never> = {
  kind: 'smtp',
  title: 'SMTP',
  config: smtpConfig,
  socketName: 'smtp.sock',
  spares: (config) => config.spares,
  describe,
  async open(config, _params, io, signal) {
    const made = await loginWithToken(config, io, signal, (token) => login(config, token, io, signal));
    return new SmtpUpstream(made, config);
  },
  greet,
  hint,
};
