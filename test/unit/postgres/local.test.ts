import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { Conn } from '../../../src/core/conn.ts';
import type { Door } from '../../../src/core/driver.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import type { Secret } from '../../../src/core/secret.ts';
import { tlsContext } from '../../../src/core/tls.ts';
import { greet, type PostgresArrival } from '../../../src/drivers/postgres/local.ts';
import { readErrorFields, startupMessage } from '../../../src/drivers/postgres/wire.ts';
import { closed, readAll, socketPair } from '../../support/pair.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const SSL = hex('00000008 04d2162f');
const GSS = hex('00000008 04d21630');
const STARTUP = startupMessage([
  ['user', 'anyone'],
  ['database', 'any'],
  ['DateStyle', 'ISO'],
]);
const never = new AbortController().signal;

interface Meeting {
  readonly far: Socket;
  readonly arrival: Promise<PostgresArrival>;
  /** How often the door was asked. */
  readonly asked: { admit: number; side: number };
}

async function meet(bytes: Buffer, door: Partial<Door> = {}, signal = never): Promise<Meeting> {
  const { near, far } = await socketPair();
  const asked = { admit: 0, side: 0 };
  const whole: Door = {
    ticketRequired: false,
    tls: undefined,
    idleMs: 0,
    admit: async () => {
      asked.admit++;
      return undefined;
    },
    admitSelf: async () => undefined,
    recorded: Promise.resolve(),
    admitSide: async () => {
      asked.side++;
      return undefined;
    },
    note: async () => undefined,
    ...door,
  };
  far.write(bytes);
  return { far, asked, arrival: greet(new Conn(near, 'client'), whole, signal) };
}

/** The FATAL that a refused client reads, behind `before`. */
async function fatalAfter(meeting: Meeting, before = ''): Promise<ReadonlyMap<string, string>> {
  meeting.far.end();
  const heard = await readAll(meeting.far);
  assert.equal(heard.subarray(0, before.length).toString('latin1'), before);
  assert.equal(heard.readUInt8(before.length), 0x45);
  assert.equal((await meeting.arrival).type, 'refused');
  return readErrorFields(heard.subarray(before.length + 5));
}

async function visitor(meeting: Meeting) {
  const arrival = await meeting.arrival;
  assert.equal(arrival.type, 'client');
  return arrival.type === 'client' ? arrival.visitor : assert.fail();
}

test('takes any user and database, and leaves what was pipelined behind the startup', async () => {
  const meeting = await meet(Buffer.concat([STARTUP, Buffer.from('Q....')]));
  const { params, version, conn } = await visitor(meeting);
  assert.deepEqual(params, new Map([['datestyle', 'ISO']]));
  assert.equal(version, 0x30000);
  assert.equal(String(await conn.exactly(5, never)), 'Q....');
  meeting.far.destroy();
});

test('declines GSS and TLS, back to back, in either order, and with the startup in the same packet', async () => {
  for (const requests of [[SSL, GSS], [GSS, SSL], [SSL], [GSS]]) {
    const meeting = await meet(Buffer.concat([...requests, STARTUP]));
    const { conn } = await visitor(meeting);
    conn.destroy();
    assert.equal(String(await readAll(meeting.far)), 'N'.repeat(requests.length));
  }
});

test('refuses a second request for the same encryption', async () => {
  const fields = await fatalAfter(await meet(Buffer.concat([SSL, SSL, STARTUP])), 'N');
  assert.match(fields.get('M') ?? '', /the client sent a second request for encryption/);
});

test('refuses bytes behind an SSLRequest that would be answered with TLS', async () => {
  const meeting = await meet(Buffer.concat([SSL, STARTUP]), { tls: tlsContext({}) });
  const fields = await fatalAfter(meeting);
  assert.equal(fields.get('M'), 'broker: the client sent unencrypted data behind its SSL request');
  assert.equal(fields.get('C'), '08P01');
  assert.equal(meeting.asked.admit, 0);
});

test('agrees on the newest version it knows and names the options it does not', async () => {
  const asking = (version: number) => {
    const startup = startupMessage([
      ['user', 'u'],
      ['_pq_.magic', 'on'],
    ]);
    startup.writeInt32BE(version, 4);
    return startup;
  };
  for (const [asked, agreed] of [
    [0x30002, 0x30002],
    [0x3270f, 0x30002],
    [0x30000, 0x30000],
  ] as const) {
    const meeting = await meet(asking(asked));
    const { version, conn } = await visitor(meeting);
    assert.equal(version, agreed);
    conn.destroy();
    const said = hex(`76 00000017 ${agreed.toString(16).padStart(8, '0')} 00000001 5f70715f2e6d6167696300`);
    assert.equal((await readAll(meeting.far)).toString('hex'), said.toString('hex'));
  }
});

test('other major versions are told which ones there are', async () => {
  const fields = await fatalAfter(await meet(hex('00000009 00020000 00')));
  assert.equal(fields.get('M'), 'broker: protocol 2.0 is not supported: broker speaks 3.0 to 3.2');
});

test('a cancel request goes to the side door, needs no ticket and is not counted', async () => {
  const meeting = await meet(hex('00000010 04d2162e 00000007 01020304'), { ticketRequired: true });
  const arrival = await meeting.arrival;
  assert.equal(arrival.type, 'side');
  assert.deepEqual(arrival.type === 'side' && arrival.request, { pid: 7, secret: hex('01020304') });
  assert.deepEqual(meeting.asked, { admit: 0, side: 1 });
  meeting.far.destroy();
});

test('a cancel request that the side door refuses is closed without a word', async () => {
  const refused = async () => new BrokerError('denied', 'another user');
  const meeting = await meet(hex('00000010 04d2162e 00000007 01020304'), { admitSide: refused });
  assert.equal((await meeting.arrival).type, 'refused');
  assert.equal((await readAll(meeting.far)).length, 0);
});

test('asks for the ticket as a password and hands the door what came', async () => {
  const seen: string[] = [];
  const admit = async (presented: Secret | undefined) => {
    seen.push(presented?.use((bytes) => bytes.toString()) ?? 'none');
    return undefined;
  };
  const meeting = await meet(STARTUP, { ticketRequired: true, admit });
  meeting.far.write(hex('70 0000000b 7469636b657400'));
  const { conn } = await visitor(meeting);
  conn.destroy();
  assert.deepEqual(seen, ['ticket']);
  assert.equal((await readAll(meeting.far)).toString('hex'), '520000000800000003');
});

test('a wrong ticket is refused in the words and the code of a wrong password', async () => {
  const admit = async () => new BrokerError('unauthenticated', 'this session needs its ticket as the password');
  const meeting = await meet(Buffer.concat([STARTUP, hex('70 00000006 7800')]), { ticketRequired: true, admit });
  const fields = await fatalAfter(meeting, hex('52 00000008 00000003').toString('latin1'));
  assert.equal(fields.get('C'), '28P01');
  assert.equal(fields.get('M'), 'broker: this session needs its ticket as the password');
});

test('a password of unreasonable length is refused before it is read', async () => {
  const meeting = await meet(Buffer.concat([STARTUP, hex('70 7fffffff')]), { ticketRequired: true });
  const fields = await fatalAfter(meeting, hex('52 00000008 00000003').toString('latin1'));
  assert.equal(fields.get('C'), '08P01');
});

test('a refusal answers SSL first and then says why, with what to do', async () => {
  const admit = async () =>
    new BrokerError('denied', 'this session belongs to another user', { hint: 'open your own' });
  const fields = await fatalAfter(await meet(Buffer.concat([SSL, STARTUP]), { admit }), 'N');
  assert.deepEqual(
    [...fields],
    [
      ['S', 'FATAL'],
      ['V', 'FATAL'],
      ['C', '28000'],
      ['M', 'broker: this session belongs to another user'],
      ['H', 'open your own'],
    ],
  );
});

test('replication and parameters that are not passed on are refused before the door counts', async () => {
  for (const [name, value] of [
    ['replication', 'database'],
    ['session_authorization', 'x'],
    ['options', '-c geqo=off'],
  ] as const) {
    const meeting = await meet(
      startupMessage([
        ['user', 'u'],
        [name, value],
      ]),
    );
    assert.equal((await fatalAfter(meeting)).get('C'), '28000');
    assert.equal(meeting.asked.admit, 0);
  }
});

test('another protocol gets no answer', async () => {
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    hex('00000007 00030000'),
    hex('7fffffff'),
    hex('ffffffff'),
  ]) {
    const meeting = await meet(bytes);
    assert.equal((await meeting.arrival).type, 'refused');
    assert.equal(meeting.asked.admit, 0);
    meeting.far.destroy();
  }
});

test('a client that leaves is gone; one that stalls ends with the caller’s signal', async () => {
  const leaves = await meet(STARTUP.subarray(0, 10));
  leaves.far.end();
  assert.deepEqual(await leaves.arrival, { type: 'gone' });
  const stop = new AbortController();
  const stalls = await meet(STARTUP.subarray(0, 10), {}, stop.signal);
  stop.abort(new BrokerError('client_timeout', 'no startup within 30 s'));
  const arrival = await stalls.arrival;
  assert.equal(arrival.type === 'refused' && arrival.error.code, 'client_timeout');
  await closed(stalls.far);
});

test('a startup is understood however it is cut', async () => {
  const bytes = Buffer.concat([SSL, STARTUP]);
  for (let cut = 1; cut < bytes.length; cut++) {
    const meeting = await meet(bytes.subarray(0, cut));
    await new Promise(setImmediate);
    meeting.far.write(bytes.subarray(cut));
    assert.deepEqual((await visitor(meeting)).params, new Map([['datestyle', 'ISO']]));
    meeting.far.destroy();
  }
});
