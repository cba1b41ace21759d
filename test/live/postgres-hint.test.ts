import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import pg from 'pg';
import type { LeaseAddress } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import { tlsContext } from '../../src/core/tls.ts';
import { postgres } from '../../src/drivers/postgres/driver.ts';
import { cleanEnv, configOf, openLease, psql } from '../support/postgres.ts';
import { rig } from '../support/rig.ts';

const run = promisify(execFile);
const SQL = 'select current_user';
const TICKET = `it's "one" $ticket\\%`;

test('what the hint prints works as printed, with TLS and a ticket of any characters, and without', async () => {
  const { server, ca } = rig().tls;
  const tls = tlsContext({ cert: server.cert, key: Secret.fromText(server.key) });
  for (const secure of [false, true]) {
    const ticket = secure ? TICKET : undefined;
    await using lease = await openLease(configOf(), { ...(secure && { tls }), ...(ticket && { ticket }) });
    const address: LeaseAddress = {
      listen: 'tcp',
      host: '127.0.0.1',
      port: lease.port,
      tls: secure,
      ...(secure && { caFile: ca.certFile }),
      ...(ticket && { ticket }),
    };
    const { url, env, example, unset } = postgres.hint(address, configOf());
    const byExample = await run('sh', ['-c', `${example} -X -At -c '${SQL}'`], { env: cleanEnv() });
    assert.equal(byExample.stdout, 'scramuser\n');
    assert.equal((await psql(url, ['-At', '-c', SQL])).stdout, 'scramuser\n');
    // The worst surroundings a shell can have, less what the hint says to unset.
    const bad = {
      PGHOSTADDR: '192.0.2.1',
      PGSSLMODE: 'verify-full',
      PGCHANNELBINDING: 'require',
      PGREQUIREAUTH: 'scram-sha-256',
      PGSERVICE: 'x',
      PGTARGETSESSIONATTRS: 'standby',
    };
    const left = Object.entries(bad).filter(([name]) => !unset.includes(name));
    const byEnv = await run('psql', ['-X', '-At', '-c', SQL], {
      env: { ...cleanEnv(Object.fromEntries(left)), ...env },
    });
    assert.equal(byEnv.stdout, 'scramuser\n');
    const client = new pg.Client(url.replace('sslmode=verify-full', 'sslmode=no-verify'));
    await client.connect();
    assert.equal((await client.query(SQL)).rows[0].current_user, 'scramuser');
    await client.end();
    await lease.settled();
  }
});

test('names with every awkward character survive', async () => {
  const config = configOf({ fields: { user: `o'brien @:/?#&%=\\ü`, database: 'a b"c$d`e' } });
  const address: LeaseAddress = { listen: 'tcp', host: '127.0.0.1', port: 5, tls: false };
  const { example, env, url } = postgres.hint(address, config);
  const printed = await run('sh', ['-c', `psql() { printf '%s' "$1"; }; ${example}`], { env: cleanEnv() });
  assert.equal(
    printed.stdout,
    `host=127.0.0.1 port=5 user='o\\'brien @:/?#&%=\\\\ü' dbname='a b"c$d\`e' sslmode=disable`,
  );
  assert.equal(env.PGUSER, config.user);
  const parsed = new URL(url);
  assert.equal(decodeURIComponent(parsed.username), config.user);
  assert.equal(decodeURIComponent(parsed.pathname.slice(1)), config.database);
});

test('a unix socket is named by its folder, an IPv6 address in brackets', () => {
  const unix: LeaseAddress = {
    listen: 'unix',
    host: '/run/b/x y',
    port: 5432,
    path: '/run/b/x y/.s.PGSQL.5432',
    tls: false,
  };
  const hint = postgres.hint(unix, configOf());
  assert.equal(hint.url, 'postgresql://scramuser@/app?host=%2Frun%2Fb%2Fx%20y&port=5432');
  assert.equal(hint.example, `psql 'host='\\''/run/b/x y'\\'' port=5432 user=scramuser dbname=app'`);
  const six = postgres.hint({ listen: 'tcp', host: '::1', port: 7, tls: false }, configOf());
  assert.equal(six.url, 'postgresql://scramuser@[::1]:7/app?sslmode=disable');
});
