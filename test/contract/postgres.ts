import type { Conn } from '../../src/core/conn.ts';
import type { Driver } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { postgres } from '../../src/drivers/postgres/driver.ts';
import { PgServer } from '../fakes/pgserver.ts';
import type { ContractHarness } from './harness.ts';

const PASSWORD = 'upstream-password';
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

interface Message {
  readonly type: string;
  readonly body: Buffer;
}

async function read(conn: Conn): Promise<Message> {
  const header = await conn.exactly(5, soon());
  return { type: header.toString('latin1', 0, 1), body: await conn.exactly(header.readInt32BE(1) - 4, soon()) };
}

function packet(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type, 'latin1'), length, body]);
}

const startup = packet('', Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from('user\0any\0database\0any\0\0')]));
const query = (text: string): Buffer => packet('Q', Buffer.from(`${text}\0`));
const isPasswordRequest = ({ type, body }: Message): boolean => type === 'R' && body.readInt32BE(0) === 3;

/** The M field of an ErrorResponse. */
function errorText(body: Buffer): string {
  const fields = body.toString().split('\0');
  return fields.find((field) => field.startsWith('M'))?.slice(1) ?? '';
}

export const harness: ContractHarness = {
  driver: postgres as Driver,
  password: PASSWORD,
  start: () => PgServer.start(PASSWORD),
  config: (server, password) =>
    postgres.config.parse(
      {
        host: '127.0.0.1',
        port: (server as PgServer).port,
        user: (server as PgServer).user,
        tls: 'disable',
        min_auth: 'md5',
      },
      new Map([['password', Secret.fromText(password)]]),
    ),
  client: {
    async login(conn, ticket, pipelined = Buffer.alloc(0)) {
      await conn.write(ticket === undefined ? Buffer.concat([startup, pipelined]) : startup, soon());
      for (;;) {
        const message = await read(conn);
        if (message.type === 'Z') return undefined;
        if (message.type === 'E') return errorText(message.body);
        if (ticket !== undefined && isPasswordRequest(message))
          await conn.write(Buffer.concat([packet('p', Buffer.from(`${ticket}\0`)), pipelined]), soon());
      }
    },
    request: query,
    async answer(conn) {
      let text = '';
      for (;;) {
        const message = await read(conn);
        if (message.type === 'D') text = message.body.toString('utf8', 6);
        if (message.type === 'Z') return text;
      }
    },
    finish: () => query('FINISH'),
    async farewell(conn) {
      if ((await conn.some(soon()).then((bytes) => bytes && conn.unread(bytes))) === undefined && conn.atEnd) return '';
      const message = await read(conn);
      return message.type === 'E' ? errorText(message.body) : '';
    },
  },
};
