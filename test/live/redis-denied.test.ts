import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, configOf, direct, openLease, type RedisLease, transcript } from '../support/redis.ts';

const GET = command('GET', 'no-such-key');
const NIL = '$-1\r\n';
const NO = /^-ERR unknown command '([^']*) \(denied by broker: [^']*\)', with args beginning with: \r\n$/;

/** A denied command stands between two answers, says why, and never carries what the client wrote. */
async function assertDenied(lease: RedisLease, sent: Buffer | string, name: string): Promise<void> {
  const said = await transcript(lease.port, GET, sent, GET);
  assert(said.startsWith(NIL) && said.endsWith(NIL), said);
  const answer = said.slice(NIL.length, -NIL.length);
  assert.equal(NO.exec(answer)?.[1], name, said);
  assert.doesNotMatch(said, /canary/);
}

const DENIED: readonly (readonly string[])[] = [
  ['CONFIG', 'GET', 'requirepass'],
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'GET', 'save', 'masterauth'],
  ['CONFIG', 'SET', 'requirepass', 'canary'],
  ['CONFIG', 'REWRITE'],
  ['CONFIG', 'RESETSTAT'],
  ['ACL', 'LIST'],
  ['ACL', 'GETUSER', 'default'],
  ['ACL', 'SETUSER', 'canary', 'on', 'nopass'],
  ['ACL', 'DELUSER', 'canary'],
  ['ACL', 'LOG'],
  ['ACL', 'SAVE'],
  ['ACL', 'GENPASS'],
  ['MIGRATE', '127.0.0.1', '1', 'canary', '0', '1', 'AUTH', 'canary'],
  ['REPLICAOF', '127.0.0.1', '1'],
  ['SLAVEOF', 'NO', 'ONE'],
  ['SYNC'],
  ['PSYNC', '?', '-1'],
  ['REPLCONF', 'listening-port', '1'],
  ['FAILOVER', 'ABORT'],
  ['DEBUG', 'SLEEP', '0'],
  ['MODULE', 'LIST'],
  ['MODULE', 'LOAD', '/tmp/canary.so'],
  ['SHUTDOWN', 'NOSAVE'],
  ['CLUSTER', 'MEET', '127.0.0.1', '1'],
  ['CLUSTER', 'REPLICATE', 'canary'],
  ['SENTINEL', 'SET', 'canary', 'auth-pass', 'canary'],
];

for (const args of DENIED) {
  const [name = '', subcommand] = args;
  const whole = ['CONFIG', 'ACL', 'CLUSTER', 'SENTINEL'].includes(name);
  const shown = whole ? `${name} ${subcommand}` : name;
  const mixed = [...name].map((c, i) => (i % 2 === 0 ? c.toLowerCase() : c)).join('');

  test(`${args.join(' ')} is denied: pipelined, inline, quoted, in mixed case, in pieces, and in MULTI`, async () => {
    await using lease = await openLease();
    await assertDenied(lease, command(...args), shown);
    await assertDenied(lease, command(mixed, ...args.slice(1)), shown);
    await assertDenied(lease, `${[mixed, ...args.slice(1)].join(' ')}\r\n`, shown);
    await assertDenied(
      lease,
      `"${name}" ${args
        .slice(1)
        .map((arg) => `'${arg}'`)
        .join(' ')}\n`,
      shown,
    );
    await assertDenied(lease, command(`${name}\0`, ...args.slice(1)), shown);
    const queued = await transcript(lease.port, 'MULTI\r\n', GET, command(...args), GET, 'EXEC\r\n');
    const lines = queued.split('\r\n');
    assert.deepEqual([lines[0], lines[1], lines[3]], ['+OK', '+QUEUED', '+QUEUED']);
    assert.match(`${lines[2]}\r\n`, NO);
    assert.equal(lines[4], '-EXECABORT Transaction discarded because of previous errors.');
  });
}

test('none of it is the server’s own refusal: directly, they run', async () => {
  assert.match(await direct(command('CONFIG', 'GET', 'requirepass')), /defaultpw/);
  assert.match(await direct(command('ACL', 'LIST')), /user default/);
});

test('a NUL behind a name makes the real server run the command, and is seen through', async () => {
  // The server compares C strings, but hashes whole ones: one suffix in a few hundred meets CONFIG in its bucket.
  const tries = Array.from({ length: 6_000 }, (_, i) => command(`config\0${i}`, 'GET', 'requirepass'));
  const said = await direct(...tries);
  await using lease = await openLease();
  const through = await transcript(lease.port, ...tries);
  assert.doesNotMatch(through, /defaultpw/);
  // Should a server learn better, this line says so, and the check may stay for those that have not.
  assert.match(said, /defaultpw/);
});

test('what reveals nothing passes, with the server’s own answer', async () => {
  await using lease = await openLease();
  for (const sent of [
    command('CONFIG', 'GET', 'save'),
    command('config', 'get', 'appendonly', 'notify-keyspace-events'),
    command('ACL', 'WHOAMI'),
    command('ACL', 'CAT'),
    command('CLUSTER', 'KEYSLOT', 'k'),
    command('COMMAND', 'COUNT'),
    command('EVAL', 'return redis.call("ping")', '0'),
    command('SCRIPT', 'EXISTS', 'x'),
    command('nosuch', 'thing'),
    command('GET'),
  ])
    assert.equal(await transcript(lease.port, sent), await direct(sent));
});

test('scripts cannot reach what is denied: the server refuses it itself', async () => {
  await using lease = await openLease();
  for (const inner of [
    '"config","get","requirepass"',
    '"acl","list"',
    '"debug","sleep","0"',
    '"shutdown"',
    '"auth","x"',
  ]) {
    const said = await transcript(lease.port, command('EVAL', `return redis.call(${inner})`, '0'));
    assert.match(said, /^-ERR .*not allowed from script/);
  }
});

test('a service’s own lists: what they deny, and scripts, are denied in order; what they allow runs', async () => {
  await using some = await openLease(configOf({ deny_commands: ['KEYS', 'client|kill'] }));
  await assertDenied(some, command('keys', '*'), 'KEYS');
  await assertDenied(some, command('CLIENT', 'KILL', 'canary'), 'CLIENT KILL');
  await assertDenied(some, command('EVAL', 'return "canary"', '0'), 'EVAL');
  await assertDenied(some, command('FCALL', 'canary', '0'), 'FCALL');
  await assertDenied(some, command('SCRIPT', 'LOAD', 'return "canary"'), 'SCRIPT LOAD');
  assert.match(await transcript(some.port, 'CLIENT ID\r\n'), /^:\d+\r\n$/);
  await using few = await openLease(configOf({ allow_commands: ['get', 'echo', 'config|get'] }));
  await assertDenied(few, command('SET', 'k', 'canary'), 'SET');
  assert.match(await transcript(few.port, command('CONFIG', 'GET', 'maxclients')), /maxclients/);
});
