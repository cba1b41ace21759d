import type { OAuthHandlers } from '../../core/proto/broker/v1/OAuth.ts';
import { fromMillis, toMillis } from '../../core/rpc.ts';
import type { Daemon } from '../daemon.ts';
import type { Adapter } from './adapt.ts';

/** Longest wait of one Status call, in milliseconds. */
const MAX_WAIT_MS = 30_000;
const STATES = { pending: 'STATE_PENDING', done: 'STATE_DONE', failed: 'STATE_FAILED' } as const;

export function oauthHandlers(daemon: Daemon, adapt: Adapter): OAuthHandlers {
  return {
    Begin: adapt.unary(async ({ service, device, redirectUri }, { caller }) => {
      const detail = { device };
      const begun = await daemon.audited('oauth.begin', caller, { service, detail }, () =>
        daemon.logins.begin(caller, service, device, redirectUri),
      );
      return { id: begun.id, url: begun.url, userCode: begun.userCode, expiresAt: fromMillis(begun.expiresAt) };
    }),
    Status: adapt.unary(async ({ id, wait }, { caller, signal }) => {
      const waitMs = Math.min(toMillis(wait) ?? 0, MAX_WAIT_MS);
      const { state, error } = await daemon.logins.status(caller, id, waitMs, signal);
      return { state: STATES[state], error: error?.message ?? '', hint: error?.hint ?? '' };
    }),
  };
}
