import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import { type Action, SESSION_ACTIONS } from '../../../src/core/grant.ts';
import { descriptor } from '../../../src/core/proto/descriptor.ts';
import { type Node, Schema } from '../../../src/core/schema.ts';
import { ACCESS } from '../../../src/daemon/access.ts';
import { packageDefinition } from '../../../src/daemon/grpc/definition.ts';
import { PgServer } from '../../fakes/pgserver.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { fakePostgres } from '../../support/pgservice.ts';
import { rpcClient } from '../../support/rpcclient.ts';
import { COLUMNS, type Column, password, ROWS } from './accesstable.ts';

/* Every RPC, called by every sort of caller, against the table in accesstable.ts: over gRPC, then over /rpc. */

let server: PgServer;
let daemon: TestDaemon;
let clients: Readonly<Record<Column, BrokerClient>>;
let tokens: Readonly<Record<Column, string | undefined>>;
let overHttp: Readonly<Record<Column, BrokerClient>>;
const schema = new Schema(descriptor as Node);

before(async () => {
  server = await PgServer.start('app password');
  daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  await admin.services.put(fakePostgres('mine', server));
  tokens = {
    admin: await daemon.adminToken(),
    owner: undefined,
    proxy: await daemon.proxyToken('agent', 'mine', [...SESSION_ACTIONS, 'http']),
    stranger: await daemon.proxyToken('stranger', 'other-*'),
    none: undefined,
    expired: await daemon.expiredToken(),
    revoked: await daemon.revokedToken(),
  };
  const each = (make: (column: Column) => BrokerClient) =>
    Object.fromEntries(COLUMNS.map((column) => [column, make(column)])) as Record<Column, BrokerClient>;
  clients = each((column) => (column === 'owner' ? daemon.client() : daemon.tcp(tokens[column])));
  const services = [...new Set(Object.keys(ROWS).map((name) => name.split('/')[0] ?? ''))];
  overHttp = each((column) => rpcClient(daemon.http, services, tokens[column]));
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

test('every RPC of the proto files has a row in the access table and in this one', () => {
  const paths = Object.entries(packageDefinition())
    .filter(([, definition]) => !('format' in definition))
    .flatMap(([, service]) => Object.values(service).map((method) => method.path as string));
  assert.ok(paths.length > 30);
  assert.deepEqual(Object.keys(ACCESS).sort(), paths.sort());
  assert.deepEqual(
    Object.keys(ROWS)
      .map((name) => `/broker.v1.${name}`)
      .sort(),
    paths.sort(),
  );
});

for (const state of ['unlocked', 'locked'] as const) {
  describe(`while the vault is ${state}`, () => {
    for (const [name, row] of Object.entries(ROWS)) {
      test(name, async () => {
        const seen: Record<string, string> = {};
        for (const column of COLUMNS) {
          await bring(state);
          seen[column] = await outcome(row.call(clients[column]));
        }
        assert.deepEqual(seen, row[state]);
      });
    }
  });

  describe(`over /rpc while the vault is ${state}`, () => {
    for (const [name, row] of Object.entries(ROWS)) {
      const [service = '', method = ''] = name.split('/');
      test(name, async () => {
        const seen: Record<string, string> = {};
        for (const column of COLUMNS) {
          await bring(state);
          if (schema.streams(`broker.v1.${service}`, method).requestStream) await refusedStream(name, tokens[column]);
          else seen[column] = await outcome(row.call(overHttp[column]));
        }
        if (Object.keys(seen).length > 0) assert.deepEqual(seen, { ...row[state], owner: row[state].none });
        // What the rows to come look for.
        if (name === 'Files/Put' && state === 'unlocked') await row.call(clients.admin);
      });
    }
  });
}

/** The action that a grant must name for each RPC that leads to a server; what comes of it once it does. */
const ACTIONS: readonly (readonly [string, Action, string])[] = [
  ['Sessions/Open', 'open', 'ok'],
  ['Sessions/Connect', 'open', 'ended'],
  ['Ssh/Exec', 'exec', 'invalid_argument'],
  ['Ssh/Upload', 'copy', 'invalid_argument'],
  ['Ssh/Download', 'copy', 'invalid_argument'],
  ['Http/Request', 'http', 'invalid_argument'],
];

test('no action of a grant stands for another', async () => {
  await bring('unlocked');
  for (const [name, action, otherwise] of ACTIONS) {
    const row = ROWS[name];
    assert.ok(row, name);
    const only = await daemon.proxyToken(`only-${name.replace('/', '-')}`, 'mine', [action]);
    const others = [...SESSION_ACTIONS, 'http'].filter((other) => other !== action);
    const not = await daemon.proxyToken(`not-${name.replace('/', '-')}`, 'mine', others);
    assert.deepEqual(
      [await outcome(row.call(daemon.client(only))), await outcome(row.call(daemon.client(not)))],
      [otherwise, 'denied'],
      name,
    );
  }
});

/** HTTP has no messages that follow each other upwards: whoever asks is told so, and no more. */
async function refusedStream(name: string, token: string | undefined): Promise<void> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(`${daemon.http}/rpc/broker.v1.${name}`, { method: 'POST', headers, body: '{}' });
  assert.equal(answer.status, 501);
  assert.match(await answer.text(), /only gRPC can carry/);
}

async function bring(state: 'locked' | 'unlocked'): Promise<void> {
  const { vault } = daemon.instance.daemon;
  if (vault.state === state) return;
  if (state === 'locked') await daemon.instance.daemon.lock();
  else await daemon.client().vault.unlock({ password: password() });
}

async function outcome(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return 'ok';
  } catch (error) {
    if (error instanceof BrokerError) return error.code;
    throw error;
  }
}
