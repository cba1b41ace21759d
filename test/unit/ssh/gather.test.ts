import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { gatherWrites } from '../../../src/drivers/ssh/gather.ts';

/** Keeps what came in each call of its own. */
function target() {
  const calls: string[][] = [];
  const writable = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      calls.push([chunk]);
      done();
    },
    writev: (chunks, done) => {
      calls.push(chunks.map(({ chunk }) => String(chunk)));
      done();
    },
  });
  return { calls, socket: gatherWrites(writable) };
}

test('what is written in one turn, promises included, leaves in one call and in order; the next turn in another', async () => {
  const { calls, socket } = target();
  socket.write('length');
  socket.write('body');
  await Promise.resolve();
  socket.write('mac');
  assert.deepEqual(calls, []);
  await turn();
  assert.deepEqual(calls, [['length', 'body', 'mac']]);
  socket.write('more');
  await turn();
  assert.deepEqual(calls.slice(1), [['more']]);
});

test('an end right behind it loses nothing', async () => {
  const { calls, socket } = target();
  socket.write('a');
  socket.write('b');
  socket.end('c');
  await once(socket, 'finish');
  assert.deepEqual(calls.flat(), ['a', 'b', 'c']);
});
