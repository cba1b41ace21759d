import type { Conn } from '../../src/core/conn.ts';
import type { Driver } from '../../src/core/driver.ts';
import { redis } from '../../src/drivers/redis/driver.ts';
import { RedisServer } from '../fakes/redis.ts';
import type { ContractHarness } from './harness.ts';

const PASSWORD = 'upstream-password';
const LINE = 200_000;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

function command(...args: readonly string[]): Buffer {
  return Buffer.from(`*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`);
}

async function line(conn: Conn): Promise<string> {
  return (await conn.line(LINE, soon())).toString().trimEnd();
}

/** The contract on Redis, whose clients have no login of their own: their first command takes its place. */
export const harness: ContractHarness = {
  driver: redis as Driver,
  password: PASSWORD,
  start: () => RedisServer.start(PASSWORD),
  config: (server, password) => (server as RedisServer).config({}, password),
  client: {
    async login(conn, ticket, pipelined = Buffer.alloc(0)) {
      const first = ticket === undefined ? command('PING') : command('AUTH', ticket);
      await conn.write(Buffer.concat([first, pipelined]), soon());
      const answer = await line(conn);
      return answer.startsWith('-') ? answer : undefined;
    },
    request: (marker) => command('ECHO', marker),
    async answer(conn) {
      const head = await line(conn);
      return head.startsWith('$') ? await line(conn) : head;
    },
    finish: () => command('FINISH'),
    farewell: async (conn) => (await conn.some(soon()))?.toString() ?? '',
  },
};
