import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../../src/vault/backoff.ts';
import { broken, OWNER } from './home.ts';

const STRANGER = 'tcp:127.0.0.1';

function withClock(): { backoff: Backoff; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  return { backoff: new Backoff(OWNER, () => clock.now), clock };
}

/** Milliseconds that `caller` has to wait, found by asking at growing times. */
function waitMs(backoff: Backoff, clock: { now: number }, caller: string): number {
  const start = clock.now;
  for (;;) {
    try {
      backoff.check(caller);
      return clock.now - start;
    } catch {
      clock.now += 500;
    }
  }
}

test('two failures are free, the third and every further one doubles the wait', () => {
  const { backoff, clock } = withClock();
  const waits = Array.from({ length: 7 }, () => {
    backoff.failed(STRANGER);
    return waitMs(backoff, clock, STRANGER);
  });
  assert.deepEqual(waits, [0, 0, 1_000, 2_000, 4_000, 8_000, 16_000]);
});

test('the wait ends at five minutes for others and at five seconds for the owner', () => {
  const { backoff, clock } = withClock();
  for (let i = 0; i < 2_000; i++) {
    backoff.failed(STRANGER);
    backoff.failed(OWNER);
  }
  assert.equal(waitMs(backoff, clock, OWNER), 5_000);
  assert.equal(waitMs(backoff, clock, STRANGER), 295_000);
});

test('nobody waits for the failures of others', () => {
  const { backoff } = withClock();
  for (let i = 0; i < 10; i++) backoff.failed(STRANGER);
  backoff.check(OWNER);
  backoff.check('tcp:10.0.0.2');
  assert.throws(() => backoff.check(STRANGER), broken('exhausted', /wait 128 s/));
});

test('asking while one has to wait does not lengthen the wait', () => {
  const { backoff, clock } = withClock();
  for (let i = 0; i < 3; i++) backoff.failed(STRANGER);
  for (let i = 0; i < 50; i++) assert.throws(() => backoff.check(STRANGER), broken('exhausted'));
  clock.now += 1_000;
  backoff.check(STRANGER);
});

test('a success starts the count anew', () => {
  const { backoff } = withClock();
  for (let i = 0; i < 2; i++) backoff.failed(STRANGER);
  backoff.succeeded(STRANGER);
  for (let i = 0; i < 2; i++) backoff.failed(STRANGER);
  backoff.check(STRANGER);
});

test('a flood of callers does not push out a recent offender’s wait, nor grow without bound', () => {
  const { backoff } = withClock();
  for (let i = 0; i < 5_000; i++) backoff.failed(`tcp:10.0.${i >> 8}.${i & 255}`);
  for (let i = 0; i < 3; i++) backoff.failed(STRANGER);
  for (let i = 0; i < 1_000; i++) backoff.failed(`tcp:10.1.${i >> 8}.${i & 255}`);
  assert.throws(() => backoff.check(STRANGER), broken('exhausted'));
  for (let i = 0; i < 30; i++) backoff.failed(`tcp:10.2.0.${i}`);
  backoff.check(STRANGER); // the bound: the oldest of 1024 is forgotten
});

test('failures of long ago are forgotten', () => {
  const { backoff, clock } = withClock();
  for (let i = 0; i < 20; i++) backoff.failed(STRANGER);
  clock.now += 3600_000 + 1;
  backoff.failed(OWNER); // forgetting happens as others fail
  backoff.failed(STRANGER);
  backoff.check(STRANGER);
});
