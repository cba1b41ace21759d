import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import pg from 'pg';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { realPostgres, struct } from '../../support/pgservice.ts';
import { refusal } from '../../support/refusal.ts';
import { rig } from '../../support/rig.ts';
import { eventually } from '../../support/sessions.ts';

/* Service records through the API, against a real PostgreSQL. */

let daemon: TestDaemon;
let admin: BrokerClient;
let superuser: pg.Client;
const role = `rotated_${randomBytes(4).toString('hex')}`;

before(async () => {
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
  const { host, port, logins, databases } = rig().postgres;
  superuser = new pg.Client({ host, port, ...logins.superuser, database: databases.app });
  await superuser.connect();
  await superuser.query(`create role ${role} login password 'first password'`);
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await superuser?.query(`drop role if exists ${role}`);
  await superuser?.end();
});

async function sessionClient(service: string): Promise<pg.Client> {
  const { host, port } = await admin.sessions.open({ service, connections: 0 });
  const client = new pg.Client({ host, port, user: 'anything', database: 'anything' });
  // Sessions may be ended under it: what it says then is not this client's to judge.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const whoami = async (client: pg.Client): Promise<string> =>
  (await client.query('select current_user as name')).rows[0].name;
const rotated = (password: string, config: Record<string, string | number> = {}) => ({
  ...realPostgres('rotated', { user: role, ...config }),
  secrets: { password: Buffer.from(password) },
});

test('a new password takes effect on the next open; live sessions stay and spares are dropped', async () => {
  await admin.services.put(rotated('first password'));
  const old = await sessionClient('rotated');
  assert.equal(await whoami(old), role);
  await eventually(() => daemon.instance.daemon.sessions.spareCount('rotated') === 1);
  await superuser.query(`alter role ${role} password 'second password'`);
  const set = await admin.services.set({ name: 'rotated', secrets: { password: Buffer.from('second password') } });
  assert.deepEqual(set.secretsSet, ['password']);
  assert.equal(daemon.instance.daemon.sessions.spareCount('rotated'), 0);
  assert.equal(await whoami(old), role);
  const fresh = await sessionClient('rotated');
  assert.equal(await whoami(fresh), role);
  assert.deepEqual(
    (await daemon.audit({ action: 'session.open' })).map(({ detail }) => detail?.spare),
    [false, false],
  );
  await Promise.all([old.end(), fresh.end()]);
});

test('a password that was rotated upstream only is refused with the words that help', async () => {
  await admin.services.put(rotated('an old password', { spares: 0 }));
  const error = await refusal(admin.sessions.open({ service: 'rotated' }), 'upstream_auth');
  const { host, port } = rig().postgres;
  assert.equal(error.message, `rotated: PostgreSQL at ${host}:${port} refused the password for user ${role} (28P01)`);
  assert.ok(!JSON.stringify(error).includes('an old password'));
});

test('a change of where the secret goes drops it, unless it comes along', async () => {
  // A server that may let us in without one: only then can a record go on without its password.
  const open = { ...realPostgres('moved', { min_auth: 'none' }), secrets: { password: Buffer.from('pw') } };
  const changes = [{ host: 'b.test' }, { port: 6543 }, { tls: 'require' }, { ca: null }, { server_name: 'x.test' }];
  for (const config of changes) {
    await admin.services.put({ ...open, secrets: { password: Buffer.from('pw') } });
    const changed = await admin.services.set({ name: 'moved', config: struct(config as never) });
    assert.deepEqual(changed.secretsSet, [], JSON.stringify(config));
  }
  const dropped = (await daemon.audit({ action: 'service.set' })).map(({ detail }) => detail?.dropped).filter(Boolean);
  assert.deepEqual(dropped, Array(changes.length).fill('password'));
  const secrets = { password: Buffer.from('pw') };
  const along = await admin.services.set({ name: 'moved', config: struct({ host: 'c.test' }), secrets });
  assert.deepEqual(along.secretsSet, ['password']);
});

test('where the secret is needed, the change is refused and says what to give', async () => {
  const { revision } = await admin.services.put(realPostgres('needed'));
  for (const config of [{ host: 'elsewhere.test' }, { min_auth: 'md5' }]) {
    const error = await refusal(
      admin.services.set({ name: 'needed', config: struct(config as never) }),
      'invalid_argument',
    );
    assert.match(
      error.message,
      /changing (host|min_auth) drops the stored password, since it could go to somebody else/,
    );
    assert.match(error.hint ?? '', /--password-stdin/);
  }
  assert.equal((await admin.services.get({ name: 'needed' })).revision, revision);
});

test('a change of anything else keeps the secret, as does a default that is spelled out', async () => {
  await admin.services.put({ ...realPostgres('stays', {}), secrets: { password: Buffer.from('pw') } });
  for (const config of [
    { user: 'b' },
    { database: 'c' },
    { spares: 2 },
    { tls: 'verify-full' },
    { min_auth: 'scram-sha-256' },
    { port: String(rig().postgres.port) },
  ])
    assert.deepEqual(
      (await admin.services.set({ name: 'stays', config: struct(config) })).secretsSet,
      ['password'],
      JSON.stringify(config),
    );
});

test('null takes a field away, an unknown one is named, and a bad change changes nothing', async () => {
  const before = await admin.services.put(realPostgres('edited', { spares: 3 }));
  const without = await admin.services.set({ name: 'edited', config: struct({ spares: null }) });
  assert.ok(!('spares' in (without.config?.fields ?? {})));
  assert.ok(Number(without.revision) > Number(before.revision));
  const wrong = await refusal(
    admin.services.set({ name: 'edited', config: struct({ datbase: 'x' }) }),
    'invalid_argument',
  );
  assert.match(wrong.message, /datbase is not a field of this kind \(did you mean database\?\)/);
  await refusal(admin.services.set({ name: 'edited', config: struct({ tls: 'prefer' }) }), 'invalid_argument');
  await refusal(
    admin.services.set({ name: 'edited', config: struct({ password: 'in the clear' }) }),
    'invalid_argument',
  );
  assert.equal((await admin.services.get({ name: 'edited' })).revision, without.revision);
});

test('a change made against an older revision is a conflict', async () => {
  const { revision } = await admin.services.put(realPostgres('raced'));
  await admin.services.set({ name: 'raced', config: struct({ spares: 2 }), ifRevision: revision });
  const late = admin.services.set({ name: 'raced', config: struct({ spares: 5 }), ifRevision: revision });
  await refusal(late, 'conflict');
  assert.equal((await admin.services.get({ name: 'raced' })).config?.fields?.spares?.numberValue, 2);
});

test('create_only refuses a name that is taken, and a replace drops the secrets that are not given', async () => {
  await admin.services.put(realPostgres('once'));
  await refusal(admin.services.put({ ...realPostgres('once'), createOnly: true }), 'already_exists');
  const open = realPostgres('once', { min_auth: 'none' });
  assert.deepEqual((await admin.services.put({ ...open, secrets: {} })).secretsSet, []);
  for (const name of ['', '../x', '-x', 'a'.repeat(129), 'a b'])
    await refusal(admin.services.put({ ...realPostgres('x'), name }), 'invalid_argument');
});

test('a deleted service ends its sessions and its spares', async () => {
  await admin.services.put(realPostgres('doomed'));
  const client = await sessionClient('doomed');
  const over = new Promise<void>((resolve) => client.once('end', resolve));
  await eventually(() => daemon.instance.daemon.sessions.spareCount('doomed') === 1);
  await admin.services.delete({ name: 'doomed' });
  await over;
  assert.equal(daemon.instance.daemon.sessions.spareCount('doomed'), 0);
  await refusal(admin.services.get({ name: 'doomed' }), 'not_found');
  await refusal(admin.sessions.open({ service: 'doomed' }), 'not_found');
});

test('a test of a service names each hop, and uses what is stored', async () => {
  await admin.services.put(realPostgres('tested', { host: 'localhost' }));
  const good = await admin.services.test({ name: 'tested' });
  assert.deepEqual(
    [good.ok, good.error, good.hops.map(({ name, ok }) => `${name} ${ok}`)],
    [true, '', ['dns true', 'tcp true', 'tls true', 'auth true']],
  );
  await admin.services.put(realPostgres('tested', { ca: rig().tls.otherCa.cert }));
  const bad = await admin.services.test({ name: 'tested' });
  assert.deepEqual([bad.ok, bad.hops.at(-1)?.name, bad.hops.at(-1)?.ok], [false, 'tls', false]);
  assert.match(bad.error, /^tested: /);
  assert.equal(
    (await daemon.audit({ action: 'gate.admit' })).filter(
      ({ service, detail }) => service === 'tested' && detail?.for === 'test',
    ).length,
    2,
  );
});
