import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { dial } from '../../src/core/dial.ts';
import { Secret } from '../../src/core/secret.ts';
import { tlsContext } from '../../src/core/tls.ts';
import { drivers } from '../../src/drivers/registry.ts';
import { ms, quantile, type Row, ratioOf, rounds, timed } from '../measure.ts';
import type { Stage } from '../stage.ts';

/** What it costs to open a session, against logging in directly with TLS (verify-full) and SCRAM-SHA-256. */
export async function openingRows(stage: Stage, count: number): Promise<Row[]> {
  const { client } = stage;
  await stage.addService('bench-cold', { spares: 0 });
  await stage.addService('bench-spare', { spares: 1 });
  const open = async (service: string): Promise<{ id: string; port: number }> =>
    await client.sessions.open({ service });
  const direct = directLogin(stage);

  const bare = await rounds(count, {
    open: async () => {
      let id = '';
      const took = await timed(async () => {
        id = (await open('bench-cold')).id;
      });
      await client.sessions.close({ id });
      return took;
    },
    library: () => direct(),
    node: () => timed(async () => await (await connectDirectly(stage)).end()),
  });
  const overhead = bare.open.map((took, i) => (took - 2) / (bare.library[i] ?? Number.NaN));
  const ratio = quantile(overhead, 0.5);
  const openRow: Row = {
    what: 'Sessions.Open, no spare, less 2 ms',
    versus: 'our own open(): direct TLS + SCRAM',
    ratio,
    target: '<= 1.15',
    met: ratio <= 1.15,
    detail: `Open p50 ${ms(quantile(bare.open, 0.5))}, p99 ${ms(quantile(bare.open, 0.99))}; direct p50 ${ms(quantile(bare.library, 0.5))}, p99 ${ms(quantile(bare.library, 0.99))}; node-postgres p50 ${ms(quantile(bare.node, 0.5))}`,
  };

  const first = await rounds(count, {
    spare: () => spareToFirstRow(stage, open),
    cold: () => untilFirstRow(async () => await connectLocally((await open('bench-cold')).port)),
    direct: () => untilFirstRow(() => connectDirectly(stage)),
  });
  const spareRatio = ratioOf(first.spare, first.direct);
  return [
    openRow,
    {
      what: 'Sessions.Open to first row, with a spare',
      versus: 'direct TLS + SCRAM to first row (node-postgres)',
      ratio: spareRatio,
      target: '<= 0.3',
      met: spareRatio <= 0.3,
      detail: Object.entries(first)
        .map(([name, times]) => `${name} p50 ${ms(quantile(times, 0.5))}, p99 ${ms(quantile(times, 0.99))}`)
        .join('; '),
    },
  ];
}

/** Until a spare waits again, nothing can be said about opening with one: the daemon's audit log tells when it does. */
async function spareToFirstRow(_stage: Stage, open: (service: string) => Promise<{ port: number }>): Promise<number> {
  const took = await untilFirstRow(async () => await connectLocally((await open('bench-spare')).port));
  await new Promise((resolve) => setTimeout(resolve, 150));
  return took;
}

/** Milliseconds until the first row is there; taking leave is not counted on either side. */
async function untilFirstRow(connectClient: () => Promise<pg.Client>): Promise<number> {
  let client: pg.Client | undefined;
  const took = await timed(async () => {
    client = await connectClient();
    await client.query('select 1');
  });
  await client?.end();
  return took;
}

async function connectLocally(port: number): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'any', database: 'any', ssl: false });
  await client.connect();
  return client;
}

async function connectDirectly({ facts: { postgres } }: Stage): Promise<pg.Client> {
  const client = new pg.Client({
    host: 'localhost',
    port: postgres.port,
    user: postgres.logins.scram.user,
    password: postgres.logins.scram.password,
    database: postgres.databases.app,
    ssl: { ca: readFileSync(postgres.ca.certFile, 'utf8') },
  });
  await client.connect();
  return client;
}

/** The driver's own open(), with nothing of the daemon round it. */
function directLogin({ facts: { postgres } }: Stage): () => Promise<number> {
  const driver = drivers.get('postgres');
  if (!driver) throw new Error('no postgres driver');
  const { host, port, logins, databases, ca } = postgres;
  const fields = { host, port, user: logins.scram.user, database: databases.app, ca: ca.cert };
  const context = tlsContext({ ca: ca.cert });
  const io = {
    dial: (target: Parameters<typeof dial>[0], signal: AbortSignal) =>
      dial(
        target,
        () => undefined,
        () => undefined,
        signal,
      ),
    redial: async (address: Parameters<typeof dial>[0], signal: AbortSignal) =>
      (
        await dial(
          address,
          () => undefined,
          () => undefined,
          signal,
        )
      ).conn,
    tlsContext: () => context,
    random: randomBytes,
    passed: () => undefined,
  };
  return async () => {
    const secrets = new Map([['password', Secret.fromText(logins.scram.password)]]);
    const config = driver.config.parse(fields, secrets);
    const start = performance.now();
    const upstream = await driver.open(config, new Map(), io, AbortSignal.timeout(10_000));
    const took = performance.now() - start;
    await upstream[Symbol.asyncDispose]();
    return took;
  };
}
