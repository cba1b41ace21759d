import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { Conn } from '../../../src/core/conn.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { postgres } from '../../../src/drivers/postgres/driver.ts';
import { FrameWalker } from '../../../src/drivers/postgres/frames.ts';
import { authenticationOk, backendKeyData, frame, readyForQuery, TYPE } from '../../../src/drivers/postgres/wire.ts';
import {
  authentication,
  FakePostgres,
  parameterStatus,
  readMessage,
  readStartup,
  type Script,
  sasl,
} from '../../fakes/postgres.ts';
import { testIo } from '../../support/io.ts';

const never = new AbortController().signal;

/** Opens against `script`, expects it to fail, and that no socket and no password is left anywhere. */
async function failure(script: Script, fields: JsonObject = {}, signal = never): Promise<BrokerError> {
  await using fake = await FakePostgres.start(script);
  const error = await postgres.open(fake.config(fields), new Map(), testIo(), signal).then(
    () => assert.fail('the driver logged in'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof BrokerError, inspect(error));
  await fake.abandoned();
  assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /pencil-canary/);
  return error;
}

/** After the StartupMessage, sends `bytes`. */
const answers = (...bytes: readonly Uint8Array[]): Script => {
  return async (conn, signal) => {
    await readStartup(conn, signal);
    await conn.write(Buffer.concat(bytes), signal);
  };
};

/** Up to the client's first SCRAM message, then what `reply` makes of its nonce. */
function scram(reply: (nonce: string) => string, more?: (conn: Conn, signal: AbortSignal) => Promise<void>): Script {
  return async (conn, signal) => {
    await readStartup(conn, signal);
    await conn.write(sasl('SCRAM-SHA-256'), signal);
    const nonce = /r=(.*)$/.exec(String(await readMessage(conn, signal)))?.[1] ?? '';
    await conn.write(authentication(11, Buffer.from(reply(nonce))), signal);
    await more?.(conn, signal);
  };
}

const salt = Buffer.from('salt-of-the-server').toString('base64');

test('a server that says nothing is given up when the caller’s time is over', async () => {
  const stop = new AbortController();
  const mute: Script = async (conn, signal) => {
    await readStartup(conn, signal);
    stop.abort(new BrokerError('upstream_timeout', 'no answer in time'));
  };
  assert.equal((await failure(mute, {}, stop.signal)).code, 'upstream_timeout');
});

test('a server that hangs up in the middle of the login', async () => {
  const hangUp: Script = async (conn, signal) => {
    await readStartup(conn, signal);
    conn.destroy();
  };
  const error = await failure(hangUp);
  assert.match(error.message, /^PostgreSQL at 127\.0\.0\.1:\d+ closed the connection during the handshake$/);
});

for (const [what, bytes] of [
  ['a length of 2 GiB - 1', '52 7fffffff'],
  ['a negative length', '52 ffffffff'],
  ['a length below its own size', '52 00000003'],
  ['one byte more than the limit', '52 00010001'],
  ['an ErrorResponse without its last NUL', '45 00000007 4d4142'],
  ['an ErrorResponse with bytes behind its end', '45 00000006 0000'],
  ['an empty ErrorResponse', '45 00000004'],
  ['an Authentication message without a code', '52 00000006 0000'],
  ['an AuthenticationOk with a tail', '52 00000009 00000000 00'],
  ['an md5 request without salt', '52 00000008 00000005'],
  ['a SASL request without an end', '52 0000000c 0000000a 53435241'],
  ['text of another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n').toString('hex')],
  ['a message that has no place here', '44 00000006 0000'],
  ['a NegotiateProtocolVersion that nobody asked for', '76 0000000c 00030000 00000000'],
] as const) {
  test(`refuses ${what}`, async () => {
    const error = await failure(answers(Buffer.from(bytes.replaceAll(' ', ''), 'hex')));
    assert.equal(error.code, 'upstream_protocol');
    assert.match(error.message, /^PostgreSQL at 127\.0\.0\.1:\d+ sent /);
  });
}

test('random bytes end in a BrokerError, too', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const garbage = createHash('sha512').update(String(seed)).digest();
    const script: Script = async (conn, signal) => {
      await readStartup(conn, signal);
      await conn.finish(garbage, 1_000);
      signal.throwIfAborted();
    };
    assert.match((await failure(script)).code, /^upstream_/);
  }
});

test('an endless preamble is cut off', async () => {
  const endless: Script = async (conn, signal) => {
    await readStartup(conn, signal);
    await conn.write(authenticationOk(), signal);
    for (;;) await conn.write(parameterStatus('TimeZone', 'x'.repeat(1_000)), signal);
  };
  const error = await failure(endless, { min_auth: 'none' });
  assert.match(error.message, /sent more than 262144 bytes before it was ready$/);
});

test('a server without a cancel key is a server without a cancel key', async () => {
  await using fake = await FakePostgres.start(answers(authenticationOk(), readyForQuery()));
  await using upstream = await postgres.open(fake.config({ min_auth: 'none' }), new Map(), testIo(), never);
  assert.deepEqual(upstream.facts, { parameters: new Map(), notices: [], key: undefined });
});

test('is not talked into a weaker login', async () => {
  for (const [request, name] of [
    [authentication(3), '"password"'],
    [authentication(5, Buffer.alloc(4)), '"md5"'],
    [authenticationOk(), 'no login at all'],
  ] as const) {
    const error = await failure(answers(request));
    assert.equal(error.code, 'upstream_auth');
    assert.ok(error.message.includes(name), error.message);
  }
});

test('never sends the password over a network in the clear, whatever the service allows', async () => {
  const error = await failure(answers(authentication(3)), { min_auth: 'none', tls: 'disable' });
  assert.equal(error.code, 'upstream_auth');
  assert.match(error.message, / asks for the password in the clear, without TLS$/);
});

test('does not fall for mechanisms and logins that it does not have', async () => {
  assert.match((await failure(answers(sasl('SCRAM-SHA-1', 'PLAIN')))).message, /offers no login that broker has/);
  assert.match((await failure(answers(sasl()))).message, /offers no login that broker has/);
  assert.match((await failure(answers(authentication(7)))).message, /a kind of login that broker does not have/);
});

test('a nonce that does not extend ours is an answer for somebody else', async () => {
  const fresh = await failure(scram(() => `r=somebodyelse,s=${salt},i=4096`));
  assert.match(fresh.message, /did not extend our nonce/);
  const same = await failure(scram((nonce) => `r=${nonce},s=${salt},i=4096`));
  assert.match(same.message, /did not extend our nonce/);
});

test('refuses work without bounds: iterations, nonce, salt', async () => {
  const rounds = await failure(scram((nonce) => `r=${nonce}x,s=${salt},i=2147483648`));
  assert.match(rounds.message, /asked for 2147483648 SCRAM iterations; at most 2000000 are allowed$/);
  assert.match(
    (await failure(scram((n) => `r=${n}${'x'.repeat(2_000)},s=${salt},i=1`))).message,
    /nonce that is too long/,
  );
  assert.match((await failure(scram((n) => `r=${n}x,s=${'AAAA'.repeat(300)},i=1`))).message, /a bad SCRAM salt/);
  assert.match((await failure(scram((n) => `r=${n}x,s=!!!!,i=1`))).message, /a bad SCRAM salt/);
  assert.match((await failure(scram((n) => `m=ext,r=${n}x,s=${salt},i=1`))).message, /cannot be read/);
  assert.match((await failure(scram((n) => `r=${n}x,s=${salt},i=0`))).message, /cannot be read/);
});

test('a server that does not know the password cannot pass for one that does', async () => {
  const forged = scram(
    (nonce) => `r=${nonce}server,s=${salt},i=4096`,
    async (conn, signal) => {
      await readMessage(conn, signal);
      await conn.write(authentication(12, Buffer.from(`v=${Buffer.alloc(32).toString('base64')}`)), signal);
      await conn.write(Buffer.concat([authenticationOk(), readyForQuery()]), signal);
    },
  );
  assert.match((await failure(forged)).message, /could not prove that it knows the password/);
  const skipped = scram(
    (nonce) => `r=${nonce}server,s=${salt},i=4096`,
    async (conn, signal) => {
      await readMessage(conn, signal);
      await conn.write(Buffer.concat([authenticationOk(), readyForQuery()]), signal);
    },
  );
  assert.match((await failure(skipped)).message, /broke off the SCRAM login half way/);
});

test('a server that does know it is let in, and asked for no second login', async () => {
  const honest =
    (tail: Buffer): Script =>
    async (conn, signal) => {
      await readStartup(conn, signal);
      await conn.write(sasl('SCRAM-SHA-256'), signal);
      const bare = /n=.*$/.exec(String(await readMessage(conn, signal)))?.[0] ?? '';
      const first = `${bare.replace(/^.*r=/, 'r=')}server,s=${salt},i=4096`;
      await conn.write(authentication(11, Buffer.from(first)), signal);
      const withoutProof = String(await readMessage(conn, signal)).replace(/,p=.*$/, '');
      const salted = pbkdf2Sync('pencil-canary', Buffer.from(salt, 'base64'), 4096, 32, 'sha256');
      const key = createHmac('sha256', salted).update('Server Key').digest();
      const signature = createHmac('sha256', key).update(`${bare},${first},${withoutProof}`).digest('base64');
      await conn.write(Buffer.concat([authentication(12, Buffer.from(`v=${signature}`)), tail]), signal);
    };
  await using fake = await FakePostgres.start(honest(Buffer.concat([authenticationOk(), readyForQuery()])));
  await using upstream = await postgres.open(fake.config(), new Map(), testIo(), never);
  assert.equal(upstream.facts.key, undefined);
  const greedy = await failure(honest(authentication(3)));
  assert.match(greedy.message, /asked for a second login/);
});

test('bytes behind the answer to the TLS request are refused', async () => {
  const injected: Script = async (conn, signal) => {
    await conn.exactly(8, signal);
    await conn.write(Buffer.concat([Buffer.from('S'), authenticationOk(), readyForQuery()]), signal);
  };
  const error = await failure(injected, { tls: 'require', min_auth: 'none' });
  assert.equal(error.code, 'upstream_protocol');
  assert.match(error.message, /sent bytes in the clear behind its answer to the TLS request$/);
});

test('whatever else a server says to the TLS request, nothing goes on in the clear', async () => {
  const says =
    (answer: string): Script =>
    async (conn, signal) => {
      await conn.exactly(8, signal);
      await conn.write(Buffer.from(answer), signal);
    };
  const plain = await failure(says('N'), { tls: 'require' });
  assert.match(plain.message, /^PostgreSQL at \S+ does not offer TLS$/);
  const refused = await failure(says('E\0\0\0\x20SFATAL\0Mevil words\0\0'), { tls: 'require' });
  assert.match(refused.message, /answered the TLS request with an error$/);
  assert.doesNotMatch(refused.message, /evil/);
  assert.equal((await failure(says('H'), { tls: 'require' })).code, 'upstream_protocol');
  assert.equal((await failure(says('S'), { tls: 'require' }, AbortSignal.timeout(50))).code, 'cancelled');
});

test('quotes a server without control characters, without the password, and not for ever', async () => {
  const text = `no \u001b[31mway\r\n for pencil-canary ${'x'.repeat(5_000)}`;
  const error = await failure(answers(frame(TYPE.errorResponse, Buffer.from(`SFATAL\0C3D000\0M${text}\0\0`))));
  assert.match(error.message, /refused the connection: no \[31mway for \*\*\* x{100,} \(3D000\)$/);
  assert.ok(error.message.length < 320);
  const bare = await failure(answers(frame(TYPE.errorResponse, Buffer.from('Mno code\0\0'))));
  assert.match(bare.message, /refused the connection: no code \(no SQLSTATE\)$/);
  assert.equal(bare.upstreamCode, undefined);
});

test('a spare that the server has timed out, closed or garbled is not alive', async () => {
  const login = Buffer.concat([
    authenticationOk(),
    backendKeyData({ pid: 1, secret: Buffer.alloc(4) }),
    readyForQuery(),
  ]);
  const then =
    (...bytes: readonly Buffer[]): Script =>
    async (conn, signal) => {
      await readStartup(conn, signal);
      await conn.write(login, signal);
      await readMessage(conn, signal);
      if (bytes.length > 0) await conn.write(Buffer.concat(bytes), signal);
      else conn.destroy();
    };
  const timedOut = frame(TYPE.errorResponse, Buffer.from('SFATAL\0C57P05\0Mterminating\0\0'));
  for (const [script, expected] of [
    [then(parameterStatus('TimeZone', 'UTC'), readyForQuery()), true],
    [then(timedOut), false],
    [then(), false],
    [then(Buffer.from('52ffffffff', 'hex')), false],
  ] as const) {
    await using fake = await FakePostgres.start(script);
    await using upstream = await postgres.open(fake.config({ min_auth: 'none' }), new Map(), testIo(), never);
    assert.equal(await upstream.alive(never), expected);
    if (expected) assert.deepEqual([...upstream.facts.parameters.keys()], ['TimeZone']);
  }
  await using mute = await FakePostgres.start(then(Buffer.alloc(0)));
  await using upstream = await postgres.open(mute.config({ min_auth: 'none' }), new Map(), testIo(), never);
  assert.equal(await upstream.alive(AbortSignal.timeout(30)), false);
});

test('the walker knows a boundary however the stream is cut, and refuses a length that no message has', () => {
  const stream = Buffer.concat([readyForQuery(), frame(0x44, Buffer.alloc(7)), frame(0x43), readyForQuery()]);
  const ends = new Set([6, 18, 23, 29]);
  for (let cut = 0; cut <= stream.length; cut++) {
    const walker = new FrameWalker();
    walker.see(stream.subarray(0, cut));
    assert.equal(walker.atBoundary, cut === 0 || ends.has(cut), `cut at ${cut}`);
    walker.see(stream.subarray(cut));
    assert.equal(walker.atBoundary, true);
  }
  const slow = new FrameWalker();
  for (const byte of stream) slow.see(Buffer.from([byte]));
  assert.equal(slow.atBoundary, true);
  assert.throws(() => new FrameWalker().see(Buffer.from('5a00000003', 'hex')), { code: 'upstream_protocol' });
  assert.throws(() => new FrameWalker().see(Buffer.from('5a7fffffff', 'hex')), { code: 'upstream_protocol' });
});
