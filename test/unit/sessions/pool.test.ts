import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Berth, Trunk } from '../../../src/core/driver.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import { SESSION_LIMITS } from '../../../src/daemon/sessions/manager.ts';
import { Pool } from '../../../src/daemon/sessions/pool.ts';
import { eventually } from '../../support/sessions.ts';

/** A connection whose life the test decides. */
class Line implements Trunk {
  #end: () => void = () => undefined;
  readonly over = new Promise<void>((resolve) => {
    this.#end = resolve;
  });
  answers = true;
  asked = 0;
  alive(): Promise<boolean> {
    this.asked++;
    return Promise.resolve(this.answers);
  }
  stream(): never {
    throw new Error('not asked for');
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }
}

/** A pool whose dials wait until the test lets them through. */
function scene(room = 10, trunkIdleMs = 60_000) {
  const dials: { through(line?: Line): void; fail(error: BrokerError): void; signal: AbortSignal }[] = [];
  const clock = { now: 1_000_000 };
  const limits = { ...SESSION_LIMITS, trunkIdleMs, droppedRestMs: 1 };
  const pool = new Pool(
    { session: room, stream: 100 },
    limits,
    () => clock.now,
    (error) => assert.fail(String(error)),
  );
  const dial = (signal: AbortSignal): Promise<Trunk> =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      dials.push({ through: (line = new Line()) => resolve(line), fail: reject, signal });
    });
  const reserve = (signal: AbortSignal = new AbortController().signal): Promise<Berth> =>
    pool.reserve('session', dial, signal);
  return { pool, dials, clock, reserve };
}

const outcome = (berth: Promise<Berth>): Promise<string> =>
  berth.then(
    () => 'in',
    (error: unknown) => (error instanceof BrokerError ? error.code : String(error)),
  );

test('fifty who come at a time need five connections of ten, at most four being dialled', async () => {
  const { pool, dials, reserve } = scene();
  const fifty = Array.from({ length: 50 }, () => reserve());
  assert.equal(dials.length, 4);
  dials[0]?.through();
  await eventually(() => dials.length === 5);
  for (const dial of dials) dial.through();
  const berths = await Promise.all(fifty);
  assert.equal(pool.size, 5);
  const each = new Map<Trunk, number>();
  for (const { trunk } of berths) each.set(trunk, (each.get(trunk) ?? 0) + 1);
  assert.deepEqual([...each.values()], [10, 10, 10, 10, 10]);
  const late = reserve();
  assert.equal(dials.length, 6);
  berths[0]?.[Symbol.dispose]();
  assert.equal((await late).trunk, berths[0]?.trunk);
});

test('a connection on which a channel was refused gets no more than it has; alone, the refusal is final', async () => {
  const { dials, reserve } = scene();
  const first = reserve();
  dials[0]?.through();
  using one = await first;
  assert.equal(one.refused(), false);
  const second = await reserve();
  assert.equal(second.refused(), true);
  second[Symbol.dispose]();
  const third = reserve();
  assert.equal(dials.length, 2);
  dials[1]?.through();
  assert.notEqual((await third).trunk, one.trunk);
});

test('what the server refused on one connection is not asked of the next', async () => {
  const { dials, reserve } = scene(3);
  const [one, two, three] = [reserve(), reserve(), reserve()];
  dials[0]?.through();
  using _one = await one;
  using _two = await two;
  const refused = await three;
  assert.equal(refused.refused(), true);
  refused[Symbol.dispose]();
  const further = [reserve(), reserve()];
  dials[1]?.through();
  const [second] = await Promise.all(further);
  const last = reserve();
  assert.equal(dials.length, 3);
  dials[2]?.through();
  assert.notEqual((await last).trunk, second?.trunk);
});

test('a refusal is not final when those who were in the way have left before it arrived', async () => {
  const { dials, reserve } = scene();
  const both = [reserve(), reserve()];
  dials[0]?.through();
  const [one, two] = await Promise.all(both);
  one?.[Symbol.dispose]();
  assert.equal(two?.refused(), true);
  two?.[Symbol.dispose]();
  assert.equal((await reserve()).refused(), false);
});

test('a login that fails is the answer to all who waited for it, and is not tried for each of them', async () => {
  const { dials, reserve } = scene();
  const three = [reserve(), reserve(), reserve()].map(outcome);
  dials[0]?.fail(new BrokerError('upstream_auth', 'wrong key'));
  assert.deepEqual(await Promise.all(three), ['upstream_auth', 'upstream_auth', 'upstream_auth']);
  assert.equal(dials.length, 1);
});

test('a caller who is refused is refused alone: the next one dials', async () => {
  const { dials, reserve } = scene();
  const [refused, other] = [outcome(reserve()), reserve()];
  dials[0]?.fail(new BrokerError('denied', 'not you'));
  assert.equal(await refused, 'denied');
  await eventually(() => dials.length === 2);
  dials[1]?.through();
  assert((await other).trunk);
});

test('a login that the server drops while it takes others is begun again, or gets a place that is free meanwhile', async () => {
  const { dials, reserve } = scene(1);
  const dropped = new BrokerError('upstream_protocol', 'it did not finish the login');
  const [one, two] = [reserve(), reserve()];
  dials[1]?.fail(dropped);
  await eventually(() => dials.length === 3);
  dials[0]?.through();
  using first = await one;
  dials[2]?.fail(dropped);
  await eventually(() => dials.length === 4);
  first[Symbol.dispose]();
  assert.equal((await two).trunk, first.trunk);
});

test('a login that the server goes on dropping fails in the end, and so does the first where it takes nobody', async () => {
  const { dials, reserve } = scene(1);
  const dropped = new BrokerError('upstream_protocol', 'it did not finish the login');
  const one = reserve();
  dials[0]?.through();
  await one;
  const two = outcome(reserve());
  for (let dial = 1; dial <= 5; dial++) {
    await eventually(() => dials.length === dial + 1);
    dials[dial]?.fail(dropped);
  }
  assert.equal(await two, 'upstream_protocol');
  assert.equal(dials.length, 6);
  const alone = scene();
  const nobody = outcome(alone.reserve());
  alone.dials[0]?.fail(dropped);
  assert.equal(await nobody, 'upstream_protocol');
});

test('a dial goes on while anybody waits for it, and ends when nobody does', async () => {
  const { dials, reserve } = scene();
  const [one, two] = [new AbortController(), new AbortController()];
  const waiting = [outcome(reserve(one.signal)), outcome(reserve(two.signal))];
  one.abort(new BrokerError('cancelled', 'gone'));
  assert.equal(await waiting[0], 'cancelled');
  assert.equal(dials[0]?.signal.aborted, false);
  two.abort(new BrokerError('cancelled', 'gone'));
  assert.equal(await waiting[1], 'cancelled');
  assert.equal(dials[0]?.signal.aborted, true);
});

test('one that has rested is asked for a sign of life before it is handed out, and replaced when it gives none', async () => {
  const { pool, dials, clock, reserve } = scene();
  const line = new Line();
  const first = reserve();
  dials[0]?.through(line);
  (await first)[Symbol.dispose]();
  (await reserve())[Symbol.dispose]();
  assert.equal(line.asked, 0);
  clock.now += 10_000;
  (await reserve())[Symbol.dispose]();
  assert.equal(line.asked, 1);
  clock.now += 10_000;
  line.answers = false;
  const replaced = reserve();
  await eventually(() => dials.length === 2);
  dials[1]?.through();
  assert.notEqual((await replaced).trunk, line);
  assert.equal(pool.size, 1);
});

test('an unused connection is closed after its time; a used one is not', async () => {
  const { pool, dials, reserve } = scene(10, 0);
  const first = reserve();
  dials[0]?.through();
  const berth = await first;
  const second = await reserve();
  berth[Symbol.dispose]();
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(pool.size, 1);
  second[Symbol.dispose]();
  await eventually(() => pool.size === 0);
});

test('closing tells those on it, ends those who wait and what is dialled, and lets nobody in any more', async () => {
  const { pool, dials, reserve } = scene(1);
  const first = reserve();
  dials[0]?.through();
  const berth = await first;
  const waiting = outcome(reserve());
  pool.ended.addEventListener('abort', () => berth[Symbol.dispose]());
  await pool.close(new BrokerError('ended', 'it was changed'));
  assert.equal(await waiting, 'ended');
  assert.equal(dials[1]?.signal.aborted, true);
  assert.equal(pool.size, 0);
  assert.equal(await outcome(reserve()), 'ended');
});
