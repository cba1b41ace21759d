import { Secret } from '../../../src/core/secret.ts';
import type { SessionDeps } from '../../../src/daemon/sessions/deps.ts';
import { SESSION_LIMITS } from '../../../src/daemon/sessions/manager.ts';
import { lineDriver } from '../../fakes/linedriver.ts';
import { LineServer } from '../../fakes/lineserver.ts';
import { World } from '../../support/sessions.ts';

/** A session manager with one service, `app`, of the line protocol. */
export async function setup(over: Partial<SessionDeps> & { spares?: number; password?: string } = {}) {
  const { spares, password, ...deps } = over;
  const server = await LineServer.start();
  // A spare is asked whether it lives, in a time that a busy machine may need for its answer alone.
  const limits = { ...SESSION_LIMITS, aliveTimeoutMs: 60_000, ...deps.limits };
  const world = await World.make([lineDriver], { ...deps, limits });
  const given: Secret[] = [];
  world.services.set('app', {
    kind: 'line',
    config: () => {
      const secret = Secret.fromText(password ?? server.password);
      given.push(secret);
      return { host: '127.0.0.1', port: server.port, password: secret, spares };
    },
  });
  return {
    server,
    world,
    given,
    manager: world.manager,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
