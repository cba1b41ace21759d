import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationMessage, formatDuration, parseDuration } from '../../../src/cli/duration.ts';
import { BrokerError } from '../../../src/core/errors.ts';

for (const [text, ms] of [
  ['90', 90_000],
  ['0', 0],
  ['250ms', 250],
  ['90s', 90_000],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['24h', 86_400_000],
  ['90d', 7_776_000_000],
] as const) {
  test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text, '--ttl'), ms));
}

for (const text of ['', 'soon', '-5s', '5 m', '5x', '1h30', 'h', '1e3s', '5m!']) {
  test(`"${text}" is no duration`, () => {
    assert.throws(
      () => parseDuration(text, '--ttl'),
      (error: unknown) => error instanceof BrokerError && error.message.startsWith('--ttl '),
    );
  });
}

test('a flag that was not given is no duration, not zero', () => {
  assert.equal(durationMessage(undefined, '--idle'), null);
  assert.deepEqual(durationMessage('1500ms', '--idle'), { seconds: '1', nanos: 500_000_000 });
});

for (const [ms, text] of [
  [0, '0s'],
  [59_400, '59s'],
  [60_000, '1m'],
  [5_400_000, '1h 30m'],
  [86_400_000, '1d'],
] as const) {
  test(`${ms} ms reads ${text}`, () => assert.equal(formatDuration(ms), text));
}
