import { join } from 'node:path';
import { ROOT } from '../command.ts';
import type { Broker } from './broker.ts';
import { lookAt, onPath, type Sight } from './look.ts';
import { tap } from './tap.ts';

/** A client and its connection, as anybody could see them. */
export interface Seen extends Sight {
  readonly client: string;
  /** Every byte from the client to broker. */
  readonly up: Buffer;
  readonly down: Buffer;
}

export interface StockClient {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}

/** Where the demo's own test puts the password, in order to be caught. */
export interface Planted {
  readonly environment?: Readonly<Record<string, string>>;
  readonly word?: string;
  readonly comment?: string;
  readonly reason?: string;
}

/** node-postgres, and psql if it is on PATH. Both take the query on standard input and stay until that ends. */
export function stockClients(): StockClient[] {
  const script = join(ROOT, 'scripts/demo/client.ts');
  const psql = onPath('psql');
  return [
    { name: 'node-postgres', file: process.execPath, args: ['--import', 'tsx', script] },
    ...(psql ? [{ name: 'psql', file: psql, args: ['-X', '-q', '-A', '-t'] }] : []),
  ];
}

/** Opens a session, puts the client and a tap in front of it, and looks at the client while it is connected. */
export async function throughBroker(
  broker: Broker,
  client: StockClient,
  query: string,
  planted: Planted,
): Promise<Seen> {
  const reason = planted.reason ?? 'demo';
  const session = parseSession(await broker.run(['postgres', 'app-db', '--json', '--reason', reason]));
  await using wire = await tap(session.host, session.port);
  const ambient = Object.entries(broker.environment).filter(([name]) => !name.startsWith('PG'));
  const statement =
    planted.comment === undefined ? query : `select '${planted.comment}' as note, * from (${query}) as q`;
  const sight = await lookAt({
    file: client.file,
    args: [...client.args, ...(planted.word === undefined ? [] : [`--set=note=${planted.word}`])],
    env: { ...Object.fromEntries(ambient), ...session.env, PGPORT: String(wire.port), ...planted.environment },
    input: `${statement};\n`,
  });
  return { ...sight, client: client.name, up: Buffer.concat(wire.up), down: Buffer.concat(wire.down) };
}

function parseSession(json: string): { host: string; port: number; env: Record<string, string> } {
  const { host, port, env }: { host?: unknown; port?: unknown; env?: unknown } = JSON.parse(json);
  if (typeof host !== 'string' || typeof port !== 'number' || typeof env !== 'object' || env === null) {
    throw new Error('broker postgres --json did not print host, port and env');
  }
  return { host, port, env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)])) };
}
