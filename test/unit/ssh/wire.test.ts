import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uint32 } from '../../../src/drivers/ssh/blob.ts';
import { MAX_PACKET_BYTES, Packets, packet, TYPE } from '../../../src/drivers/ssh/sftp/wire.ts';

const BODIES = [Buffer.alloc(0), Buffer.from('a'), Buffer.from('0123456789'), Buffer.alloc(300, 7)];
const STREAM = Buffer.concat(BODIES.map((body, index) => packet(TYPE.OPEN + index, body)));

function cut(stream: Buffer, bytes: number): Buffer[] {
  return Array.from({ length: Math.ceil(stream.length / bytes) }, (_, at) =>
    stream.subarray(at * bytes, (at + 1) * bytes),
  );
}

test('packets are the same however the stream is cut', () => {
  const cuts = [[STREAM], cut(STREAM, 1), cut(STREAM, 3), cut(STREAM, 7)];
  for (let at = 1; at < STREAM.length; at++) cuts.push([STREAM.subarray(0, at), STREAM.subarray(at)]);
  for (const chunks of cuts) {
    const packets = new Packets('client');
    const seen = chunks.flatMap((chunk) => packets.push(Buffer.from(chunk)));
    assert.deepEqual(
      seen.map(({ type, body }) => [type, body.toString('hex')]),
      BODIES.map((body, index) => [TYPE.OPEN + index, body.toString('hex')]),
    );
  }
});

test('a packet that is whole in what came is not copied', () => {
  const [first, second] = new Packets('client').push(STREAM);
  assert.equal(first?.body.buffer, STREAM.buffer);
  assert.equal(second?.body.buffer, STREAM.buffer);
});

test('a length that cannot be ends the stream at once, whoever sent it', () => {
  for (const [side, length] of [
    ['client', 0],
    ['client', MAX_PACKET_BYTES + 1],
    ['upstream', 0xffffffff],
  ] as const) {
    for (const chunks of [[uint32(length)], cut(uint32(length), 1)]) {
      const packets = new Packets(side);
      assert.throws(() => chunks.flatMap((chunk) => packets.push(chunk)), { code: `${side}_protocol` });
    }
  }
  assert.deepEqual(new Packets('client').push(uint32(MAX_PACKET_BYTES)), []);
});
