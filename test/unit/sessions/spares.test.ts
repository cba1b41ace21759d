import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import { LineClient } from '../../support/client.ts';
import { caller, eventually, never } from '../../support/sessions.ts';
import { setup } from './setup.ts';

type Scene = Awaited<ReturnType<typeof setup>>;

/** Opens a session and uses it once, so that the service keeps a spare. */
async function use(it: Scene, hello = 'HELLO'): Promise<string> {
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  using client = await LineClient.connect({ host: lease.address.host, port: lease.address.port });
  return await client.ask(hello);
}

const spare = (it: Scene) => eventually(() => it.manager.spareCount('app') === 1);

test('a service keeps a spare after its first use, not before', async () => {
  await using it = await setup({ spares: 1 });
  await it.manager.open(caller(), { service: 'app' }, never);
  assert.equal(it.server.logins.length, 1);
  await use(it);
  await spare(it);
  assert.equal(it.server.logins.length, 3);
});

test('a spare is handed out once, and replaced', async () => {
  await using it = await setup({ spares: 1 });
  assert.match(await use(it), /key-1$/);
  await spare(it);
  assert.match(await use(it), /key-2$/);
  await spare(it);
  assert.match(await use(it), /key-3$/);
  assert.equal((await it.world.recorded('session.open', (event) => event.detail?.spare === true)).outcome, 'ok');
});

test('a client is served before the spare that it got is replaced', async () => {
  await using it = await setup({ spares: 1, limits: { replenishAfterMs: 3_600_000 } });
  assert.match(await use(it), /key-1$/);
  await eventually(() => it.manager.list().length === 0);
  assert.equal(it.server.logins.length, 1);
});

test('a spare is only handed to a caller that the gate admits', async () => {
  await using it = await setup({ spares: 1 });
  await use(it);
  await spare(it);
  it.world.refuse = new BrokerError('denied', 'not you');
  await assert.rejects(use(it), { code: 'denied' });
  assert.equal(it.manager.spareCount('app'), 1);
});

test('a spare that died is not handed out', async () => {
  await using it = await setup({ spares: 1 });
  await use(it);
  await spare(it);
  it.server.dropAll();
  await it.server.until(() => it.server.live === 0);
  assert.match(await use(it), /key-3$/);
});

test('spares have the parameters of the last client, and only fit those', async () => {
  await using it = await setup({ spares: 1 });
  await use(it, 'HELLO;tz=CET');
  await eventually(() => it.server.logins.length === 3);
  await it.server.until(() => it.server.live === 1);
  await spare(it);
  assert.deepEqual(it.server.logins, ['', ';tz=CET', ';tz=CET']);
  const before = it.server.logins.length;
  const lease = await it.manager.open(caller(), { service: 'app' }, never);
  assert.equal(it.server.logins.length, before);
  using client = await LineClient.connect({ host: lease.address.host, port: lease.address.port });
  assert.match(await client.ask('HELLO;tz=CET'), /tz=CET/);
  await it.manager.open(caller(), { service: 'app', params: new Map([['tz', 'UTC']]) }, never);
  assert.equal(it.server.logins.at(-1), ';tz=UTC');
});

test('rotation drops spares: those known of at once, those of another revision when asked for', async () => {
  await using it = await setup({ spares: 1 });
  await use(it);
  await spare(it);
  await it.manager.dropSpares('app');
  assert.equal(it.manager.spareCount('app'), 0);
  await it.server.until(() => it.server.live === 0);
  assert.match(await use(it), /key-3$/);
  await spare(it);
  const service = it.world.services.get('app');
  if (service) service.revision = 2;
  assert.match(await use(it), /key-5$/);
});

test('lock drops spares and what dials them', async () => {
  await using it = await setup({ spares: 1 });
  await use(it);
  await spare(it);
  await it.manager.endAll('locked');
  assert.equal(it.manager.spareCount('app'), 0);
  await it.server.until(() => it.server.live === 0);
});

test('spares go when the service is not used any more', async () => {
  await using it = await setup({ spares: 1, limits: { spareLingerMs: 50 } });
  await use(it);
  await eventually(() => it.server.logins.length === 2);
  await it.server.until(() => it.server.live === 0);
  assert.equal(it.manager.spareCount('app'), 0);
});

test('a spare that is too old is not handed out', async () => {
  await using it = await setup({ spares: 1 });
  await use(it);
  await spare(it);
  it.world.skewMs = 300_001;
  assert.match(await use(it), /key-3$/);
});

test('a failed spare dial is reported and not retried before the next explicit open', async () => {
  await using it = await setup({ spares: 1 });
  const lease = await it.manager.open(caller(), { service: 'app', connections: 0 }, never);
  it.server.refusal = 'auth account locked';
  using first = await LineClient.connect({ host: lease.address.host, port: lease.address.port });
  await first.ask('HELLO');
  await eventually(() => it.world.reported.length === 1);
  const attempts = it.server.attempts;
  using second = await LineClient.connect({ host: lease.address.host, port: lease.address.port });
  assert.match(await second.ask('HELLO'), /account locked/);
  assert.equal(it.server.attempts, attempts + 1);
  it.server.refusal = undefined;
  await use(it);
  await spare(it);
});

test('a server that has too many connections gets the spares back, and is asked once more', async () => {
  await using it = await setup({ spares: 1 });
  await use(it);
  await spare(it);
  // The client's own connection ends by itself, and would be refused for as well.
  await it.server.until(() => it.server.live === 1);
  // Refuses while the spare is there: as a server does whose last slot the spare has taken.
  it.server.most = 1;
  const lease = await it.manager.open(caller(), { service: 'app', params: new Map([['tz', 'UTC']]) }, never);
  assert.equal(lease.state, 'waiting');
  assert.equal(it.manager.spareCount('app'), 0);
});

test('a spare makes room when the service may have no more connections', async () => {
  await using it = await setup({ spares: 1 });
  const service = it.world.services.get('app');
  if (service) service.maxSessions = 2;
  await use(it);
  await spare(it);
  await it.server.until(() => it.server.live === 1);
  const params = new Map([['tz', 'UTC']]);
  await it.manager.open(caller(), { service: 'app', params }, never);
  await it.manager.open(caller(), { service: 'app', params }, never);
  await assert.rejects(it.manager.open(caller(), { service: 'app', params }, never), { code: 'exhausted' });
});
