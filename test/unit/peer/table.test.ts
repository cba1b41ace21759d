import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOwner } from '../../../src/daemon/peer/table.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (local: string, remote: string, uid: number, inode: number): string =>
  `   1: ${local} ${remote} 01 00000000:00000000 00:00000000 00000000 ${uid}        0 ${inode} 1 0000 20 4 30 10 -1`;
/** The client 127.0.0.1:50000 of a listener on 127.0.0.1:4660. */
const tuple = { local: { address: '127.0.0.1', port: 50_000 }, remote: { address: '127.0.0.1', port: 4_660 } };
const CLIENT = '0100007F:C350';
const SERVER = '0100007F:1234';
const MAPPED = '0000000000000000FFFF00000100007F';
const find = (...rows: string[]) => findOwner([HEAD, ...rows].join('\n'), tuple);

test('finds the row of the client, not of the accepted socket', () => {
  assert.deepEqual(find(row(SERVER, CLIENT, 7, 70), row(CLIENT, SERVER, 1000, 4711)), { uid: 1000, inode: 4711 });
});

test('finds a client that speaks IPv6 to the mapped address', () => {
  assert.deepEqual(find(row(`${MAPPED}:C350`, `${MAPPED}:1234`, 1000, 1)), { uid: 1000, inode: 1 });
});

test('matches both addresses and both ports', () => {
  for (const [local, remote] of [
    ['0200007F:C350', SERVER],
    [CLIENT, '0200007F:1234'],
    ['0100007F:C351', SERVER],
    [CLIENT, '0100007F:1235'],
    [CLIENT, '00000000:0000'],
  ] as const)
    assert.equal(find(row(local, remote, 1000, 1)), undefined);
});

test('counts equal rows once and distrusts rows that contradict each other', () => {
  const one = row(CLIENT, SERVER, 1000, 1);
  assert.deepEqual(find(one, one), { uid: 1000, inode: 1 });
  assert.equal(find(one, row(CLIENT, SERVER, 0, 1)), 'ambiguous');
  assert.equal(find(one, row(CLIENT, SERVER, 1000, 2)), 'ambiguous');
});

test('a row without readable numbers is not trusted', () => {
  assert.equal(find(`   1: ${CLIENT} ${SERVER} 01`), 'ambiguous');
});
