import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import type { Conn } from '../../src/core/conn.ts';
import type { Driver } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { ssh } from '../../src/drivers/ssh/driver.ts';
import { SshClient } from '../fakes/sshclient.ts';
import { SshServer } from '../fakes/sshserver.ts';
import type { ContractHarness } from './harness.ts';

const PASSWORD = 'upstream-password';
const LINE = 200_000;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

function clientOf(conn: Conn): SshClient {
  assert(conn.socket instanceof SshClient);
  return conn.socket;
}

export const harness: ContractHarness = {
  driver: ssh as Driver,
  password: PASSWORD,
  start: () => SshServer.start(PASSWORD),
  wrap: (socket: Duplex) => new SshClient(socket),
  config: (server, password) => {
    const { port, user, identity } = server as SshServer;
    return ssh.config.parse(
      { host: '127.0.0.1', port, user, host_key: identity.line, allowed_commands: ['echo'] },
      new Map([['password', Secret.fromText(password)]]),
    );
  },
  client: {
    async login(conn, ticket, pipelined = Buffer.alloc(0)) {
      const refusal = await clientOf(conn).login(ticket);
      if (refusal === undefined) conn.socket.write(pipelined);
      return refusal;
    },
    request: (marker) => Buffer.from(`${marker}\n`),
    answer: async (conn) => (await conn.line(LINE, soon())).toString().trimEnd(),
    finish: () => Buffer.from('FINISH\n'),
    async farewell(conn) {
      while ((await conn.some(soon())) !== undefined);
      return clientOf(conn).told;
    },
  },
};
