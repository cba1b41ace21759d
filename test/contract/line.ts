import type { Conn } from '../../src/core/conn.ts';
import type { Driver } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { lineDriver } from '../fakes/linedriver.ts';
import { LineServer } from '../fakes/lineserver.ts';
import type { ContractHarness } from './harness.ts';

const LINE = 200_000;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const read = async (conn: Conn): Promise<string> => (await conn.line(LINE, soon())).toString().trimEnd();

/** The contract on the smallest driver there is: proves the suite itself. */
export const harness: ContractHarness = {
  driver: lineDriver as Driver,
  password: 'upstream-password',
  start: () => LineServer.start('upstream-password'),
  config: (server, password) => ({
    host: '127.0.0.1',
    port: (server as LineServer).port,
    password: Secret.fromText(password),
  }),
  client: {
    async login(conn, ticket = '', pipelined = Buffer.alloc(0)) {
      await conn.write(Buffer.concat([Buffer.from(`HELLO ${ticket}\n`), pipelined]), soon());
      const answer = await read(conn);
      return answer.startsWith('+HELLO') ? undefined : answer;
    },
    request: (marker) => Buffer.from(`${marker}\n`),
    answer: read,
    finish: () => Buffer.from('FINISH\n'),
    farewell: async (conn) => (await conn.some(soon()))?.toString() ?? '',
  },
};
