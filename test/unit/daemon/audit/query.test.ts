import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chain } from '../../../../src/daemon/audit/chain.ts';
import { type AuditFilter, query } from '../../../../src/daemon/audit/query.ts';
import { ManualClock } from '../time.ts';
import { event, openChain, queried } from './logs.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

/** Reads a followed query until `count` records came. */
async function followed(chain: Chain, count: number, filter: AuditFilter = {}): Promise<number[]> {
  const found: number[] = [];
  for await (const { seq } of query(chain, { ...filter, follow: true }, new AbortController().signal)) {
    found.push(seq);
    if (found.length === count) break;
  }
  return found;
}

test('gives every record of every file, oldest first', async (t) => {
  const chain = await openChain(t, { maxBytes: 1_500, keepFiles: 100 });
  for (let n = 1; n <= 40; n++) await chain.append(event(n), false);
  assert.deepEqual(await queried(chain, {}), range(1, chain.last.seq));
});

test('chooses by time, service, action, outcome and token', async (t) => {
  const clock = new ManualClock();
  const start = clock.now();
  const chain = await openChain(t, { clock });
  await chain.append(event(1), true);
  clock.advance(1_000);
  await chain.append(event(2, { outcome: 'denied', caller: { token: 'ci', tokenId: 'abcd' } }), true);
  clock.advance(1_000);
  await chain.append(event(3, { action: 'token.revoke', caller: {} }), true);
  assert.deepEqual(await queried(chain, { since: start + 1_000 }), [2, 3]);
  assert.deepEqual(await queried(chain, { until: start + 1_000 }), [1]);
  assert.deepEqual(await queried(chain, { service: 'db-2' }), [2]);
  assert.deepEqual(await queried(chain, { action: 'token.revoke' }), [3]);
  assert.deepEqual(await queried(chain, { outcome: 'denied' }), [2]);
  assert.deepEqual(await queried(chain, { token: 'ci' }), [1, 2]);
  assert.deepEqual(await queried(chain, { token: 'abcd' }), [2]);
  assert.deepEqual(await queried(chain, { service: 'db-1', outcome: 'denied' }), []);
});

test('a limit gives the newest that fit, across files', async (t) => {
  const chain = await openChain(t, { maxBytes: 1_500, keepFiles: 100 });
  for (let n = 1; n <= 40; n++) await chain.append(event(n % 2, { service: n % 2 ? 'odd' : 'even' }), false);
  const all = await queried(chain, { service: 'odd' });
  for (const limit of [1, 5, 19, 20, 100]) {
    assert.deepEqual(await queried(chain, { service: 'odd', limit }), all.slice(-limit), `limit ${limit}`);
  }
});

test('follows: what is there, then what comes, each once, through rotations', async (t) => {
  const chain = await openChain(t, { maxBytes: 1_500, keepFiles: 100 });
  for (let n = 1; n <= 10; n++) await chain.append(event(n), false);
  const reading = followed(chain, 120);
  for (let n = 11; chain.last.seq < 120; n++) await chain.append(event(n), true);
  assert.deepEqual(await reading, range(1, 120));
});

test('several followers, each with its own filter', async (t) => {
  const chain = await openChain(t);
  const readers = [followed(chain, 3, { service: 'db-2' }), followed(chain, 9)];
  for (let n = 0; n < 9; n++) await chain.append(event(n % 3), true);
  assert.deepEqual(await Promise.all(readers), [[3, 6, 9], range(1, 9)]);
});

test('a follower that slept through retention goes on with what is left', async (t) => {
  const chain = await openChain(t, { maxBytes: 1_500, keepFiles: 2 });
  await chain.append(event(1), true);
  const reader = query(chain, { follow: true }, new AbortController().signal);
  assert.equal((await reader.next()).value?.seq, 1);
  for (let n = 0; n < 80; n++) await chain.append(event(n), true);
  const next = (await reader.next()).value?.seq ?? 0;
  assert.ok(next > 1);
  assert.equal((await reader.next()).value?.seq, next + 1);
  await reader.return(undefined);
});

test('a follower ends when it is told to, and when the log is closed', async (t) => {
  const chain = await openChain(t);
  const stop = new AbortController();
  const first = query(chain, { follow: true }, stop.signal).next();
  const second = query(chain, { follow: true }, new AbortController().signal).next();
  stop.abort();
  assert.equal((await first).done, true);
  await chain.close();
  assert.equal((await second).done, true);
});
