import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunks, collect } from '../../../src/daemon/grpc/chunks.ts';

/** Messages as they come, and how many were asked for. */
function messages(...sizes: readonly number[]) {
  const parts = sizes.map((size) => ({ data: Buffer.alloc(size, 7) }));
  const seen = { asked: 0 };
  async function* come() {
    for (const part of parts) {
      seen.asked++;
      yield part;
    }
  }
  return { parts, seen, stream: come() };
}

test('a stream of exactly the limit is collected, and its parts are wiped', async () => {
  const { parts, stream } = messages(0, 6, 4);
  const firsts: number[] = [];
  const whole = await collect(stream, 10, (message) => firsts.push(message.data.length));
  assert.deepEqual([whole.length, whole.every((byte) => byte === 7), firsts], [10, true, [0]]);
  assert(parts.every(({ data }) => data.every((byte) => byte === 0)));
});

test('a byte more is refused as soon as it comes: what is behind it is not read, and nothing is kept', async () => {
  const { parts, seen, stream } = messages(6, 5, 1_000_000);
  await assert.rejects(
    collect(stream, 10, () => undefined),
    { code: 'too_large' },
  );
  assert.equal(seen.asked, 2);
  assert(parts.slice(0, 2).every(({ data }) => data.every((byte) => byte === 0)));
});

test('bytes go out in pieces that a message can hold, none for none', () => {
  const bytes = Buffer.from(Array.from({ length: 150_000 }, (_, index) => index % 251));
  const pieces = [...chunks(bytes)].map(({ data }) => data);
  assert.deepEqual(
    pieces.map((piece) => piece.length),
    [65_536, 65_536, 18_928],
  );
  assert(Buffer.concat(pieces).equals(bytes));
  assert.equal([...chunks(Buffer.alloc(0))].length, 0);
});
