import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bag } from '../../src/core/bag.ts';

test('what was added is in it until it is taken out, in whatever order', () => {
  const bag = new Bag<number>();
  const out = [1, 2, 3, 4, 5].map((n) => bag.add(n));
  for (const [at, left] of [
    [1, [1, 3, 4, 5]],
    [4, [1, 3, 4]],
    [0, [3, 4]],
    [3, [3]],
    [2, []],
  ] as const) {
    out[at]?.();
    assert.deepEqual([...bag].sort(), left);
    assert.equal(bag.size, left.length);
  }
});

test('taking out twice takes out nothing else', () => {
  const bag = new Bag<string>();
  const out = bag.add('a');
  bag.add('b');
  out();
  out();
  assert.deepEqual([...bag], ['b']);
  bag.add('b');
  out();
  assert.deepEqual([...bag], ['b', 'b']);
});

test('who goes through it sees what was there at the start, whatever comes and goes meanwhile', () => {
  const bag = new Bag<number>();
  const out = [1, 2, 3].map((n) => bag.add(n));
  const seen: number[] = [];
  for (const n of bag) {
    seen.push(n);
    out[2]?.();
    bag.add(9);
  }
  assert.deepEqual(seen, [1, 2, 3]);
});
