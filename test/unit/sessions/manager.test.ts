import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint } from '../../../src/core/address.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import { LineClient } from '../../support/client.ts';
import { caller, eventually, never, peers, token } from '../../support/sessions.ts';
import { setup } from './setup.ts';

const at = (lease: { address: { host: string; port: number } }) => ({
  host: lease.address.host,
  port: lease.address.port,
});

test('is authenticated before the address is returned, and hands over the logged-in connection', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  assert.equal(it.server.logins.length, 1);
  assert.equal(lease.address.host, '127.0.0.1');
  assert.equal(lease.check, 'peer');
  using client = await LineClient.connect(at(lease));
  assert.match(await client.ask('HELLO'), /^\+HELLO facts/);
  assert.equal(await client.ask('select 1'), 'echo select 1');
  client.finish();
  const end = await it.world.recorded('session.end');
  assert.deepEqual(
    [end.code, end.bytesUp, end.bytesDown, end.service, end.kind],
    ['client_finished', 9, 14, 'app', 'line'],
  );
  assert.deepEqual(it.manager.list(), []);
});

test('wipes the secret as soon as the login is done', async () => {
  await using it = await setup();
  await it.manager.open(caller(), { service: 'app' }, never);
  assert.deepEqual(
    it.given.map((secret) => secret.disposed),
    [true],
  );
});

test('answers the call with what upstream said to a wrong password, and listens nowhere', async () => {
  await using it = await setup({ password: 'wrong' });
  await assert.rejects(it.manager.open(caller(), { service: 'app' }, never), (error) => {
    assert(error instanceof BrokerError);
    assert.deepEqual(
      [error.code, error.hop, error.message],
      ['upstream_auth', 'auth', 'app: Line refused: wrong password'],
    );
    return true;
  });
  assert.deepEqual(it.manager.list(), []);
  assert.equal(it.given[0]?.disposed, true);
  assert.equal(it.world.grants[0]?.active, false);
  await it.server.until(() => it.server.live === 0);
  const failed = await it.world.recorded('session.open');
  assert.deepEqual([failed.outcome, failed.code], ['failed', 'upstream_auth']);
});

test('a port probe does not use the session up', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  for (let probe = 0; probe < 3; probe++) {
    using knock = await LineClient.connect(at(lease));
    knock.finish();
    await knock.rest();
  }
  using client = await LineClient.connect(at(lease));
  assert.match(await client.ask('HELLO'), /^\+HELLO/);
});

test('refuses a second client on a one-shot session while the first goes on', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  using first = await LineClient.connect(at(lease));
  await first.ask('HELLO');
  using second = await LineClient.connect(at(lease));
  assert.equal(await second.ask('HELLO'), '-ERR this session is for one client and has had it');
  assert.equal(await first.ask('still here'), 'echo still here');
  const refusal = await it.world.recorded('session.refuse');
  assert.equal(refusal.code, 'exhausted');
});

test('serves exactly one of many that race', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  const racers = await Promise.all(Array.from({ length: 20 }, () => LineClient.connect(at(lease))));
  const answers = await Promise.all(racers.map((racer) => racer.ask('HELLO')));
  assert.equal(answers.filter((answer) => answer.startsWith('+HELLO')).length, 1);
  for (const racer of racers) racer[Symbol.dispose]();
});

test('another user never gets in, and does not use the session up', async () => {
  await using it = await setup();
  const owner = caller({ peer: { uid: (process.getuid?.() ?? 0) + 1 } });
  const lease = await it.manager.open(owner, { service: 'app' }, never);
  using stranger = await LineClient.connect(at(lease));
  assert.equal(await stranger.ask('HELLO'), '-ERR this session belongs to another user');
  assert.equal(it.manager.get(lease.id)?.connections.served, 0);
  const refusal = await it.world.recorded('session.refuse');
  assert.deepEqual([refusal.code, refusal.detail], ['denied', { peerUid: process.getuid?.() }]);
});

test('a client whose user the kernel does not tell never gets in, and does not use the session up', async () => {
  const real = await peers();
  let blind = true;
  const sometimes = {
    ...real,
    tcp: async (local: Endpoint, remote: Endpoint) => (blind ? undefined : await real.tcp(local, remote)),
  };
  await using it = await setup({ peers: sometimes });
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  using unknown = await LineClient.connect(at(lease));
  assert.equal(await unknown.ask('HELLO'), '-ERR broker cannot tell which user is connecting');
  blind = false;
  using owner = await LineClient.connect(at(lease));
  assert.match(await owner.ask('HELLO'), /^\+HELLO/);
});

test('asks for a ticket where the user is not known, and takes only that', async () => {
  await using it = await setup();
  const lease = await it.manager.open({ transport: 'tcp', origin: 'tcp:127.0.0.1' }, { service: 'app' }, never);
  assert.equal(lease.check, 'ticket');
  const ticket = lease.ticket?.use((bytes) => bytes.toString()) ?? '';
  assert.equal(lease.hint.url, `line://:${ticket}@127.0.0.1:${lease.address.port}`);
  for (const [said, answer] of [
    ['HELLO', '-ERR this session asks for its password'],
    ['HELLO 0123456789abcdef0123456789abcdef', '-ERR that is not the password of this session'],
  ] as const) {
    using client = await LineClient.connect(at(lease));
    assert.equal(await client.ask(said), answer);
  }
  assert(!JSON.stringify(it.manager.list()).includes(ticket));
  using client = await LineClient.connect(at(lease));
  assert.match(await client.ask(`HELLO ${ticket}`), /^\+HELLO/);
});

test('a peer check that cannot be made is an error, never a weaker check', async () => {
  await using it = await setup();
  const unknown = { transport: 'tcp', origin: 'tcp:127.0.0.1' } as const;
  await assert.rejects(it.manager.open(unknown, { service: 'app', check: 'peer' }, never), {
    code: 'invalid_argument',
  });
  assert.equal(it.world.admitted.length, 0);
});

test('ends when nobody comes within the accept timeout', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app', acceptTimeoutMs: 1 }, never);
  const end = await it.world.recorded('session.end');
  assert.equal(end.code, 'accept_timeout');
  await it.server.until(() => it.server.live === 0);
  await assert.rejects(LineClient.connect(at(lease)), { code: 'ECONNREFUSED' });
});

test('n connections: each has its own login, admitted anew; then the session is over', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app', connections: 2 }, never);
  using first = await LineClient.connect(at(lease));
  await first.ask('HELLO');
  using second = await LineClient.connect(at(lease));
  await second.ask('HELLO');
  assert.equal(it.server.logins.length, 2);
  assert.equal(it.world.admitted.length, 2);
  assert.equal(it.world.admitted[1]?.session, lease.id);
  first.finish();
  second.finish();
  const end = await it.world.recorded('session.end');
  assert.deepEqual(end.detail, { served: 2 });
});

test('a withdrawn permission stops the next connection of a session', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app', connections: 0 }, never);
  using first = await LineClient.connect(at(lease));
  await first.ask('HELLO');
  it.world.refuse = new BrokerError('denied', 'no longer');
  using second = await LineClient.connect(at(lease));
  assert.equal(await second.ask('HELLO'), '-ERR no longer');
  assert.equal(await first.ask('x'), 'echo x');
});

test('a client with other parameters gets a connection that was opened with them', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app', params: new Map([['tz', 'UTC']]) }, never);
  using client = await LineClient.connect(at(lease));
  assert.equal(await client.ask('HELLO;tz=CET'), '+HELLO facts;tz=CET key-2');
  assert.deepEqual(it.server.logins, [';tz=UTC', ';tz=CET']);
});

test('side connections reach the session they belong to, and use nothing up', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  using client = await LineClient.connect(at(lease));
  const key = (await client.ask('HELLO')).split(' ').at(-1);
  using stray = await LineClient.connect(at(lease));
  await stray.send('CANCEL key-99');
  await stray.rest();
  using cancel = await LineClient.connect(at(lease));
  await cancel.send(`CANCEL ${key}`);
  await cancel.rest();
  assert.deepEqual(it.server.cancels, [key]);
  assert.equal(it.manager.get(lease.id)?.connections.served, 1);
});

for (const [what, act, code, words] of [
  ['closing', (it) => it.manager.close(it.id, 'closed'), 'closed', 'the session was closed'],
  ['locking', (it) => it.manager.endAll('locked'), 'locked', 'the vault was locked'],
  [
    'revoking the grant',
    (it) => it.world.grants[0]?.revoke(new BrokerError('ended', 'the token was revoked')),
    'revoked',
    'the token was revoked',
  ],
  [
    'a gate that locks',
    (it) => it.world.grants[0]?.revoke(new BrokerError('locked', 'the vault is locked')),
    'locked',
    'the vault is locked',
  ],
] as [string, (it: Awaited<ReturnType<typeof setup>> & { id: string }) => unknown, string, string][]) {
  test(`${what} ends a live session at once, in the protocol's words`, async () => {
    await using it = await setup();
    const lease = await it.manager.open(caller(), { service: 'app' }, never);
    using client = await LineClient.connect(at(lease));
    await client.ask('HELLO');
    const done = act({ ...it, id: lease.id });
    assert.equal(await client.rest(), `-ERR ${words}\n`);
    client.finish();
    await done;
    assert.equal((await it.world.recorded('session.end')).code, code);
    await it.server.until(() => it.server.live === 0);
  });
}

test('a revoked or expired token ends what it opened', async () => {
  await using it = await setup();
  const revoke = new AbortController();
  const lease = await it.manager.open(caller({ token: token({ signal: revoke.signal }) }), { service: 'app' }, never);
  using client = await LineClient.connect(at(lease));
  await client.ask('HELLO');
  revoke.abort(new BrokerError('unauthenticated', 'the token was revoked'));
  assert.equal(await client.rest(), '-ERR the token was revoked\n');
});

test('nothing goes upstream before the opening is on disk, nor a further connection before its own is', async () => {
  await using it = await setup();
  const lease = await it.manager.open(caller(), { service: 'app', connections: 2 }, never);
  await it.world.recorded('session.open');
  for (const early of [false, true]) {
    let onDisk = (): void => undefined;
    it.world.auditHold = new Promise((resolve) => {
      onDisk = resolve;
    });
    const held = early ? lease : await it.manager.open(caller(), { service: 'app' }, never);
    if (early) {
      // The lease's first connection has used up what was recorded at its opening.
      it.world.auditHold = undefined;
      using first = await LineClient.connect(at(lease));
      await first.ask('HELLO');
      it.world.auditHold = new Promise((resolve) => {
        onDisk = resolve;
      });
    }
    using client = await LineClient.connect(at(held));
    const served = held === lease ? 2 : 1;
    await client.send('HELLO', 'too early');
    await eventually(() => it.manager.get(held.id)?.connections.served === served);
    // A whole login takes longer than a line on an open connection would.
    await it.manager.open(caller(), { service: 'app' }, never);
    assert.deepEqual(it.server.lines, []);
    onDisk();
    assert.match(await client.line(), /^\+HELLO/);
    assert.equal(await client.line(), 'echo too early');
    it.server.lines.length = 0;
  }
});

test('an audit log that cannot be written lets nobody in', async () => {
  await using it = await setup();
  it.world.auditBroken = true;
  const lease = await it.manager.open(caller(), { service: 'app' }, never).catch((error: unknown) => error);
  if (!(lease instanceof BrokerError) && typeof lease === 'object' && lease !== null && 'address' in lease)
    await assert.rejects(async () => {
      using client = await LineClient.connect(at(lease as Parameters<typeof at>[0]));
      assert.doesNotMatch(await client.ask('HELLO'), /^\+HELLO/);
      throw new Error('refused');
    });
  assert(it.world.reported.length > 0);
  await it.server.until(() => it.server.live === 0);
});

test('no session outlives its token or what the policy allows', async () => {
  await using it = await setup();
  const expiresAt = Date.now() + 5_000;
  const soon = await it.manager.open(caller({ token: token({ expiresAt }) }), { service: 'app' }, never);
  assert.equal(soon.expiresAt, expiresAt);
  const service = it.world.services.get('app');
  if (service) service.maxLifetimeMs = 7_000;
  const before = Date.now();
  const bounded = await it.manager.open(caller(), { service: 'app', lifetimeMs: 3_600_000 }, never);
  assert(bounded.expiresAt >= before + 7_000 && bounded.expiresAt <= Date.now() + 7_000);
});

test('ends at the end of its lifetime', async (t) => {
  await using it = await setup();
  const lifetimeMs = 1_234_567;
  const later = globalThis.setTimeout;
  let pass = (): void => assert.fail('nothing waits for the end of the lifetime');
  t.mock.method(globalThis, 'setTimeout', (work: () => void, ms: number, ...args: unknown[]) => {
    if (ms > lifetimeMs - 60_000 && ms <= lifetimeMs) pass = work;
    return later(work, ms, ...(args as []));
  });
  const lease = await it.manager.open(caller(), { service: 'app', lifetimeMs }, never);
  using client = await LineClient.connect(at(lease));
  await client.ask('HELLO');
  pass();
  assert.equal(await client.rest(), '-ERR the session has reached the end of its lifetime\n');
});

test('a session for the caller itself runs over a stream in memory', async () => {
  await using it = await setup();
  const { lease, stream } = await it.manager.connect(caller(), { service: 'app' }, never);
  using client = new LineClient(stream);
  assert.match(await client.ask('HELLO'), /^\+HELLO/);
  assert.equal(await client.ask('x'), 'echo x');
  client.finish();
  assert.equal(await client.rest(), '');
  const end = await it.world.recorded('session.end');
  assert.deepEqual([end.session, end.code], [lease.id, 'client_finished']);
});

test('a stream that ends before it has said anything ends its handshake, at once', async () => {
  await using it = await setup({ limits: { greetTimeoutMs: 3_600_000 } });
  const { stream } = await it.manager.connect(caller(), { service: 'app' }, never);
  using client = new LineClient(stream);
  client.finish();
  await client.rest();
});
