import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { redis } from '../../../src/drivers/redis/driver.ts';
import { MAX_REPLY_BYTES } from '../../../src/drivers/redis/replies.ts';
import { RedisServer } from '../../fakes/redis.ts';
import { testIo } from '../../support/io.ts';

const never = new AbortController().signal;
const PASSWORD = 'upstream-canary';

/** Opens against a server that answers so, expects it to fail, and that no socket and no password is left anywhere. */
async function failure(
  answers: Readonly<Record<string, string | Buffer>>,
  fields: JsonObject = {},
  signal = never,
): Promise<BrokerError> {
  await using server = await RedisServer.start(PASSWORD);
  for (const [name, answer] of Object.entries(answers)) server.answers.set(name, answer);
  const error = await redis.open(server.config(fields), new Map(), testIo(), signal).then(
    () => assert.fail('the driver logged in'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof BrokerError, inspect(error));
  await server.until(() => server.live === 0);
  assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /upstream-canary/);
  return error;
}

for (const [what, bytes] of [
  ['text of another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['an SSH greeting', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['RESP3 before anybody asked for it', '%1\r\n+a\r\n:1\r\n'],
  ['a length that is no number', '$x\r\n'],
  ['a text of 512 MB', '$536870912\r\n'],
  ['a list of 2 billion', '*2147483647\r\n'],
  ['lists in lists in lists', '*100\r\n'.repeat(200)],
  ['a line without end', `+${'x'.repeat(100_000)}`],
  [
    'a reply that is too big in small parts',
    `*9999\r\n${`$100\r\n${'x'.repeat(100)}\r\n`.repeat(MAX_REPLY_BYTES / 100)}`,
  ],
  ['a text that is longer than it says', '$2\r\nabcdef\r\n'],
  ['two replies to one command', '-NOAUTH\r\n+PONG\r\n'],
  ['NULs', '\0'.repeat(10_000)],
] as const) {
  test(`a server that sends ${what} is refused`, async () => {
    const error = await failure({ ping: bytes });
    assert.match(error.code, /^upstream_(protocol|auth)$/);
    assert.match(error.message, /^Redis at 127\.0\.0\.1:\d+ /);
  });
}

for (const [what, answers] of [
  ['something else than OK to AUTH', { auth: ':1\r\n' }],
  ['a list to AUTH', { auth: '*1\r\n+OK\r\n' }],
  ['something that nobody asked for behind the login', { auth: '+OK\r\n+OK\r\n' }],
  ['half of something behind the login', { auth: '+OK\r\n$100\r\nx' }],
] as const) {
  test(`a server that answers ${what} is refused`, async () => {
    assert.equal((await failure(answers)).code, 'upstream_protocol');
  });
}

test('a server that hangs up in the middle of the login', async () => {
  await using server = await RedisServer.start(PASSWORD);
  server.answers.set('auth', { say: '', end: true });
  await assert.rejects(redis.open(server.config(), new Map(), testIo(), never), {
    code: 'upstream_protocol',
    message: /^Redis at 127\.0\.0\.1:\d+ closed the connection during the handshake$/,
  });
});

test('a server that says nothing is given up when the caller’s time is over', async () => {
  const error = await failure({ ping: '' }, {}, AbortSignal.timeout(50));
  assert.equal(error.code, 'cancelled');
});

test('a refusal says what was tried and what the server said, without the password', async () => {
  const wrong = await failure({ auth: `-WRONGPASS no, ${PASSWORD} is\twrong\r\n` });
  assert.equal(wrong.code, 'upstream_auth');
  assert.equal(wrong.upstreamCode, 'WRONGPASS');
  assert.match(
    wrong.message,
    /refused the login: AUTH with the password was answered "WRONGPASS no, \*\*\* is wrong"$/,
  );
  assert.match(wrong.hint ?? '', /service set \{service\} --password-stdin/);
  const user = await failure({ auth: `-WRONGPASS ${'x'.repeat(5_000)}\r\n` }, { username: 'app' });
  assert.match(user.message, /AUTH with user name and password was answered/);
  assert(user.message.length < 400);
});

for (const [what, text, code] of [
  ['has too many clients', '-ERR max number of clients reached', 'upstream_refused'],
  ['is in protected mode', '-DENIED Redis is running in protected mode', 'upstream_refused'],
  ['says so in Redis 5', '-ERR invalid password', 'upstream_auth'],
] as const) {
  test(`a server that ${what}`, async () => {
    const name = code === 'upstream_auth' ? 'auth' : 'ping';
    const error = await failure({ [name]: `${text}\r\n` });
    assert.equal(error.code, code);
    assert(error.message.includes(text.slice(1)));
  });
}

test('a server that needs no password, although one is stored, is an error, and is not sent the password', async () => {
  await using server = await RedisServer.start(PASSWORD);
  server.behaviour = 'downgrade';
  for (const fields of [{}, { username: 'default' }])
    await assert.rejects(redis.open(server.config(fields), new Map(), testIo(), never), {
      code: 'upstream_auth',
      message: /needs no password, although one is stored$/,
    });
  assert(!server.received.includes(PASSWORD));
});

test('an ACL user without a password of its own is found out where the server shows it', async () => {
  const flags = '*4\r\n$5\r\nflags\r\n*2\r\n$2\r\non\r\n$6\r\nnopass\r\n$9\r\npasswords\r\n*0\r\n';
  const error = await failure({ acl: flags }, { username: 'app' });
  assert.match(error.message, /needs no password/);
  // One who may not look is let in: the server's word for the login has to do.
  await using server = await RedisServer.start(PASSWORD);
  await using _ = await redis.open(server.config({ username: 'app' }), new Map(), testIo(), never);
});

test('a server that asks for a password where none is stored', async () => {
  await using server = await RedisServer.start(PASSWORD);
  await assert.rejects(redis.open(server.config({}, ''), new Map(), testIo(), never), {
    code: 'upstream_auth',
    message: /asks for a password, and none is stored/,
  });
});

test('a database that is not there is named', async () => {
  const error = await failure({ select: '-ERR DB index is out of range\r\n' }, { db: 99 });
  assert.equal(error.code, 'upstream_refused');
  assert.match(error.message, /database 99/);
});

test('alive is a round trip, and false for what is gone, logged out or talks unasked', async () => {
  await using server = await RedisServer.start(PASSWORD);
  for (const [answer, alive] of [
    [undefined, true],
    ["-NOPERM this user has no permissions to run the 'ping' command\r\n", true],
    ['-NOAUTH Authentication required.\r\n', false],
    ['-ERR something\r\n', false],
    ['+PONG\r\n+more\r\n', false],
    ['garbage\r\n', false],
    [{ say: '', end: true }, false],
  ] as const) {
    await using upstream = await redis.open(server.config(), new Map(), testIo(), never);
    if (answer !== undefined) server.answers.set('ping', answer);
    assert.equal(await upstream.alive(AbortSignal.timeout(20_000)), alive);
    server.answers.clear();
  }
});
