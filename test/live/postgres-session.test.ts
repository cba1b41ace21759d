import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import pg from 'pg';
import { BrokerError } from '../../src/core/errors.ts';
import type { SessionEnd } from '../../src/core/relay.ts';
import { Secret } from '../../src/core/secret.ts';
import { tlsContext } from '../../src/core/tls.ts';
import { cleanEnv, configOf, directly, openLease, type PostgresLease, psql, viaLease } from '../support/postgres.ts';
import { rig } from '../support/rig.ts';

function clientOf(lease: PostgresLease, more: pg.ClientConfig = {}): pg.Client {
  return new pg.Client({ host: '127.0.0.1', port: lease.port, user: 'anyone', database: 'anything', ...more });
}

/** A connection to the server itself, to look at what goes on there. */
async function superuser(): Promise<pg.Client> {
  const { host, port, logins } = rig().postgres;
  const client = new pg.Client({ host, port, ...logins.superuser, database: 'app' });
  await client.connect();
  return client;
}

/** Waits until a query holding `marker` is what the server says, without polling faster than it can answer. */
async function until(watcher: pg.Client, marker: string, running: boolean): Promise<void> {
  const sql = "select 1 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like $1";
  for (;;) {
    const { rowCount } = await watcher.query(sql, [`%${marker}%`]);
    if ((rowCount ?? 0) > 0 === running) return;
  }
}

const TRANSCRIPT = `
select current_user, current_database(), version();
\\encoding
show timezone;
create temp table t(a int, b text);
copy t from stdin;
1	one
2	zwei ü
\\.
copy t to stdout;
select * from t order by a;
select 1/0;
begin; insert into t values (3, 'x'); rollback;
prepare q as select $1::int + 1; execute q(41);
listen news; notify news, 'hello'; select 1;
\\pset format unaligned
select repeat('x', 100000) as large, generate_series(1, 3) as n;
do $$ begin raise notice 'noticed'; end $$;
select * from nowhere;
reset all; show application_name;
discard all; show client_encoding;
\\conninfo
`;

test('psql sees the same through broker as directly', async () => {
  await using lease = await openLease();
  const args = ['-v', 'VERBOSITY=verbose', '-a'];
  const hide = (text: string) =>
    text.replace(/server process with PID \d+/g, 'PID').replace(/^You are connected.*\n(SSL connection.*\n)?/gm, '');
  const direct = await psql(directly(), args, { input: TRANSCRIPT });
  const broker = await psql(viaLease(lease), args, { input: TRANSCRIPT });
  assert.equal(hide(broker.stdout), hide(direct.stdout));
  assert.equal(broker.stderr.replace(/PID \d+/g, 'PID'), direct.stderr.replace(/PID \d+/g, 'PID'));
  assert.match(broker.stdout, / scramuser +\| app /);
  assert.match(broker.stderr, /division by zero/);
});

test('a LATIN1 database stays LATIN1', async () => {
  await using lease = await openLease(configOf({ fields: { database: 'latin1' } }));
  const { stdout } = await psql(viaLease(lease), ['-At', '-c', 'show client_encoding']);
  assert.equal(stdout, (await psql(directly('postgres', 'latin1'), ['-At', '-c', 'show client_encoding'])).stdout);
  assert.equal(stdout, 'LATIN1\n');
});

test('start-up parameters take effect upstream and are what RESET ALL and DISCARD ALL go back to', async () => {
  await using lease = await openLease();
  const env = {
    PGOPTIONS: '-c statement_timeout=1234ms --search-path=one,two',
    PGTZ: 'Asia/Tokyo',
    PGDATESTYLE: 'German',
  };
  const show = [
    'statement_timeout',
    'search_path',
    'timezone',
    'datestyle',
    'intervalstyle',
    'application_name',
    'client_encoding',
  ];
  const shows = show.map((name) => `show ${name};`).join('');
  const input = `${shows} set timezone = 'UTC'; reset all; ${shows} set search_path = x; discard all; ${shows}`;
  const wish = 'application_name=mine client_encoding=LATIN1';
  const broker = await psql(viaLease(lease, wish), ['-At'], { input, env: { ...env, PGAPPNAME: 'ignored' } });
  const direct = await psql(`${directly()} ${wish}`, ['-At'], { input, env });
  assert.equal(broker.stderr, '');
  assert.equal(broker.stdout, direct.stdout);
  assert.match(broker.stdout, /^1234ms\none, ?two\nAsia\/Tokyo\nGerman, DMY\npostgres\nmine\nLATIN1\n/);
});

test('a value that the server refuses reaches the client with the server’s SQLSTATE', async () => {
  await using lease = await openLease();
  const { code, stderr } = await psql(viaLease(lease, `options='-c timezone=Nowhere/Land'`), ['-c', 'select 1']);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /FATAL: {2}broker: PostgreSQL at .* refused the connection: invalid value for parameter "TimeZone"/,
  );
});

test('a start-up parameter that is not passed on is refused by name, and so is replication', async () => {
  await using lease = await openLease();
  const geqo = await psql(viaLease(lease), ['-c', 'select 1'], { env: { PGGEQO: 'off' } });
  assert.match(
    geqo.stderr,
    /FATAL: {2}broker: the start-up parameter "geqo" is not passed on\nHINT: {2}set it with SET/,
  );
  const replication = await psql(viaLease(lease, 'replication=database'), ['-c', 'IDENTIFY_SYSTEM']);
  assert.match(replication.stderr, /FATAL: {2}broker: replication connections are not possible through broker/);
});

test('Ctrl-C in psql cancels the query', async () => {
  await using lease = await openLease();
  const watcher = await superuser();
  const child = spawn('psql', ['-X', '-At', viaLease(lease)], { env: cleanEnv() });
  // It may be over as soon as its query is.
  const closed = once(child, 'close');
  const lines: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => lines.push(String(chunk)));
  child.stdin.write("select pg_sleep(60), 'ctrl-c';\n");
  await until(watcher, 'ctrl-c', true);
  child.kill('SIGINT');
  await until(watcher, 'ctrl-c', false);
  child.stdin.end();
  const [code] = await closed;
  await watcher.end();
  // psql without a terminal gives up after Ctrl-C; that the session goes on is the next test's.
  assert.equal(code, 3);
  assert.match(lines.join(''), /Cancel request sent\nERROR: {2}canceling statement due to user request\n/);
});

test('node-postgres: each client has its own key, a cancel hits its own query only, a late one none', async () => {
  await using lease = await openLease();
  const [one, two] = [clientOf(lease), clientOf(lease)];
  await Promise.all([one.connect(), two.connect()]);
  const keys = [one, two].map((client) => Reflect.get(client, 'processID'));
  assert.notEqual(keys[0], keys[1]);
  const { rows } = await one.query<{ pid: number }>('select pg_backend_pid() as pid');
  assert.notEqual(rows[0]?.pid, keys[0], 'the server’s own process id was given away');
  const watcher = await superuser();
  const sleeping = [one, two].map((client, i) => client.query(`select pg_sleep(60), 'pg-cancel-${i}'`));
  const results = sleeping.map((query) =>
    query.then(
      () => 'done',
      (error: pg.DatabaseError) => error.code,
    ),
  );
  await until(watcher, 'pg-cancel-0', true);
  await until(watcher, 'pg-cancel-1', true);
  await cancelBy(one, lease);
  assert.equal(await results[0], '57014');
  const { rowCount } = await watcher.query(
    "select 1 from pg_stat_activity where query like '%pg-cancel-1%' and state = 'active' and pid <> pg_backend_pid()",
  );
  assert.equal(rowCount, 1, 'the other client’s query was hit');
  assert.equal((await one.query('select 42 as n')).rows[0].n, 42);
  await one.end();
  // A late cancel, after its session: found by nobody.
  await cancelBy(one, lease);
  await cancelBy(two, lease);
  assert.equal(await results[1], '57014');
  await two.end();
  await watcher.end();
});

/** Sends a CancelRequest as node-postgres does, with the key that `client` was given. */
async function cancelBy(client: pg.Client, lease: PostgresLease): Promise<void> {
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(Number(Reflect.get(client, 'processID')), 8);
  request.writeInt32BE(Number(Reflect.get(client, 'secretKey')), 12);
  const socket = connect(lease.port, '127.0.0.1');
  socket.end(request);
  socket.resume();
  await once(socket, 'close');
}

test('node-postgres: a pool of ten, LISTEN and NOTIFY, prepared statements, bad SQL', async () => {
  await using lease = await openLease();
  const pool = new pg.Pool({ host: '127.0.0.1', port: lease.port, user: 'x', database: 'y', max: 10 });
  const sums = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      pool.query({ name: 'sum', text: 'select $1::int + $2::int as sum', values: [i, 1] }),
    ),
  );
  assert.deepEqual(
    sums.map((r) => r.rows[0].sum),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
  await assert.rejects(pool.query('select * from nowhere'), { code: '42P01' });
  const listener = await pool.connect();
  const heard = once(listener, 'notification');
  await listener.query('listen news');
  await pool.query("notify news, 'hello'");
  const [note] = await heard;
  assert.equal(note.payload, 'hello');
  listener.release();
  await pool.end();
  await lease.settled();
});

test('a ticket is asked for as the password; without the right one nobody gets in', async () => {
  const ticket = 'one-time ticket';
  await using lease = await openLease(configOf(), { ticket });
  const right = await psql(viaLease(lease), ['-At', '-c', 'select 42'], { env: { PGPASSWORD: ticket } });
  assert.equal(right.stdout, '42\n');
  const wrong = await psql(viaLease(lease), ['-w', '-At', '-c', 'select 42'], { env: { PGPASSWORD: 'guess' } });
  assert.equal(wrong.stdout, '');
  assert.match(wrong.stderr, /FATAL: {2}broker: wrong ticket/);
});

test('a --tls session serves sslmode verify-full and direct clients alike', async () => {
  const { server, ca } = rig().tls;
  const tls = tlsContext({ cert: server.cert, key: Secret.fromText(server.key) });
  await using lease = await openLease(configOf(), { tls });
  const secure = `host=localhost hostaddr=127.0.0.1 port=${lease.port} user=x sslmode=verify-full sslrootcert=${ca.certFile}`;
  const { stdout, stderr } = await psql(secure, [
    '-At',
    '-c',
    '\\conninfo',
    '-c',
    "select length(repeat('x', 3000000))",
  ]);
  assert.equal(stderr, '');
  assert.match(stdout, /SSL connection.*\n3000000\n/);
  assert.equal((await psql(viaLease(lease, 'sslmode=disable'), ['-At', '-c', 'select 1'])).stdout, '1\n');
  const required = await psql(`${viaLease(lease)} sslmode=require`, ['-At', '-c', 'select 1']);
  assert.equal(required.stdout, '1\n');
});

test('a forced end says why and stops the query that runs', async () => {
  let ended: (end: SessionEnd) => void = () => undefined;
  const end = new Promise<SessionEnd>((resolve) => {
    ended = resolve;
  });
  await using lease = await openLease(configOf(), { ended });
  const watcher = await superuser();
  const client = clientOf(lease);
  client.on('error', () => undefined);
  await client.connect();
  const sleeping = client.query("select pg_sleep(60), 'forced-end'").then(
    () => undefined,
    (error: pg.DatabaseError) => error,
  );
  await until(watcher, 'forced-end', true);
  await lease.end(new BrokerError('ended', 'the token of this session was revoked'));
  const error = await sleeping;
  assert.deepEqual([error?.code, error?.message], ['57P01', 'broker: the token of this session was revoked']);
  assert.equal((await end).outcome, 'ended');
  await until(watcher, 'forced-end', false);
  await watcher.end();
});

test('an idle session ends with a reason', async () => {
  await using lease = await openLease(configOf(), { idleMs: 50 });
  const client = clientOf(lease);
  // It reports our FATAL and then, separately, that the connection is gone.
  client.on('error', () => undefined);
  const [error] = await Promise.all([once(client, 'error').then(([e]) => e as Error), client.connect()]);
  assert.match(error.message, /^broker: the session was idle for 50 ms$/);
});

test('a client that half-closes behind a pipelined query gets its whole answer', async () => {
  await using lease = await openLease();
  const socket = connect({ port: lease.port, host: '127.0.0.1', allowHalfOpen: true });
  const startup = Buffer.from('\0\0\0\x10\0\x03\0\0user\0x\0\0', 'latin1');
  startup.writeInt32BE(startup.length, 0);
  const sql = "select repeat('y', 4000000)\0";
  const query = Buffer.alloc(5);
  query.write('Q');
  query.writeInt32BE(4 + sql.length, 1);
  socket.end(Buffer.concat([startup, query, Buffer.from(sql)]));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const answer = Buffer.concat(chunks);
  assert.ok(answer.length > 4_000_000, `${answer.length} bytes`);
  assert.equal(answer.subarray(-6).toString('hex'), '5a0000000549');
});
