import type { Driver } from '../../core/driver.ts';
import { loginWithToken } from '../../core/maillogin.ts';
import { describe, type ImapConfig, imapConfig } from './config.ts';
import { hint } from './hint.ts';
import { greet, type ImapVisitor } from './local.ts';
import { type ImapFacts, login } from './login.ts';
import { ImapUpstream } from './upstream.ts';

/** Mailboxes over IMAP4rev1 and rev2. */
export const imap: Driver<ImapConfig, ImapFacts, ImapVisitor, never> = {
  kind: 'imap',
  title: 'IMAP',
  config: imapConfig,
  socketName: 'imap.sock',
  spares: (config) => config.spares,
  describe,
  async open(config, _params, io, signal) {
    return new ImapUpstream(await loginWithToken(config, io, signal, (token) => login(config, token, io, signal)));
  },
  greet,
  hint,
};
