import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { BrokerError } from '../../src/core/errors.ts';
import type { PeerIdentity } from '../../src/daemon/caller.ts';
import type { SessionDeps } from '../../src/daemon/sessions/deps.ts';
import { eventually, never, peers, type World } from '../support/sessions.ts';
import type { ContractHarness } from './harness.ts';
import { sharedContract } from './shared.ts';
import { connectAs, handles, nothingLeft, refused, SERVICE, type Stage, setStage } from './stage.ts';

/** Nobody's uid, and not `nobody`. */
const STRANGER = 54_321;

/** What every driver has to keep, whatever its protocol: DESIGN §12, MECHANISMS §1 and §2. */
export function driverContract(name: string, harness: ContractHarness): void {
  const { client, driver } = harness;
  const claim = (what: string, body: (stage: Stage, t: TestContext) => Promise<void>, deps?: Partial<SessionDeps>) =>
    test(`${name}: ${what}`, async (t) => {
      await using stage = await setStage(harness, deps);
      await body(stage, t);
    });

  claim('a wrong password is the answer to open, before anything listens', async ({ server, world, open }) => {
    const service = world.services.get(SERVICE);
    if (service) service.config = () => harness.config(server, 'a-wrong-password');
    const error = await open().catch((thrown: unknown) => thrown);
    assert(error instanceof BrokerError);
    assert.deepEqual([error.code, error.hop], ['upstream_auth', 'auth']);
    assert(error.message.startsWith(`${SERVICE}: `));
    assert(!error.message.includes('a-wrong-password'));
    assert.deepEqual(world.manager.list(), []);
    await server.until(() => server.live === 0);
  });

  claim('a login weaker than configured is refused, and the password is not sent', async ({ server, open }) => {
    server.behaviour = 'downgrade';
    await assert.rejects(open(), { code: 'upstream_auth' });
    await server.until(() => server.live === 0);
    assert(server.attempts > 0);
    assert(!server.received.includes(harness.password));
  });

  claim('an abort while dialling frees the socket', async ({ server, world, open }) => {
    server.behaviour = 'silent';
    const abort = new AbortController();
    const opening = open({}, abort.signal);
    const outcome = opening.catch((thrown: unknown) => thrown);
    await server.until(() => server.live === 1);
    abort.abort();
    const error = await outcome;
    assert(error instanceof BrokerError);
    assert.equal(error.code, 'cancelled');
    await server.until(() => server.live === 0);
    assert.deepEqual(world.manager.list(), []);
  });

  claim(
    'a server that says nothing is given up, and named',
    async ({ server, open }) => {
      server.behaviour = 'silent';
      await assert.rejects(open(), { code: 'upstream_timeout' });
      await server.until(() => server.live === 0);
    },
    { limits: { openTimeoutMs: 100 } },
  );

  claim('a client logs in, asks, is answered, and leaves', async ({ server, world, open, enter }) => {
    const lease = await open();
    using conn = await enter(lease);
    assert.equal(await client.login(conn), undefined);
    await conn.write(client.request('one'), never);
    assert.match(await client.answer(conn), /one/);
    conn.destroy();
    const end = await world.recorded('session.end');
    assert(end.bytesUp && end.bytesDown);
    await server.until(() => server.live === 0);
  });

  claim('bytes that a client pipelines behind its login survive', async ({ open, enter }) => {
    using conn = await enter(await open());
    const requests = Buffer.concat(['one', 'two', 'three'].map((marker) => client.request(marker)));
    assert.equal(await client.login(conn, undefined, requests), undefined);
    for (const marker of ['one', 'two', 'three']) assert.match(await client.answer(conn), new RegExp(marker));
  });

  claim('a client that half-closes behind its request gets the whole answer', async ({ world, open, enter }) => {
    using conn = await enter(await open());
    assert.equal(await client.login(conn), undefined);
    conn.socket.end(client.request('x'.repeat(100_000)));
    assert.match(await client.answer(conn), /x{100000}/);
    assert.equal(await conn.some(never), undefined);
    assert.equal((await world.recorded('session.end')).code, 'client_finished');
  });

  claim('last words of a server that half-closes reach the client, then the end', async ({ world, open, enter }) => {
    using conn = await enter(await open());
    assert.equal(await client.login(conn), undefined);
    await conn.write(client.finish(), never);
    assert.match(await client.answer(conn), /last words/);
    assert.equal(await conn.some(never), undefined);
    conn.socket.end();
    assert.equal((await world.recorded('session.end')).code, 'upstream_finished');
  });

  claim('the session ends when no client comes in time', async ({ server, world, open }) => {
    const lease = await open({ acceptTimeoutMs: 1 });
    assert.equal((await world.recorded('session.end')).code, 'accept_timeout');
    await server.until(() => server.live === 0);
    await refused(lease);
  });

  claim('a second client of a one-shot session is told so; the first goes on', async ({ open, enter }) => {
    const lease = await open();
    using first = await enter(lease);
    assert.equal(await client.login(first), undefined);
    using second = await enter(lease);
    assert.match((await client.login(second)) ?? '', /one client/);
    await first.write(client.request('still here'), never);
    assert.match(await client.answer(first), /still here/);
  });

  claim(
    'several clients of one session each have their own connection, or their own part of one',
    async ({ server, open, enter }) => {
      const lease = await open({ connections: 0 });
      using first = await enter(lease);
      using second = await enter(lease);
      assert.equal(await client.login(first), undefined);
      assert.equal(await client.login(second), undefined);
      await second.write(client.request('second'), never);
      await first.write(client.request('first'), never);
      assert.match(await client.answer(first), /first/);
      assert.match(await client.answer(second), /second/);
      assert(driver.trunks ? server.live === 1 : server.live >= 2);
    },
  );

  claim('only the ticket opens a session that has one', async ({ world, open, enter }) => {
    const lease = await open({ check: 'ticket' });
    const ticket = lease.ticket?.use((bytes) => bytes.toString()) ?? '';
    assert(ticket.length >= 32);
    using wrong = await enter(lease);
    assert.notEqual(await client.login(wrong, 'f'.repeat(32)), undefined);
    assert.equal((await world.recorded('session.refuse')).code, 'denied');
    using right = await enter(lease);
    assert.equal(await client.login(right, ticket, client.request('in')), undefined);
    assert.match(await client.answer(right), /in/);
  });

  test(`${name}: a process of another user is refused and uses nothing up`, async (t) => {
    const real = await peers();
    const root = process.getuid?.() === 0;
    // Without root no process of another user can be had: then the kernel's answer is bent instead of the fact.
    const bent = async (): Promise<PeerIdentity> => ({ uid: STRANGER });
    if (!root) t.diagnostic('not root: the peer lookup is bent to report another uid');
    await using stage = await setStage(harness, root ? {} : { peers: { ...real, tcp: bent } });
    const { world, open, enter } = stage;
    const lease = await open();
    using stranger = root ? await connectAs(STRANGER, lease, harness) : await enter(lease);
    assert.match((await client.login(stranger)) ?? '', /another user/);
    const refusal = await world.recorded('session.refuse');
    assert.deepEqual([refusal.code, refusal.detail], ['denied', { peerUid: STRANGER }]);
    assert.equal(world.manager.get(lease.id)?.connections.served, 0);
    if (!root) return;
    using owner = await enter(lease);
    assert.equal(await client.login(owner), undefined);
  });

  claim('garbage, silence and port probes neither block a session nor use it up', async ({ open, enter }) => {
    const lease = await open();
    using _silent = await enter(lease);
    using probe = await enter(lease);
    probe.destroy();
    using garbage = await enter(lease);
    await garbage.write(Buffer.alloc(64, 0xee), never);
    garbage.socket.end();
    using conn = await enter(lease);
    assert.equal(await client.login(conn), undefined);
  });

  for (const [what, act, words] of [
    ['revoking', (world) => world.grants[0]?.revoke(new BrokerError('ended', 'the token was revoked')), /revoked/],
    ['locking', (world) => void world.manager.endAll('locked'), /locked/],
  ] as const satisfies readonly [string, (world: World) => void, RegExp][]) {
    claim(`${what} ends a live session, in the protocol's words or none`, async ({ server, world, open, enter }) => {
      using conn = await enter(await open());
      assert.equal(await client.login(conn), undefined);
      await conn.write(client.request('x'), never);
      await client.answer(conn);
      act(world);
      const told = await client.farewell(conn);
      if (told !== '') assert.match(told, words);
      await world.recorded('session.end');
      await server.until(() => server.live === 0);
    });
  }

  claim('lock does not wait for a client that reads nothing', async ({ server, world, open, enter }) => {
    using conn = await enter(await open());
    assert.equal(await client.login(conn), undefined);
    const much = client.request('x'.repeat(60_000));
    // Nothing is read: the answers fill every buffer on the way.
    for (let i = 0; i < 200 && conn.socket.write(much); i++);
    await world.manager.endAll('locked');
    assert.deepEqual(world.manager.list(), []);
    await server.until(() => server.live === 0);
  });

  claim('a connection that died while it waited is replaced', async ({ server, world, open, enter }) => {
    const lease = await open({ acceptTimeoutMs: 300_000 });
    server.dropAll();
    await server.until(() => server.live === 0);
    world.skewMs = 10_000;
    using conn = await enter(lease);
    assert.equal(await client.login(conn), undefined);
    await conn.write(client.request('alive'), never);
    assert.match(await client.answer(conn), /alive/);
  });

  if (driver.trunks) sharedContract(claim, client);
  else
    claim('a spare is a logged-in connection like any other', async ({ server, world, open, enter }) => {
      const service = world.services.get(SERVICE);
      const config = service?.config;
      if (service && config) service.config = () => ({ ...(config() as object), spares: 1 });
      using first = await enter(await open());
      assert.equal(await client.login(first), undefined);
      await eventually(() => world.manager.spareCount(SERVICE) === 1);
      const before = server.attempts;
      const lease = await open();
      assert.equal(server.attempts, before);
      using second = await enter(lease);
      assert.equal(await client.login(second, undefined, client.request('spare')), undefined);
      assert.match(await client.answer(second), /spare/);
    });

  test(`${name}: nothing is left behind`, async () => {
    await using stage = await setStage(harness);
    const { server, world, open, enter } = stage;
    const round = async (): Promise<void> => {
      const lease = await open();
      using conn = await enter(lease);
      assert.equal(await client.login(conn, undefined, client.request('x')), undefined);
      await client.answer(conn);
      conn.destroy();
      await world.recorded('session.end', (event) => event.session === lease.id);
      await server.until(() => server.live === 0);
    };
    await round();
    const before = await handles();
    for (let i = 0; i < 20; i++) await round();
    await nothingLeft(before);
    assert.deepEqual(world.reported, []);
  });

  test(`${name}: its hint tells a stock client where to go, escaped`, async () => {
    await using server = await harness.start();
    const config = harness.config(server, harness.password);
    const hint = driver.hint({ listen: 'tcp', host: '127.0.0.1', port: 4711, tls: false, ticket: 'ab12' }, config);
    assert.match(hint.url, /127\.0\.0\.1:4711/);
    assert.match(hint.url, /ab12/);
    assert(!JSON.stringify(hint).includes(harness.password));
  });
}
