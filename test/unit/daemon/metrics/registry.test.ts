import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from '../../../../src/daemon/metrics/registry.ts';

test('writes the Prometheus text format, labels escaped, and nothing for a family without a sample', () => {
  const registry = new Registry();
  const moved = registry.counter('moved_total', 'What\nmoved \\ here.', ['name']);
  registry.counter('never_total', 'Never.');
  registry.gauge('now', 'Now.', [], () => [{ values: [], value: 1.5 }]);
  moved.add(['a"b\\c\nd']);
  moved.add(['plain'], 41);
  moved.add(['plain']);
  assert.equal(
    registry.render(),
    [
      '# HELP moved_total What\\nmoved \\\\ here.',
      '# TYPE moved_total counter',
      'moved_total{name="a\\"b\\\\c\\nd"} 1',
      'moved_total{name="plain"} 42',
      '# HELP now Now.',
      '# TYPE now gauge',
      'now 1.5',
      '',
    ].join('\n'),
  );
});

test('a histogram counts cumulatively, its bounds included', () => {
  const registry = new Registry();
  const took = registry.histogram('took_seconds', 'Time.', ['kind'], [0.1, 1]);
  for (const value of [0.1, 0.5, 7]) took.observe(['x'], value);
  assert.deepEqual(registry.render().split('\n').slice(2, -1), [
    'took_seconds_bucket{kind="x",le="0.1"} 1',
    'took_seconds_bucket{kind="x",le="1"} 2',
    'took_seconds_bucket{kind="x",le="+Inf"} 3',
    'took_seconds_sum{kind="x"} 7.6',
    'took_seconds_count{kind="x"} 3',
  ]);
});

test('a reader sees only the lines it may, and no heading of what is left out', () => {
  const registry = new Registry();
  const used = registry.counter('used_total', 'Used.', ['service']);
  used.add(['mine']);
  used.add(['theirs']);
  assert.deepEqual(
    registry
      .render(({ service }) => service === 'mine')
      .split('\n')
      .slice(2, -1),
    ['used_total{service="mine"} 1'],
  );
  assert.equal(
    registry.render(() => false),
    '\n',
  );
});

test('a family keeps a thousand label values apart and counts the rest together', () => {
  const registry = new Registry();
  const seen = registry.counter('seen_total', 'Seen.', ['a', 'b']);
  for (let each = 0; each < 5_000; each++) seen.add([String(each), 'x']);
  const lines = registry.render().split('\n').slice(2, -1);
  assert.equal(lines.length, 1_001);
  assert.equal(lines.at(-1), 'seen_total{a="other",b="other"} 4000');
});
