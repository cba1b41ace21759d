import { auditCaller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import { errorFields, type Log } from '../log.ts';
import type { PeerLookup } from '../peer/lookup.ts';
import { Callers } from './caller.ts';
import { Dispatch } from './dispatch.ts';
import { healthRoutes } from './health.ts';
import type { Requests } from './listener.ts';
import { OwnPorts } from './ports.ts';
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
  return dispatch({ daemon, log }, routes);
}

/** The ports of services that have one of their own; they follow the records from now on. */
export async function ownPorts({ daemon, log }: HttpSideParts, peers: PeerLookup): Promise<OwnPorts> {
  const ports = new OwnPorts({
    peers,
    proxy: daemon.proxy,
    vault: daemon.vault,
    dispatch: (routes) => dispatch({ daemon, log }, routes),
    report: (error, doing) => log.warn(`failed at ${doing}`, errorFields(error)),
  });
  await daemon.followPorts((wanted) => ports.follow(wanted));
  return ports;
}

function dispatch({ daemon, log }: HttpSideParts, routes: Pick<Routes, 'find'>): Requests {
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
