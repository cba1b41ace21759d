import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { BrokerError } from '../../src/core/errors.ts';
import { splitInline } from '../../src/drivers/redis/resp.ts';
import { command, configOf, direct, openLease, RawRedis, transcript } from '../support/redis.ts';
import { rig } from '../support/rig.ts';

const OK = '+OK\r\n';

/** A test's own key, so that tests and runs do not meet. */
const key = (): string => `app:${randomUUID()}`;

/** The rig's ACL user `app` in database 5: what a lost login or database would show at once. */
function appIn5() {
  const { user, password } = rig().redis.logins.app;
  return configOf({ username: user, db: 5 }, password);
}

/** Who the connection is logged in as, and its database. */
async function where(client: RawRedis): Promise<string> {
  client.send('CLIENT INFO\r\n');
  const info = await client.until(/\r\n.*\r\n$/s);
  return `${/ user=(\S+)/.exec(info)?.[1]} ${/ db=(\d+)/.exec(info)?.[1]} ${/ resp=(\d)/.exec(info)?.[1] ?? '?'}`;
}

test('AUTH with anything, at any place of a pipeline, in either form: OK, in order, and still the service’s user', async () => {
  await using lease = await openLease(appIn5());
  const k = key();
  const said = await transcript(
    lease.port,
    command('SET', k, 'v'),
    command('AUTH', 'dummy'),
    command('GET', k),
    'AUTH someone "else"\r\n',
    command('AUTH'),
    command('AUTH', 'a', 'b', 'c'),
    'ACL WHOAMI\r\n',
  );
  const errors = "-ERR wrong number of arguments for 'auth' command\r\n-ERR syntax error\r\n";
  assert.equal(said, `${OK}${OK}$1\r\nv\r\n${OK}${errors}$3\r\napp\r\n`);
});

test('AUTH in a transaction is queued and answered as any other command', async () => {
  await using lease = await openLease(appIn5());
  const said = await transcript(lease.port, 'MULTI\r\nAUTH dummy\r\nACL WHOAMI\r\nEXEC\r\n');
  assert.equal(said, `${OK}+QUEUED\r\n+QUEUED\r\n*2\r\n${OK}$3\r\napp\r\n`);
});

test('AUTH with anything is OK on a server that asks for no password', async () => {
  const { host, port } = rig().redisOpen;
  await using lease = await openLease(configOf({ host, port }, ''));
  assert.equal(await transcript(lease.port, command('AUTH', 'x'), command('AUTH', 'u', 'x')), OK + OK);
});

for (const version of ['2', '3']) {
  test(`HELLO ${version} is answered by the server itself, with a login or without`, async () => {
    await using lease = await openLease(appIn5());
    using client = await RawRedis.connect(lease.port);
    const wanted = (await direct(command('HELLO', version), command('HELLO', '2')))
      .split(/(?=[%*]\d+\r\n\$6\r\nserver)/)[0]
      ?.replace(/:\d+\r\n(?=\$4\r\nmode)/, ':ID\r\n');
    for (const login of [[], ['AUTH', 'default', 'dummy'], ['SETNAME', 'auth', 'auth', 'u', 'p']]) {
      client.send(command('HELLO', version, ...login));
      const map = await client.until(/modules\r\n\*0\r\n$/);
      assert.equal(map.replace(/:\d+\r\n(?=\$4\r\nmode)/, ':ID\r\n'), wanted);
      assert.equal(await where(client), `app 5 ${version}`);
    }
    client.send(command('HELLO', '9', 'AUTH', 'default', 'dummy'));
    assert.match(await client.until('\r\n'), /^-NOPROTO/);
  });
}

test('RESET comes back alone, and leaves the service’s user and database', async () => {
  await using lease = await openLease(appIn5());
  using client = await RawRedis.connect(lease.port);
  const k = key();
  client.send(command('HELLO', '3'), command('SELECT', '7'), 'MULTI\r\n');
  await client.until('+OK\r\n+OK\r\n');
  client.send(command('SET', k, 'queued'), 'RESET\r\n', command('GET', k), command('RESET'), command('PING'));
  assert.equal(await client.until('+PONG\r\n'), '+QUEUED\r\n+RESET\r\n$-1\r\n+RESET\r\n+PONG\r\n');
  assert.equal(await where(client), 'app 5 2');
});

test('RESET out of a subscription, out of MONITOR, and behind CLIENT REPLY SKIP and OFF', async () => {
  await using lease = await openLease(appIn5());
  using client = await RawRedis.connect(lease.port);
  const channel = key();
  client.send(command('SUBSCRIBE', channel));
  await client.until(':1\r\n');
  await direct(command('PUBLISH', channel, 'before'));
  await client.until(/before\r\n$/);
  client.send('RESET\r\n');
  assert.match(await client.until('+RESET\r\n'), /^\+RESET\r\n$/);
  assert.equal(await where(client), 'app 5 2');
  client.send('MONITOR\r\n');
  await client.until(/OK\r\n/);
  client.send('RESET\r\n');
  assert.doesNotMatch(await client.until(/\+RESET\r\n/), /unknown command/);
  assert.equal(await where(client), 'app 5 2');
  client.send('CLIENT REPLY SKIP\r\nRESET\r\nECHO skipped\r\n');
  assert.equal(await client.until('skipped\r\n'), '$7\r\nskipped\r\n');
  client.send('CLIENT REPLY OFF\r\nECHO unheard\r\nRESET\r\nECHO heard\r\n');
  assert.equal(await client.until('heard\r\n'), '+RESET\r\n$5\r\nheard\r\n');
  assert.equal(await where(client), 'app 5 2');
});

test('many RESETs, pipelined between values that look like their marks', async () => {
  await using lease = await openLease(appIn5());
  // A server closes on a client that has 16 KB of replies waiting while it is logged out (CVE-2025-21605), broker or not.
  const lookalike = `\r\n-ERR unknown command '${'a'.repeat(32)}a'\r\n-`;
  const parts = Array.from({ length: 40 }, () => Buffer.concat([command('ECHO', lookalike), command('RESET')]));
  const one = `$${lookalike.length}\r\n${lookalike}\r\n+RESET\r\n`;
  assert.equal(await transcript(lease.port, ...parts), one.repeat(40));
});

test('a password that was changed meanwhile ends the session at RESET, instead of leaving it logged out', async () => {
  const user = `temp-${randomUUID()}`;
  await direct(command('ACL', 'SETUSER', user, 'on', '>first-one', '~*', '+@all'));
  try {
    const ended: (BrokerError | undefined)[] = [];
    await using lease = await openLease(configOf({ username: user }, 'first-one'), {
      ended: (end) => ended.push(end.error),
    });
    using client = await RawRedis.connect(lease.port);
    client.send('PING\r\n');
    await client.until('+PONG\r\n');
    await direct(command('ACL', 'SETUSER', user, 'resetpass', '>second-one'));
    client.send('RESET\r\nPING\r\n');
    assert.doesNotMatch(await client.rest(), /first-one|PONG/);
    await lease.settled();
    assert.equal(ended[0]?.code, 'upstream_auth');
  } finally {
    await direct(command('ACL', 'DELUSER', user));
  }
});

test('the password is in nothing that a client can ask for: MONITOR, SLOWLOG, CLIENT LIST, INFO', async () => {
  await using lease = await openLease(appIn5());
  const { password } = rig().redis.logins.app;
  using watcher = await RawRedis.connect(lease.port);
  watcher.send('MONITOR\r\n');
  await watcher.until(OK);
  const marker = key();
  const said = await transcript(
    lease.port,
    'AUTH x\r\nMULTI\r\nAUTH y\r\nEXEC\r\nRESET\r\nHELLO 3 AUTH u z\r\n',
    'SLOWLOG GET 128\r\nCLIENT LIST\r\nINFO\r\nCONFIG GET *\r\n',
    command('ECHO', marker),
  );
  const watched = await watcher.until(new RegExp(`${marker}"\r\n`));
  for (const text of [said, watched]) assert(!text.includes(password));
});

test('an inline command means what it means to the server', async () => {
  await using lease = await openLease();
  const alphabet = [
    'a',
    'Z',
    ' ',
    '  ',
    '\t',
    '\v',
    '\\',
    "\\'",
    '\\"',
    '\\n',
    '\\x41',
    '\\xZZ',
    '"',
    "'",
    '" ',
    "' ",
    'é',
  ];
  for (let round = 0; round < 150; round++) {
    const picks = randomBytes(12);
    const words = Array.from(picks, (byte) => alphabet[byte % alphabet.length]).join('');
    const line = Buffer.from(`RPUSH ${key()} first ${words}`);
    let args: Buffer[];
    try {
      args = splitInline(line);
    } catch {
      using client = await RawRedis.connect(rig().redis.port);
      client.send(line, '\n');
      assert.match(await client.until('\r\n'), /^-ERR Protocol error: unbalanced quotes/, line.toString());
      continue;
    }
    const k = args[1]?.toString() ?? '';
    assert.equal(await direct(line, '\n'), `:${args.length - 2}\r\n`, line.toString());
    const stored = await transcript(lease.port, command('LRANGE', k, '0', '-1'), command('DEL', k));
    const expected = args
      .slice(2)
      .map((arg) => `$${arg.length}\r\n${arg.toString('latin1')}\r\n`)
      .join('');
    assert.equal(stored, `*${args.length - 2}\r\n${expected}:1\r\n`);
  }
});

test('values of 100 MB go up and come down as they are', async () => {
  await using lease = await openLease();
  const k = key();
  const size = 100 * 1024 * 1024;
  const block = randomBytes(1024 * 1024);
  using client = await RawRedis.connect(lease.port);
  client.send(`*3\r\n$3\r\nSET\r\n$${k.length}\r\n${k}\r\n$${size}\r\n`);
  for (let i = 0; i < 100; i++) if (!client.socket.write(block)) await once(client.socket, 'drain');
  client.send('\r\n');
  await client.until(OK);
  client.socket.removeAllListeners('data');
  client.send(command('GET', k));
  let head = '';
  let seen = 0;
  for await (const chunk of client.socket.iterator({ destroyOnReturn: false })) {
    const bytes: Buffer = chunk;
    if (head === '') head = bytes.toString('latin1', 0, 12);
    seen += bytes.length;
    if (seen >= size + 14) break;
  }
  assert.match(head, /^\$104857600\r\n/);
  assert.equal(seen, size + '$104857600\r\n'.length + 2);
  assert.equal(await direct(command('STRLEN', k), command('DEL', k)), `:${size}\r\n:1\r\n`);
});

test('a client that sends what is not canonical is cut off, with nothing of it at the server', async () => {
  const ended: (BrokerError | undefined)[] = [];
  await using lease = await openLease(configOf(), { ended: (end) => ended.push(end.error) });
  const k = key();
  // The server skips the byte behind CR: it would see a SET here.
  for (const bytes of [
    `*3\rX$3\r\nSET\r\n$${k.length}\r\n${k}\r\n$1\r\n1\r\n`,
    '*1\r\n$-1\r\n',
    '*-1\r\n',
    'ECHO "x\r\n',
  ]) {
    using client = await RawRedis.connect(lease.port);
    client.send('PING\r\n');
    await client.until('+PONG\r\n');
    client.send(bytes);
    assert.equal(await client.rest(), '');
  }
  await lease.settled();
  assert.deepEqual(
    ended.map((error) => error?.code),
    ['client_protocol', 'client_protocol', 'client_protocol', 'client_protocol'],
  );
  assert.equal(await direct(command('EXISTS', k)), ':0\r\n');
});

test('a session that broker ends just closes, and what blocked in it is over at the server', async () => {
  await using lease = await openLease();
  const name = key();
  using client = await RawRedis.connect(lease.port);
  client.send(command('CLIENT', 'SETNAME', name), command('BLPOP', key(), '0'));
  await client.until(OK);
  await lease.end(new BrokerError('ended', 'the token was revoked'));
  assert.equal(await client.rest(), '');
  for (;;) if (!(await direct('CLIENT LIST\r\n')).includes(name)) break;
});
