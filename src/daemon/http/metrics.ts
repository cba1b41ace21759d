import type { Daemon } from '../daemon.ts';
import { answer } from './answers.ts';
import type { Route } from './routes.ts';

/** Prometheus text format 0.0.4. */
const TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * `/metrics`. A token sees the numbers of the services that it may know of, an admin's all of them. Works on a locked vault
 * only where it is open to all, since tokens cannot be told from each other then.
 */
export function metricsRoute(daemon: Pick<Daemon, 'metrics' | 'gate' | 'vault'>, isOpen: boolean): Route {
  return {
    path: '/metrics',
    auth: isOpen ? 'open' : 'token',
    methods: ['GET', 'HEAD'],
    handle: (_request, response, caller) => {
      const seesAll = isOpen || caller.token?.scope === 'admin';
      const visible = (service: string): boolean => seesAll || daemon.gate.visible(caller, service);
      answer(response, 200, TYPE, daemon.metrics.render(visible));
    },
  };
}
