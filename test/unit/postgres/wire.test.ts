import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Parser } from 'pg-protocol/dist/parser.js';
import { Conn } from '../../../src/core/conn.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import { FrameWalker, readFrame } from '../../../src/drivers/postgres/frames.ts';
import * as wire from '../../../src/drivers/postgres/wire.ts';
import { socketPair } from '../../support/pair.ts';

const never = new AbortController().signal;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const text = (bytes: Buffer): string => bytes.toString('hex');

/** Messages as PostgreSQL 15 sends them. */
const GOLDEN: readonly (readonly [string, Buffer, (body: Buffer) => unknown, unknown])[] = [
  ['AuthenticationOk', hex('52 00000008 00000000'), wire.readAuthentication, { type: 'ok' }],
  ['AuthenticationCleartextPassword', hex('52 00000008 00000003'), wire.readAuthentication, { type: 'cleartext' }],
  [
    'AuthenticationMD5Password',
    hex('52 0000000c 00000005 01020304'),
    wire.readAuthentication,
    { type: 'md5', salt: hex('01020304') },
  ],
  [
    'AuthenticationSASL',
    hex('52 0000002a 0000000a 534352414d2d5348412d3235362d504c555300 534352414d2d5348412d32353600 00'),
    wire.readAuthentication,
    { type: 'sasl', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
  ],
  [
    'AuthenticationSASLContinue',
    hex('52 0000000b 0000000b 723d31'),
    wire.readAuthentication,
    { type: 'saslContinue', data: 'r=1' },
  ],
  [
    'AuthenticationSASLFinal',
    hex('52 0000000b 0000000c 763d31'),
    wire.readAuthentication,
    { type: 'saslFinal', data: 'v=1' },
  ],
  ['AuthenticationGSS', hex('52 00000008 00000007'), wire.readAuthentication, { type: 'other', code: 7 }],
  [
    'ParameterStatus',
    hex('53 00000011 54696d655a6f6e65 00 55544300'),
    wire.readParameterStatus,
    { name: 'TimeZone', value: 'UTC' },
  ],
  [
    'BackendKeyData',
    hex('4b 0000000c 00003039 deadbeef'),
    wire.readBackendKeyData,
    { pid: 12345, secret: hex('deadbeef') },
  ],
  ['ReadyForQuery', hex('5a 00000005 49'), wire.readReadyForQuery, 'I'],
  [
    'ErrorResponse',
    hex('45 00000017 53464154414c00 43323850303100 4d6e6f00 00'),
    wire.readErrorFields,
    new Map([
      ['S', 'FATAL'],
      ['C', '28P01'],
      ['M', 'no'],
    ]),
  ],
];

for (const [name, bytes, read, expected] of GOLDEN) {
  test(`reads ${name} whole, byte by byte and cut anywhere`, async () => {
    for (const cuts of chunkings(bytes)) {
      const { near, far } = await socketPair();
      await using conn = new Conn(near, 'upstream');
      const reading = readFrame(conn, never);
      for (const chunk of cuts) {
        far.write(chunk);
        await new Promise(setImmediate);
      }
      const frame = await reading;
      assert.deepEqual(read(frame.body), expected);
      assert.equal(text(frame.raw), text(bytes));
      far.destroy();
    }
  });
}

function chunkings(bytes: Buffer): Buffer[][] {
  const split = Array.from({ length: bytes.length - 1 }, (_, i) => [bytes.subarray(0, i + 1), bytes.subarray(i + 1)]);
  return [[bytes], Array.from(bytes, (byte) => Buffer.from([byte])), ...split];
}

test('writes what the protocol chapter prescribes', () => {
  const key = { pid: 12345, secret: hex('deadbeef') };
  for (const [written, expected] of [
    [wire.sslRequest(), '00000008 04d2162f'],
    [wire.startupMessage([['user', 'u']]), '00000010 00030000 7573657200 7500 00'],
    [wire.passwordMessage(Buffer.from('pw')), '70 00000007 707700'],
    [wire.cancelRequest(key), '00000010 04d2162e 00003039 deadbeef'],
    [wire.cancelRequest({ pid: 1, secret: Buffer.alloc(32, 7) }), `0000002c 04d2162e 00000001 ${'07'.repeat(32)}`],
    [wire.terminate(), '58 00000004'],
    [wire.sync(), '53 00000004'],
    [wire.saslResponse('c=x'), '70 00000007 633d78'],
    [wire.saslInitialResponse('A', 'n'), '70 0000000b 4100 00000001 6e'],
    [wire.authenticationOk(), '52 00000008 00000000'],
    [wire.authenticationCleartextPassword(), '52 00000008 00000003'],
    [wire.backendKeyData(key), '4b 0000000c 00003039 deadbeef'],
    [wire.readyForQuery(), '5a 00000005 49'],
    [wire.negotiateProtocolVersion(0x30002, ['_pq_.x']), '76 00000013 00030002 00000001 5f70715f2e7800'],
    [wire.fatal('57P01', 'a\0b', 'h'), '45 00000021 53464154414c00 56464154414c00 43353750303100 4d616200 486800 00'],
  ] as const) {
    assert.equal(text(written), expected.replaceAll(' ', ''));
  }
});

test('asks for no client_encoding that nobody asked for', () => {
  assert.doesNotMatch(wire.startupMessage([['user', 'u']]).toString(), /client_encoding/);
});

test('reads the four first packets of a client', () => {
  assert.deepEqual(wire.readOpening(hex('04d2162f')), { type: 'ssl' });
  assert.deepEqual(wire.readOpening(hex('04d21630')), { type: 'gssenc' });
  const cancel = { type: 'cancel', key: { pid: 1, secret: hex('00000002') } };
  assert.deepEqual(wire.readOpening(hex('04d2162e 00000001 00000002')), cancel);
  const startup = wire
    .startupMessage([
      ['user', 'é'],
      ['empty', ''],
    ])
    .subarray(4);
  const parameters = [
    ['user', 'é'],
    ['empty', ''],
  ];
  assert.deepEqual(wire.readOpening(startup), { type: 'startup', version: 0x30000, parameters });
});

test('refuses first packets that are none', () => {
  for (const bad of [
    '',
    '0003',
    '04d2162f 00',
    '04d2162e 00000001',
    '00020000 00',
    '00030000',
    '00030000 75',
    '00030000 7500 00',
    '00030000 00 00',
    '00030000 ff00 00 00',
  ]) {
    assert.throws(() => wire.readOpening(hex(bad)), { code: 'client_protocol' }, bad);
  }
  assert.throws(() => wire.readPassword(hex('7077')), { code: 'client_protocol' });
  assert.throws(() => wire.readPassword(hex('70007700')), { code: 'client_protocol' });
});

test('no bytes make a reader hang, read beyond its message or throw anything but a BrokerError', () => {
  const readers = [...new Set(GOLDEN.map(([, , read]) => read)), wire.readOpening, wire.readPassword];
  const seeds = GOLDEN.map(([, bytes]) => bytes.subarray(5));
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.nat(), fc.uint8Array({ maxLength: 8 }))
    .map(([seed, at, patch]) => {
      const bytes = Buffer.concat([seed, Buffer.from(patch)]);
      bytes[at % Math.max(bytes.length, 1)] = patch[0] ?? 0;
      return bytes;
    });
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    mutated,
  );
  fc.assert(
    fc.property(fc.constantFrom(...readers), bodies, (read, body) => {
      try {
        read(body);
      } catch (error) {
        assert.ok(error instanceof BrokerError && /^(client|upstream)_protocol$/.test(error.code), String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('no stream makes the walker throw anything but a BrokerError, and cutting it changes nothing', () => {
  const streams = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc
      .array(fc.constantFrom(...GOLDEN.map(([, bytes]) => bytes)), { maxLength: 6 })
      .map((frames) => Buffer.concat(frames)),
  );
  fc.assert(
    fc.property(streams, fc.nat(64), (stream, cut) => {
      const walk = (...chunks: Uint8Array[]): string => {
        const walker = new FrameWalker();
        try {
          for (const chunk of chunks) walker.see(Buffer.from(chunk));
          return String(walker.atBoundary);
        } catch (error) {
          assert.ok(error instanceof BrokerError);
          return error.code;
        }
      };
      const whole = walk(stream);
      assert.equal(walk(stream.subarray(0, cut), stream.subarray(cut)), whole);
      assert.equal(walk(...Array.from(stream, (byte) => Buffer.from([byte]))), whole);
    }),
    { numRuns: 1_000 },
  );
});

test('pg-protocol reads what we write as we mean it', () => {
  const names: string[] = [];
  const key = { pid: 5, secret: Buffer.from([0, 0, 0, 9]) };
  const bytes = [wire.authenticationOk(), wire.backendKeyData(key), wire.readyForQuery(), wire.fatal('57P01', 'over')];
  new Parser().parse(Buffer.concat(bytes), (message) => names.push(message.name));
  assert.deepEqual(names, ['authenticationOk', 'backendKeyData', 'readyForQuery', 'error']);
});
