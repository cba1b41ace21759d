import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomForBuffers } from '../../../src/daemon/heap.ts';

test('the heap has room for buffers from the first that asks until the last that lets go', () => {
  const flags: string[] = [];
  const set = (flag: string): void => void flags.push(flag);
  const first = roomForBuffers(set);
  const second = roomForBuffers(set);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.deepEqual(flags, ['--heap-growing-percent=300']);
  second[Symbol.dispose]();
  assert.deepEqual(flags.splice(0), ['--heap-growing-percent=300', '--heap-growing-percent=0']);
  roomForBuffers(set)[Symbol.dispose]();
  assert.deepEqual(flags, ['--heap-growing-percent=300', '--heap-growing-percent=0']);
});
