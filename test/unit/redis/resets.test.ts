import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { Resets } from '../../../src/drivers/redis/resets.ts';
import { encode } from '../../../src/drivers/redis/resp.ts';

const NONCE = Buffer.alloc(16, 0xab);
const BEGIN = `-ERR unknown command '${'ab'.repeat(16)}a', with args beginning with: \r\n`;
const END = `-ERR unknown command '${'ab'.repeat(16)}b', with args beginning with: \r\n`;
const RELOGIN = `${BEGIN}+OK\r\n+OK\r\n${END}`;

function resets(): Resets {
  return new Resets(NONCE, Secret.copy(encode(['AUTH', 'the-real-one'])), 3);
}

/** What is left of `replies` after `count` RESETs, in chunks that end at the offsets in `cuts`. */
function cut(replies: string, count: number, cuts: readonly number[]): string {
  const made = resets();
  for (let i = 0; i < count; i++) made.relogin();
  const bytes = Buffer.from(replies, 'latin1');
  const edges = [0, ...cuts, bytes.length];
  const parts = edges.slice(1).map((end, i) => made.cut(bytes.subarray(edges[i], end)).toString('latin1'));
  return parts.join('');
}

test('behind RESET go a mark, the login, the database, and another mark', () => {
  const sent = resets().relogin();
  const begin = `${NONCE.toString('hex')}a`;
  const end = `${NONCE.toString('hex')}b`;
  const all = [[begin], ['AUTH', 'the-real-one'], ['SELECT', '3'], [end]].map((args) => encode(args));
  assert.deepEqual(sent, Buffer.concat(all));
});

test('a server that needs no login and has database 0 for the service needs nothing behind RESET', () => {
  const made = new Resets(NONCE, undefined, 0);
  assert.equal(made.relogin().length, 0);
  const chunk = Buffer.from('+RESET\r\n-partial');
  assert.equal(made.cut(chunk), chunk);
});

for (const [what, before, between, after] of [
  ['alone', '+RESET\r\n', '', ''],
  ['between others', '$1\r\nv\r\n+RESET\r\n', '', ':7\r\n-ERR no\r\n$2\r\na\nb'],
  ['behind a value with lines that look like errors', '$9\r\n\n-ERR\n\r\n-\r\n+RESET\r\n', '', '-'],
  ['without a +RESET, as after CLIENT REPLY SKIP', '', '', '+OK\r\n'],
  ['refused by the server', "-NOPERM this user has no permissions to run the 'reset' command\r\n", '', '+OK\r\n'],
  ['twice', '+RESET\r\n', '+PONG\r\n+RESET\r\n', '+PONG\r\n'],
] as const) {
  test(`the replies to the login are cut out, wherever the chunks end: RESET ${what}`, () => {
    const count = between === '' ? 1 : 2;
    const replies = before + RELOGIN + (between === '' ? '' : between + RELOGIN) + after;
    const expected = before + between + after;
    assert.equal(cut(replies, count, []), expected);
    assert.equal(
      cut(
        replies,
        count,
        [...replies].map((_, i) => i),
      ),
      expected,
    );
    for (let first = 1; first < replies.length; first++) {
      assert.equal(cut(replies, count, [first]), expected);
      for (let second = first + 1; second < replies.length; second += 13)
        assert.equal(cut(replies, count, [first, second]), expected);
    }
  });
}

test('whole replies are never kept back while a RESET is under way', () => {
  const made = resets();
  made.relogin();
  for (const reply of ['+OK\r\n', '-ERR x\r\n', '$5\r\n-ERR \r\n', `$2000\r\n${'-'.repeat(2_000)}\r\n`])
    assert.equal(made.cut(Buffer.from(reply)).toString(), reply);
});

test('a large value passes as it comes while a RESET is under way', () => {
  const made = resets();
  made.relogin();
  let passed = made.cut(Buffer.from('$1000000\r\n')).length;
  for (let i = 0; i < 10; i++) passed += made.cut(Buffer.alloc(100_000, '-')).length;
  assert.equal(passed, 1_000_000 + 10);
});

test('when nothing is under way any more, a mark is nobody’s business', () => {
  const made = resets();
  made.relogin();
  made.cut(Buffer.from(`+RESET\r\n${RELOGIN}`));
  assert.equal(made.cut(Buffer.from(BEGIN)).toString(), BEGIN);
});

test('a login that the server does not accept again ends the session', () => {
  const made = resets();
  made.relogin();
  const replies = Buffer.from(`+RESET\r\n${BEGIN}-WRONGPASS invalid\r\n-NOAUTH\r\n${END}`);
  assert.throws(() => made.cut(replies), { code: 'upstream_auth', hop: 'auth' });
});

for (const [what, replies] of [
  ['a line without end', `${BEGIN}+${'x'.repeat(2_000)}`],
  ['lines without end', BEGIN + '+OK\r\n'.repeat(10)],
] as const) {
  test(`a server that answers the login after RESET with ${what} ends the session`, () => {
    const made = resets();
    made.relogin();
    assert.throws(() => made.cut(Buffer.from(replies)), { code: 'upstream_protocol' });
  });
}
