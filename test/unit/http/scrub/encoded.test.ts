import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { EncodedScrub } from '../../../../src/http/scrub/encoded.ts';
import { acceptEncoding, codingOf } from '../../../../src/http/scrub/encoding.ts';
import { ManualClock } from '../../daemon/time.ts';
import { ENCODERS } from './encoders.ts';
import { needlesOf, Outlet } from './outlet.ts';

const SECRET = 'sk-0123456789abcdef';

const PACKERS = [
  { name: 'gzip', coding: 'gzip', pack: gzipSync },
  { name: 'gzip, stored', coding: 'gzip', pack: (bytes: Buffer) => gzipSync(bytes, { level: 0 }) },
  { name: 'gzip, two members', coding: 'gzip', pack: twoMembers },
  { name: 'deflate', coding: 'deflate', pack: deflateSync },
  { name: 'deflate without its header', coding: 'deflate', pack: deflateRawSync },
  { name: 'br', coding: 'br', pack: brotliCompressSync },
] as const;

for (const { name, coding, pack } of PACKERS) {
  test(`${name}: passes byte for byte, in any chunking`, async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), cuts, async (content, sizes) => {
      const packed = pack(Buffer.from(content));
      const { outlet } = await run(coding, packed, sizes);
      assert.ok(outlet.ended);
      assert.deepEqual(outlet.bytesOut, packed);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  test(`${name}: breaks where the secret is, and what was out until then does not hold it`, async () => {
    const property = fc.asyncProperty(
      fc.nat(2_000),
      cuts,
      fc.constantFrom(...ENCODERS),
      async (at, sizes, { encode }) => {
        const content = Buffer.concat([
          noise.subarray(0, at),
          Buffer.from(encode(SECRET), 'latin1'),
          noise.subarray(at),
        ]);
        const { outlet } = await run(coding, pack(content), [...sizes, 100, 100, 100]);
        assert.equal(outlet.error?.code, 'upstream_protocol');
        assert.equal(outlet.hits, 1);
        assert.ok(!outlet.ended);
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });
}

test('the bytes go out one chunk behind those that were searched, and the last after 20 ms of quiet', async () => {
  const clock = new ManualClock();
  const outlet = new Outlet();
  using needles = needlesOf(SECRET);
  const packed = gzipSync(randomBytes(400));
  using scrub = make('gzip', needles, outlet, clock);
  await give(scrub, packed.subarray(0, 100), outlet);
  assert.equal(outlet.bytesOut.length, 0);
  await give(scrub, packed.subarray(100, 200), outlet);
  assert.equal(outlet.bytesOut.length, 100);
  clock.advance(19);
  assert.equal(outlet.bytesOut.length, 100);
  clock.advance(1);
  assert.equal(outlet.bytesOut.length, 200);
});

test('a chunk that holds the secret does not go out, nor the one before it', async () => {
  const flush = { finishFlush: constants.Z_SYNC_FLUSH };
  const head = gzipSync('nothing here yet', flush);
  const whole = gzipSync(`nothing here yet${SECRET} `, { ...flush, level: 0 });
  const { outlet } = await run('gzip', Buffer.concat([head]), []);
  assert.ok(outlet.ended);
  const broken = await run('gzip', whole, [10, whole.length - 20]);
  assert.equal(broken.outlet.bytesOut.length, 10);
  assert.ok(broken.outlet.error);
});

test('text in the gzip header and behind the end of the data is searched too', async () => {
  const packed = gzipSync('harmless');
  const named = Buffer.from(packed);
  named[3] = 8; // FNAME (RFC 1952 §2.3.1)
  const withName = Buffer.concat([named.subarray(0, 10), Buffer.from(`${SECRET}\0`), named.subarray(10)]);
  for (const bytes of [withName, Buffer.concat([packed, Buffer.from(`;${SECRET}`)])]) {
    for (const sizes of [[], [packed.length], [5, 9, 3, 4, 5, 6, 7]]) {
      const { outlet } = await run('gzip', bytes, sizes);
      // Cut into pieces, what stands behind the end is an error before it is a hit.
      assert.equal(outlet.error?.code, 'upstream_protocol');
      assert.ok(!outlet.text.includes(SECRET));
    }
  }
});

test('what stands behind the end of the data passes when it is no secret, as the server sent it', async () => {
  for (const { coding, pack } of PACKERS) {
    const packed = Buffer.concat([pack(Buffer.from('harmless')), Buffer.from('; and some more')]);
    for (const sizes of [[], [4, 4, 4], [packed.length - 10, 5], new Array<number>(packed.length).fill(1)]) {
      const { outlet } = await run(coding, packed, sizes);
      if (outlet.error) assert.equal(outlet.error.code, 'upstream_protocol', coding);
      else assert.deepEqual(outlet.bytesOut, packed, coding);
    }
  }
});

test('data that is not what it is declared to be breaks the connection', async () => {
  const { outlet } = await run('gzip', Buffer.from(`plain text, whatever the header says`), []);
  assert.equal(outlet.error?.code, 'upstream_protocol');
  assert.equal(outlet.text, '');
});

test('a body that ends too early passes as far as it goes', async () => {
  const packed = gzipSync(randomBytes(500)).subarray(0, 300);
  const { outlet } = await run('gzip', packed, [100]);
  assert.deepEqual(outlet.bytesOut, Buffer.from(packed));
});

test('no body at all is none', async () => {
  const { outlet } = await run('br', Buffer.alloc(0), []);
  assert.ok(outlet.ended);
  assert.equal(outlet.bytesOut.length, 0);
});

test('a bomb of 256 MB is searched piece by piece, and is not held in memory', async () => {
  const bomb = gzipSync(Buffer.alloc(256 << 20), { level: 9, memLevel: 9 });
  const clock = new ManualClock();
  const outlet = new Outlet();
  using needles = needlesOf(SECRET);
  using scrub = make('gzip', needles, outlet, clock);
  const before = process.memoryUsage().rss;
  let most = 0;
  for (let at = 0; at < bomb.length; at += 16_384) {
    await give(scrub, bomb.subarray(at, at + 16_384), outlet);
    most = Math.max(most, process.memoryUsage().rss - before);
  }
  scrub.end();
  while (!outlet.ended) await outlet.next();
  assert.ok(most < 64 << 20, `${most} bytes more`);
  assert.equal(outlet.bytesOut.length, bomb.length);
});

test('Accept-Encoding is cut to what can be looked into, weights kept', () => {
  const table = {
    'gzip, deflate, br, zstd': 'gzip, deflate, br',
    'gzip;q=1.0, *;q=0.5': 'gzip;q=1.0',
    'GZIP ; q=0.2,identity;q=0': 'GZIP ; q=0.2, identity;q=0',
    zstd: 'identity',
    '*': 'identity',
    '': 'identity',
    'x-gzip, compress, dcb, dcz': 'x-gzip',
  };
  for (const [asked, sent] of Object.entries(table)) assert.equal(acceptEncoding(asked), sent, asked);
});

test('one coding of the four can be looked into; any other and several on top of each other cannot', () => {
  const table = {
    gzip: 'gzip',
    'X-GZIP': 'gzip',
    deflate: 'deflate',
    Br: 'br',
    '': 'identity',
    identity: 'identity',
    'identity, gzip': 'gzip',
    zstd: undefined,
    compress: undefined,
    'gzip, br': undefined,
    'gzip, gzip': undefined,
    'gzip;q=1': undefined,
    aes128gcm: undefined,
  };
  for (const [given, coding] of Object.entries(table)) assert.equal(codingOf(given), coding, given);
  assert.equal(codingOf(undefined), 'identity');
});

/** Text that compresses well: of random bytes the packers make none, and the secret would stand there in clear. */
const noise = Buffer.from(Array.from(randomBytes(2_000), (byte) => 'etaoin srhl'.charAt(byte % 11)).join(''));
const cuts = fc.array(fc.nat(400), { maxLength: 20 });

function make(
  coding: 'gzip' | 'deflate' | 'br',
  needles: ReturnType<typeof needlesOf>,
  out: Outlet,
  clock: ManualClock,
) {
  if (!needles.body) throw new Error('nothing to look for');
  return new EncodedScrub(needles.body, { needles, coding, clock, out });
}

async function run(coding: 'gzip' | 'deflate' | 'br', packed: Buffer, sizes: readonly number[]) {
  const outlet = new Outlet();
  using needles = needlesOf(SECRET);
  using scrub = make(coding, needles, outlet, new ManualClock());
  let at = 0;
  for (const size of [...sizes, packed.length]) {
    if (outlet.error) break;
    await give(scrub, packed.subarray(at, at + size), outlet);
    at += Math.min(size, packed.length - at);
  }
  scrub.end();
  while (!outlet.ended && !outlet.error) await outlet.next();
  return { outlet };
}

/** Writes, and waits until more may be written. */
async function give(scrub: EncodedScrub, chunk: Buffer, outlet: Outlet): Promise<void> {
  const { readied } = outlet;
  if (scrub.write(chunk)) return;
  while (outlet.readied === readied && !outlet.error && !outlet.ended) await outlet.next();
}

function twoMembers(bytes: Buffer): Buffer {
  const half = bytes.length >> 1;
  return Buffer.concat([gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))]);
}

test('what is held back waits for the search of the piece behind it, however long that takes', async () => {
  const clock = new ManualClock();
  const outlet = new Outlet();
  using needles = needlesOf(SECRET);
  // Not as it is in the packed bytes, and cut in two.
  const packed = gzipSync(SECRET);
  assert.equal(packed.indexOf(SECRET), -1);
  using scrub = make('gzip', needles, outlet, clock);
  await give(scrub, packed.subarray(0, 20), outlet);
  clock.advance(19);
  scrub.write(packed.subarray(20));
  clock.advance(1);
  assert.equal(outlet.bytesOut.length, 0);
  await outlet.next();
  assert.equal(outlet.hits, 1);
  assert.equal(outlet.bytesOut.length, 0);
});

test('data that is not what it is declared to be breaks off once, and nothing comes behind that', async () => {
  const outlet = new Outlet();
  using needles = needlesOf(SECRET);
  using scrub = make('gzip', needles, outlet, new ManualClock());
  const broken = outlet.next();
  scrub.write(Buffer.from('this is no gzip'));
  await broken;
  assert.equal(outlet.error?.code, 'upstream_protocol');
  assert.equal(scrub.write(Buffer.from('more')), true);
  scrub.end();
  assert.equal(outlet.ended, false);
  assert.equal(outlet.bytesOut.length, 0);
});
