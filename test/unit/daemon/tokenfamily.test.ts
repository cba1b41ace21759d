import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewToken } from '../../../src/daemon/minting.ts';
import { AMBIENT_GRANTS } from '../../../src/daemon/token.ts';
import { broken, NEVER, OWNER, password } from '../vault/home.ts';
import { HOUR } from './callers.ts';

import { child, end, PROXY, scene, UNIX } from './tokenscene.ts';

test('revoking ends a token, its children and grandchildren, and no other', async (t) => {
  const { tokens, vault } = await scene(t);
  const root = await tokens.create(PROXY);
  const first = await tokens.create(child(root.record));
  const second = await tokens.create(child(first.record));
  const other = await tokens.create({ ...PROXY, name: 'other' });
  const ends = [root, first, second, other].map(({ token }) => end(tokens, token));
  await tokens.revoke(root.record.id);
  assert.deepEqual(
    ends.map(({ signal }) => signal.aborted),
    [true, true, true, false],
  );
  assert.match(ends[2]?.why() ?? '', /was revoked/);
  assert.deepEqual(
    vault.list('token').map(({ name }) => name),
    [other.record.id],
  );
  assert.throws(() => tokens.authenticate(second.token, UNIX), broken('unauthenticated'));
});

test('a child has its parent in its name, and never more than the parent', async (t) => {
  const { tokens, clock } = await scene(t);
  const { record } = await tokens.create({
    ...PROXY,
    grants: [{ services: 'app-*', actions: ['open', 'http'] }],
    boundUid: 1000,
  });
  const grants = [{ services: 'app-db', actions: ['open'] as const }];
  const made = await tokens.create(child(record, { name: 'root', grants, ttlMs: 24 * HOUR, boundUid: 0 }));
  const { name, parent, expiresAt, boundUid } = made.record;
  assert.deepEqual(
    { name, parent, expiresAt, boundUid },
    { name: 'agent/root', parent: record.id, expiresAt: clock.now() + HOUR, boundUid: 1000 },
  );
  const wider: Partial<NewToken>[] = [
    { grants: [{ services: '*', actions: ['open'] }] },
    { grants: [{ services: 'app*', actions: ['open'] }] },
    { grants: [{ services: 'app-db', actions: ['open', 'exec'] }] },
    { grants: [...grants, { services: 'web', actions: ['open'] }] },
    { scope: 'admin', grants: [] },
  ];
  for (const more of wider)
    await assert.rejects(tokens.create(child(record, more)), broken('denied'), JSON.stringify(more));
});

test('a child of a token without end needs one, and an ended parent makes none', async (t) => {
  const { tokens } = await scene(t);
  const { record } = await tokens.create({ name: 'agent', scope: 'proxy', grants: AMBIENT_GRANTS });
  await assert.rejects(
    tokens.create({ scope: 'proxy', grants: [], parent: record.id }),
    broken('invalid_argument', /^ttl/),
  );
  await tokens.revoke(record.id);
  await assert.rejects(tokens.create(child(record)), broken('unauthenticated'));
});

test('a parent revoked while its child is being stored takes the child with it', async (t) => {
  const { tokens, vault } = await scene(t);
  const { record } = await tokens.create(PROXY);
  const revoking = tokens.revoke(record.id);
  await assert.rejects(tokens.create(child(record)), broken('unauthenticated'));
  await revoking;
  assert.equal(vault.list('token').length, 0);
  assert.deepEqual(tokens.list(), []);
});

test('a child being stored when its parent is revoked ends with it', async (t) => {
  const { tokens, vault } = await scene(t);
  const { record } = await tokens.create(PROXY);
  const creating = tokens.create(child(record));
  await tokens.revoke(record.id);
  const { token } = await creating;
  assert.throws(() => tokens.authenticate(token, UNIX), broken('unauthenticated'));
  assert.equal(vault.list('token').length, 0);
});

test('generations and children are limited', async (t) => {
  const { tokens } = await scene(t);
  let { record } = await tokens.create(PROXY);
  for (let n = 0; n < 3; n++) ({ record } = await tokens.create(child(record)));
  await assert.rejects(tokens.create(child(record)), broken('exhausted', /nest 4 deep/));
});

test('expired tokens are purged from the vault, with their children, and not while it is locked', async (t) => {
  const { tokens, clock, vault } = await scene(t);
  const { record } = await tokens.create(PROXY);
  await tokens.create(child(record));
  await tokens.create({ ...PROXY, name: 'longer', ttlMs: 2 * HOUR });
  clock.advance(HOUR);
  vault.lock();
  assert.equal(await tokens.purgeExpired(), 0);
  await vault.unlock(password(), OWNER, NEVER);
  assert.equal(await tokens.purgeExpired(), 2);
  assert.deepEqual(
    vault.list('token').map(({ fields }) => fields.name),
    ['longer'],
  );
});

const refused: readonly [Partial<NewToken>, RegExp][] = [
  [{ name: '' }, /^name/],
  [{ name: 'a/b' }, /^name/],
  [{ name: 'x'.repeat(101) }, /^name/],
  [{ ttlMs: 0 }, /^ttl/],
  [{ ttlMs: Number.NaN }, /^ttl/],
  [{ ttlMs: -5 }, /^ttl/],
  [{ grants: [{ services: 'a b', actions: ['open'] }] }, /grants\[0\]\.services/],
  [{ grants: [{ services: '*', actions: [] }] }, /grants\[0\]\.actions/],
  [{ grants: [{ services: '*', actions: ['expose'] }] }, /grants\[0\]\.actions/],
  [{ scope: 'admin' }, /^grants/],
];
for (const [more, message] of refused) {
  test(`refuses to make ${JSON.stringify(more).slice(0, 60)}`, async (t) => {
    const { tokens, vault } = await scene(t);
    await assert.rejects(tokens.create({ ...PROXY, ...more }), broken('invalid_argument', message));
    assert.equal(vault.list('token').length, 0);
  });
}
