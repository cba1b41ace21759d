import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/daemon/clock.ts';

const DAY = 86_400_000;

test('a timer further away than setTimeout can count fires at its time, not at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let fired = 0;
  systemClock.after(60 * DAY, () => {
    fired += 1;
  });
  t.mock.timers.tick(60 * DAY - 1);
  assert.equal(fired, 0);
  t.mock.timers.tick(1);
  assert.equal(fired, 1);
  t.mock.timers.tick(100 * DAY);
  assert.equal(fired, 1);
});

test('a cancelled timer does not fire, however far along it is', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const timer = systemClock.after(60 * DAY, () => assert.fail('fired'));
  t.mock.timers.tick(30 * DAY);
  timer.cancel();
  timer.cancel();
  t.mock.timers.tick(60 * DAY);
});

test('a timer that is already due fires on the next turn', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let fired = 0;
  systemClock.after(-5, () => {
    fired += 1;
  });
  t.mock.timers.tick(0);
  assert.equal(fired, 1);
});
