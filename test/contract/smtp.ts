import type { Conn } from '../../src/core/conn.ts';
import type { Driver } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { smtp } from '../../src/drivers/smtp/driver.ts';
import { SmtpServer } from '../fakes/smtp.ts';
import type { ContractHarness } from './harness.ts';

const PASSWORD = 'upstream-password';
const LINE = 200_000;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** All lines of one reply. */
async function reply(conn: Conn): Promise<string> {
  const lines: string[] = [];
  for (;;) {
    const line = (await conn.line(LINE, soon())).toString().trimEnd();
    lines.push(line);
    if (line.charAt(3) !== '-') return lines.join('\n');
  }
}

export const harness: ContractHarness = {
  driver: smtp as Driver,
  password: PASSWORD,
  start: () => SmtpServer.start(PASSWORD),
  config: (server, password) =>
    smtp.config.parse(
      {
        host: '127.0.0.1',
        port: (server as SmtpServer).port,
        user: (server as SmtpServer).user,
        tls: 'none',
        auth: 'plain',
      },
      new Map([['password', Secret.fromText(password)]]),
    ),
  client: {
    async login(conn, ticket = 'any', pipelined = Buffer.alloc(0)) {
      const greeting = await reply(conn);
      if (!greeting.startsWith('220 ')) return greeting;
      await conn.write(Buffer.from('EHLO client.test\r\n'), soon());
      const hello = await reply(conn);
      if (!hello.startsWith('250')) return hello;
      const response = Buffer.from(`\0me\0${ticket}`).toString('base64');
      await conn.write(Buffer.concat([Buffer.from(`AUTH PLAIN ${response}\r\n`), pipelined]), soon());
      const answer = await reply(conn);
      return answer.startsWith('235') ? undefined : answer;
    },
    request: (marker) => Buffer.from(`XECHO ${marker}\r\n`),
    answer: reply,
    finish: () => Buffer.from('FINISH\r\n'),
    farewell: async (conn) => (await conn.some(soon()))?.toString() ?? '',
  },
};
