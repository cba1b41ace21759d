import { auditCaller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import type { Log } from '../log.ts';
import { Callers } from './caller.ts';
import { Dispatch } from './dispatch.ts';
import { healthRoutes } from './health.ts';
import type { Requests } from './listener.ts';
import { type Route, Routes } from './routes.ts';

export interface HttpSideParts {
  readonly daemon: Daemon;
  readonly log: Log;
}

/** Everything that the HTTP port answers, put together: one line for each group of routes. */
export function httpSide({ daemon, log }: HttpSideParts): Requests {
  const routes = new Routes();
  const all: readonly Route[] = [...healthRoutes(daemon), ...daemon.proxy.routes()];
  for (const route of all) routes.add(route);
  return new Dispatch({
    routes,
    log,
    callers: new Callers({ tokens: daemon.tokens, vaultState: () => daemon.vault.state, now: Date.now }),
    refused: (caller, path, { code, message }) =>
      daemon.audit.write({
        action: 'http.refuse',
        outcome: 'denied',
        caller: auditCaller(caller),
        code,
        message,
        detail: { path },
      }),
  });
}
