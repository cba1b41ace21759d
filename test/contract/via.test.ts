import type { Driver } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { ssh } from '../../src/drivers/ssh/driver.ts';
import { SshServer } from '../fakes/sshserver.ts';
import { driverContract } from './driver.ts';
import { harness as postgres } from './postgres.ts';

const PASSWORD = 'bastion-password';

/** A server that is reached through another one is like any other: PostgreSQL, as the kind with side connections. */
driverContract('postgres via ssh', {
  ...postgres,
  config: (server, password) => ({ ...(postgres.config(server, password) as object), via: 'bastion' }),
  way: {
    driver: ssh as Driver,
    name: 'bastion',
    async start() {
      const server = await SshServer.start(PASSWORD);
      const { port, user, identity } = server;
      return {
        config: () =>
          ssh.config.parse(
            { host: '127.0.0.1', port, user, host_key: identity.line },
            new Map([['password', Secret.fromText(PASSWORD)]]),
          ),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
});
