import type { Conn } from '../../src/core/conn.ts';
import type { Driver } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { imap } from '../../src/drivers/imap/driver.ts';
import { ImapServer } from '../fakes/imap.ts';
import type { ContractHarness } from './harness.ts';

const PASSWORD = 'upstream-password';
const LINE = 200_000;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const read = async (conn: Conn): Promise<string> => (await conn.line(LINE, soon())).toString().trimEnd();

export const harness: ContractHarness = {
  driver: imap as Driver,
  password: PASSWORD,
  start: () => ImapServer.start(PASSWORD),
  config: (server, password) =>
    imap.config.parse(
      {
        host: '127.0.0.1',
        port: (server as ImapServer).port,
        user: (server as ImapServer).user,
        tls: 'none',
        auth: 'plain',
      },
      new Map([['password', Secret.fromText(password)]]),
    ),
  client: {
    async login(conn, ticket = 'any', pipelined = Buffer.alloc(0)) {
      const greeting = await read(conn);
      if (!greeting.startsWith('* OK ')) return greeting;
      await conn.write(Buffer.concat([Buffer.from(`a LOGIN me "${ticket}"\r\n`), pipelined]), soon());
      for (;;) {
        const answer = await read(conn);
        if (answer.startsWith('a OK ')) return undefined;
        if (answer.startsWith('a ') || answer.startsWith('* BYE')) return answer;
      }
    },
    request: (marker) => Buffer.from(`b ECHO ${marker}\r\n`),
    async answer(conn) {
      const text = await read(conn);
      await read(conn);
      return text;
    },
    finish: () => Buffer.from('c FINISH\r\n'),
    farewell: async (conn) => (await conn.some(soon()))?.toString() ?? '',
  },
};
