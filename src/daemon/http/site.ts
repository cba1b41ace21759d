import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { auditCaller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import { errorFields, type Log } from '../log.ts';
import type { PeerLookup } from '../peer/lookup.ts';
import { callbackRoutes } from './callback.ts';
import { Callers } from './caller.ts';
import { Dispatch } from './dispatch.ts';
import { healthRoutes } from './health.ts';
import type { Requests } from './listener.ts';
import { metricsRoute } from './metrics.ts';
import { OwnPorts } from './ports.ts';
import { type Route, Routes } from './routes.ts';
import { rpcRoutes } from './rpc/routes.ts';

export interface HttpSideParts {
  readonly daemon: Daemon;
  readonly log: Log;
  /** The handlers of the control API. */
  readonly services: ReadonlyMap<string, UntypedServiceImplementation>;
  /** `/metrics` needs no token. */
  readonly openMetrics: boolean;
}

/** Everything that the HTTP port answers, put together: one line for each group of routes. */
export function httpSide({ daemon, log, services, openMetrics }: HttpSideParts): Requests {
  const routes = new Routes();
  const all: readonly Route[] = [
    ...healthRoutes(daemon),
    metricsRoute(daemon, openMetrics),
    ...rpcRoutes(services),
    ...callbackRoutes(daemon),
    ...daemon.proxy.routes(),
  ];
  for (const route of all) routes.add(route);
  return dispatch({ daemon, log }, routes);
}

/** The ports of services that have one of their own; they follow the records from now on. */
export async function ownPorts(
  { daemon, log }: Pick<HttpSideParts, 'daemon' | 'log'>,
  peers: PeerLookup,
): Promise<OwnPorts> {
  const ports = new OwnPorts({
    peers,
    proxy: daemon.proxy,
    vault: daemon.vault,
    dispatch: (routes) => dispatch({ daemon, log }, routes),
    report: (error, doing) => log.warn(`failed at ${doing}`, errorFields(error)),
  });
  await daemon.ports.follow((wanted) => ports.follow(wanted));
  return ports;
}

function dispatch({ daemon, log }: Pick<HttpSideParts, 'daemon' | 'log'>, routes: Pick<Routes, 'find'>): Requests {
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
